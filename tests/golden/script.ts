/**
 * What happened between the requests of `events_*.txt`: their headings tell it to people, this table to the replay.
 * @module
 */
import type { Flow, JoinedMachines, JoinedRelay } from "../support/joined_machines.ts";
import { relayAddress, type RelayHostOptions } from "../support/relay_host.ts";

/** Time limits of the relay in those recordings; the kernel's 60 s took the place of an idle time. */
export const RELAY_OPTIONS: RelayHostOptions = {
  version: "4.1.2",
  addresses: [relayAddress("127.0.0.1")],
  endPort: 50_000,
  restMs: 1e9, // so that a port stands for one party of one call
  timeouts: { streamTimeoutMs: 6000, onHoldTimeoutMs: 10_000, idleTimeoutMs: 60_000, oneWayAfterMs: 10_000 },
};

/** The machines in the middle of a transcript. */
export class Stage {
  relay: JoinedRelay;
  #flows: Flow[] = [];

  constructor(readonly machines: JoinedMachines) {
    this.relay = machines.startRelay(RELAY_OPTIONS, "127.0.0.1");
  }

  startRelay(): void {
    this.relay = this.machines.startRelay(RELAY_OPTIONS, "127.0.0.1");
  }

  killRelay(): void {
    this.machines.killRelay(this.relay);
  }

  /** The phones of a call send, from now on, 50 packets a second each. */
  startMedia(callId: string, caller = "127.0.0.1:6000", callee = "127.0.0.1:7000"): void {
    const { host } = this.relay;
    // Multi-stream calls of the recordings have media in the first stream only, and that is audio.
    const flows = [["caller", caller], ["callee", callee]] as const;
    this.#flows.push(
      ...flows.map(([party, source]) => this.machines.startFlow(this.relay, host.localPort(callId, party), source)),
    );
  }

  stopMedia(): void {
    for (const flow of this.#flows.splice(0)) this.machines.stopFlow(flow);
  }

  seconds(seconds: number): void {
    this.machines.advance(seconds * 1000);
  }

  /** The dispatcher is gone for so long that the relay tries again only after ten seconds. */
  restartDispatcher(): void {
    this.machines.restartDispatcher();
    this.seconds(10);
    this.relay.connect();
  }
}

/** What happens after a section's n-th step; 0 is before the first. */
type SectionScript = Readonly<Record<number, (stage: Stage) => void>>;

export const SCRIPT: Readonly<Record<string, Readonly<Record<string, SectionScript>>>> = {
  "events_expiry.txt": {
    "A. offer only, nothing else; stream_timeout=6": { 1: (stage) => stage.seconds(13) }, // twice: see docs/differences.md
    "B. offer+answer, no media": { 2: (stage) => stage.seconds(8) },
    "C. offer+answer both ice=yes, no media": { 2: (stage) => stage.seconds(8) },
    "D. on hold (sendonly/recvonly) 10 s on_hold_timeout, one way of media before, then no media": {
      2: (stage) => {
        stage.startMedia("exD");
        stage.seconds(2);
        stage.stopMedia();
      },
      4: (stage) => stage.seconds(12),
    },
    "E. media flowed, then stopped (kernel conntrack rule of the relay expires after its 60 s initial timeout)": {
      2: (stage) => {
        stage.startMedia("exE");
        stage.seconds(7);
        stage.stopMedia();
        stage.seconds(62);
      },
    },
  },
  "events_lifecycle.txt": {
    "1. relay killed with SIGKILL while a call is up": {
      2: (stage) => stage.killRelay(),
      6: (stage) => stage.startRelay(),
    },
    "2. relay stopped with SIGTERM while a call is up": { 2: (stage) => stage.relay.stop() },
    "3. relay SIGHUP (graceful) while a call is up": {
      0: (stage) => stage.startRelay(),
      2: (stage) => stage.relay.host.relay.drain(),
      6: (stage) => stage.killRelay(),
    },
    "4. relay frozen (SIGSTOP), relay_timeout=5": {
      0: (stage) => stage.startRelay(),
      2: (stage) => stage.relay.freeze(),
      3: (stage) => stage.seconds(5),
      4: (stage) => stage.relay.thaw(),
      5: (stage) => stage.seconds(11),
    },
    "5. dispatcher SIGTERM and start again while a call is up": { 2: (stage) => stage.restartDispatcher() },
    "6. dispatcher SIGKILL and start again": { 2: (stage) => stage.restartDispatcher() },
  },
  "events_management.txt": {
    "one audio call with media flowing 50 pps both ways": {
      2: (stage) => {
        stage.startMedia("mg1");
        stage.seconds(933 * 0.02); // the 934th packet has just come
        stage.stopMedia();
      },
    },
    "remove of that call": { 0: (stage) => stage.seconds(0.5) },
  },
};

/** A request that the transcript describes, but does not show. */
export const UNSHOWN_REQUEST = {
  text: "remove\r\ncall_id: unknown\r\nfrom_tag: a\r\nto_tag: b\r\n\r\n",
  chunkBytes: 1,
};
