/** A dispatcher with everything around it played by the test. @module */
import type { EndedSession, SessionStatistics, StreamStatistics } from "../../src/control/statistics.ts";
import type { Headers } from "../../src/control/headers.ts";
import { Dispatcher } from "../../src/dispatcher/dispatcher.ts";
import { FakeRelay, LINK_OPTIONS } from "./fake_relay.ts";
import { FakeClock, RecordingLogger, seededRandom } from "./fakes.ts";

export const PORTS = "192.0.2.10 40000";
const OPTIONS = { ...LINK_OPTIONS, cleanupDeadRelaysAfterMs: 7_200_000, cleanupExpiredSessionsAfterMs: 86_400_000 };

export class DispatcherBench {
  readonly clock = new FakeClock();
  readonly log = new RecordingLogger();
  readonly accounted: EndedSession[] = [];
  /** The JSON of the requests that would go to SIP servers. */
  readonly endedDialogs: string[] = [];
  readonly dispatcher: Dispatcher;

  constructor(seed = 1) {
    this.dispatcher = new Dispatcher(
      OPTIONS,
      {
        account: (session) => this.accounted.push(session),
        endDialog: (request) => this.endedDialogs.push(request.json),
      },
      this.clock,
      seededRandom(seed),
      this.log,
    );
  }

  /** A relay that has connected and said what it carries. */
  relay(
    hostname = "192.0.2.10",
    sessions: readonly SessionStatistics[] = [],
    summary: Record<string, unknown> = {},
  ): FakeRelay {
    return new FakeRelay(hostname).join(this.dispatcher, sessions, summary);
  }

  /** Sends a request as a SIP server does. The array gets the answers: one, if all is well. */
  ask(command: string, headers: Headers): string[] {
    const answers: string[] = [];
    this.dispatcher.handle({ command, headers }, (text) => answers.push(text));
    return answers;
  }

  /** A call between `caller` and `callee` on `relay`, answered. */
  call(relay: FakeRelay, fields: Record<string, string> = {}): void {
    this.ask("update", offer(fields));
    relay.answer("update", PORTS);
    this.ask("update", reply(fields));
    relay.answer("update", PORTS);
  }

  advance(durationMs: number): void {
    this.clock.advance(durationMs);
    this.dispatcher.handleTimeout();
  }

  get paramsOfEndedDialogs(): unknown[] {
    return this.endedDialogs.map((json) => JSON.parse(json).params);
  }
}

/** The headers of an initial INVITE's `update`; "" leaves one out. */
export function offer(fields: Record<string, string> = {}): Headers {
  return present({
    type: "request",
    dialog_id: "10:20",
    call_id: "call",
    cseq: "1",
    from_tag: "caller",
    signaling_ip: "198.51.100.1",
    media: "audio:198.51.100.1:6000:sendrecv:ice=no",
    ...fields,
  });
}

/** The headers of its 200's `update`. */
export function reply(fields: Record<string, string> = {}): Headers {
  return offer({ type: "reply", to_tag: "callee", ...fields });
}

/** The headers of the `remove` for the caller's BYE. */
export function bye(fields: Record<string, string> = {}): Headers {
  return present({ call_id: "call", from_tag: "caller", to_tag: "callee", ...fields });
}

function present(fields: Record<string, string>): Headers {
  return new Map(Object.entries(fields).filter(([, value]) => value !== ""));
}

/** What a relay says of the session of `call()`. */
export function statistics(
  fields: Partial<SessionStatistics> = {},
  statuses: StreamStatistics["status"][] = ["closed"],
): SessionStatistics {
  return {
    call_id: "call",
    from_tag: "caller",
    from_uri: "alice@example.com",
    to_tag: "callee",
    to_uri: "bob@example.net",
    start_time: 1700000000,
    duration: 7,
    caller_ua: "UA",
    callee_ua: "UA",
    username: null,
    streams: statuses.map(stream),
    ...fields,
  };
}

function stream(status: StreamStatistics["status"]): StreamStatistics {
  return {
    media_type: "audio",
    status,
    timeout_wait: 0,
    caller_codec: "G711u",
    callee_codec: "G711u",
    start_time: 0,
    end_time: 7,
    post_dial_delay: null,
    caller_bytes: 0,
    callee_bytes: 0,
    caller_packets: 0,
    callee_packets: 0,
    caller_local: "192.0.2.10:40002",
    callee_local: "192.0.2.10:40000",
    caller_remote: "Unknown",
    callee_remote: "Unknown",
  };
}
