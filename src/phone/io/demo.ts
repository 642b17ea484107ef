// deno-lint-ignore-file camelcase -- the keys of the statistics are those of the original
/** The demonstration: two phones behind simulated NATs, one call, and what became of it, step by step. @module */
import type { Logger } from "../../env/log.ts";
import { parseNameAddr } from "../../sip/name_addr.ts";
import { parseVia } from "../../sip/via.ts";
import type { SipResponse } from "../../sip/message.ts";
import type { AudioDescription } from "../sdp.ts";
import { readAudio } from "../sdp.ts";
import { type NatKind, SimulatedNat } from "./simulated_nat.ts";
import { type PhoneCall, TestPhone } from "./test_phone.ts";

/** What a demonstration runs against. */
export interface DemoOptions {
  readonly proxy: { readonly address: string; readonly port: number };
  readonly domain: string;
  readonly users: readonly [caller: DemoUser, callee: DemoUser];
  /** The dispatcher's `sessions`, as JSON. */
  readonly sessions: () => Promise<string>;
  /** Where the dispatcher writes the statistics of ended calls. */
  readonly jsonlPath: string;
  readonly log: Logger;
  readonly say: (text: string) => void;
}

/** An account. */
export interface DemoUser {
  readonly name: string;
  readonly password: string;
}

const TALK_MS = 2000;
const STEP_MS = 100;
const MAX_STEPS = 100;
/** A second of a pure tone that came through G.711 has a share above 0.9. */
const HEARD_SHARE = 0.9;

/** Runs it. Whether everything was as it should be. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const { say } = options;
  await using demo = new Demo(options);
  try {
    const passed = await demo.run();
    say(
      passed
        ? "\nVERDICT: it works. Both phones heard each other, through NATs that neither of them knows of."
        : "\nVERDICT: it does not work; the lines above say what is missing.",
    );
    return passed;
  } catch (error) {
    say(`\nVERDICT: it does not work: ${(error as Error).message}`);
    return false;
  }
}

class Demo implements AsyncDisposable {
  readonly #options: DemoOptions;
  readonly #nats: readonly [SimulatedNat, SimulatedNat] = [
    new SimulatedNat("cone", "127.0.0.21", "192.168.1.10"),
    new SimulatedNat("symmetric", "127.0.0.22", "10.0.0.20"),
  ];
  readonly #phones: readonly [TestPhone, TestPhone];
  #step = 0;

  constructor(options: DemoOptions) {
    this.#options = options;
    const { users, domain, proxy, log } = options;
    const phone = (index: 0 | 1, toneHz: number) =>
      new TestPhone({
        user: users[index].name,
        password: users[index].password,
        domain,
        proxy,
        toneHz,
        network: this.#nats[index],
        log,
      });
    this.#phones = [phone(0, 440), phone(1, 620)];
  }

  async run(): Promise<boolean> {
    const [alice, bob] = this.#phones;
    await this.#register(alice, this.#nats[0]);
    await this.#register(bob, this.#nats[1]);
    const [callA, callB] = await this.#call(alice, bob);
    const heard = await this.#talk([alice, callA], [bob, callB]);
    await this.#look();
    return await this.#hangUp(callA, callB) && heard;
  }

  #title(text: string): void {
    this.#options.say(`\n${++this.#step}. ${text}`);
  }

  #line(text: string): void {
    this.#options.say(`   ${text}`);
  }

  async #register(phone: TestPhone, nat: SimulatedNat): Promise<void> {
    const { user, network } = phone.options;
    this.#title(`${user} registers, from ${network.address} behind a ${KINDS[nat.kind]} at ${nat.publicAddress}`);
    const response = await phone.register();
    const via = parseVia(response.headerValues("via")[0]!);
    this.#line(`the phone says:      Via ${via.host}:${via.port ?? 5060}, Contact ${contactOf(phone)}`);
    this.#line(`the proxy has seen:  ${via.params.get("received") ?? via.host}:${via.params.get("rport")} (RFC 3581)`);
    this.#line(`answer: ${response.status} ${response.reason}, expires in ${expiresOf(response)} s`);
  }

  async #call(alice: TestPhone, bob: TestPhone): Promise<[PhoneCall, PhoneCall]> {
    this.#title(
      `${alice.options.user} calls ${bob.options.user}; the proxy sends both media streams through the relay`,
    );
    const answered = bob.nextCall();
    const callA = await alice.call(bob.options.user);
    const callB = await answered;
    const wrote = (call: PhoneCall) => shown(readAudio(call.localSdp));
    const reads = (call: PhoneCall) => shown(readAudio(call.remoteSdp));
    this.#line(`offer:   ${alice.options.user} wrote ${wrote(callA)}, ${bob.options.user} reads ${reads(callB)}`);
    this.#line(`answer:  ${bob.options.user} wrote ${wrote(callB)}, ${alice.options.user} reads ${reads(callA)}`);
    return [callA, callB];
  }

  /** Both send their tones for a while. Whether each hears the other's. */
  async #talk(...sides: [TestPhone, PhoneCall][]): Promise<boolean> {
    this.#title("They talk: each phone sends a tone, and listens for the other's");
    await waited(TALK_MS);
    let [passed, other] = [true, sides.length];
    for (const [phone, { audio }] of sides) {
      const { toneHz } = sides[--other]![0].options;
      const share = audio.hears(toneHz);
      const verdict = share >= HEARD_SHARE ? "heard" : "NOT HEARD";
      passed &&= share >= HEARD_SHARE;
      this.#line(
        `${phone.options.user.padEnd(6)} sent ${audio.packetsSent} packets of ${audio.toneHz} Hz, received ` +
          `${audio.packetsReceived} from ${audio.heardFrom || "nobody"}: ${toneHz} Hz ${verdict} (${percent(share)})`,
      );
    }
    return passed;
  }

  /** What the relay has learnt. */
  async #look(): Promise<void> {
    this.#title("What the relay has learnt from the packets");
    for (const session of JSON.parse(await this.#options.sessions()) as SessionFacts[]) {
      for (const stream of session.streams) {
        this.#line(`caller is at ${stream.caller_remote}, and sends to ${stream.caller_local}`);
        this.#line(`callee is at ${stream.callee_remote}, and sends to ${stream.callee_local}`);
      }
    }
  }

  /** Whether the relay gave everything back, and has counted what the phones sent. */
  async #hangUp(callA: PhoneCall, callB: PhoneCall): Promise<boolean> {
    this.#title("The caller hangs up");
    await callA.hangUp();
    await callB.ended;
    for (let step = 0; step < MAX_STEPS; step++) {
      const facts = this.#account(callA.callId);
      const left = (JSON.parse(await this.#options.sessions()) as unknown[]).length;
      if (facts !== undefined && left === 0) return this.#compare(facts, callA, callB);
      await waited(STEP_MS);
    }
    this.#line("the relay did not end the session");
    return false;
  }

  #account(callId: string): StreamFacts | undefined {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.#options.jsonlPath);
    } catch {
      return undefined; // nothing has ended yet
    }
    const sessions = text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as SessionFacts);
    return sessions.find((session) => session.call_id === callId)?.streams[0];
  }

  #compare(facts: StreamFacts, callA: PhoneCall, callB: PhoneCall): boolean {
    const rows = [
      ["caller", callA.audio.packetsSent, facts.caller_packets, callB.audio.packetsReceived],
      ["callee", callB.audio.packetsSent, facts.callee_packets, callA.audio.packetsReceived],
    ] as const;
    this.#line("from      sent by the phone   relayed   received by the other");
    for (const [who, sent, relayed, received] of rows) {
      this.#line(`${who}${String(sent).padStart(15)}${String(relayed).padStart(16)}${String(received).padStart(16)}`);
    }
    this.#line("the session has ended, its ports are free again");
    return rows.every(([, sent, relayed, received]) => relayed > 0 && received > 0 && relayed <= sent);
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const phone of this.#phones) phone.close();
    for (const nat of this.#nats) nat.close();
    return Promise.resolve();
  }
}

interface StreamFacts {
  readonly caller_remote: string;
  readonly callee_remote: string;
  readonly caller_local: string;
  readonly callee_local: string;
  readonly caller_packets: number;
  readonly callee_packets: number;
}

interface SessionFacts {
  readonly call_id: string;
  readonly streams: readonly StreamFacts[];
}

const KINDS: Readonly<Record<NatKind, string>> = {
  cone: "port-restricted cone NAT",
  symmetric: "symmetric NAT",
};

function contactOf(phone: TestPhone): string {
  return parseNameAddr(phone.identity.contact).uri;
}

function expiresOf(response: SipResponse): string {
  const [contact] = response.headerValues("contact");
  return (contact && parseNameAddr(contact).params.get("expires")) ?? response.header("expires") ?? "?";
}

function shown(audio: AudioDescription | undefined): string {
  return audio === undefined ? "nothing" : `${audio.address}:${audio.port}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} % of what it hears`;
}

function waited(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
