/** The proxy under load, forking, over a line that loses packets, and in the hands of sipsak. @module */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import type { EndedSession } from "../../src/control/mod.ts";
import { type LabBench, sharedLab } from "./support/lab_bench.ts";
import { run } from "./support/lab_commands.ts";
import { SERVER_ADDRESS, STRANGER_ADDRESS } from "./support/lab.ts";
import { DOMAIN } from "./support/lab_service.ts";
import { LoadPhone, type LoadPhoneOptions, type LoadScenario } from "./support/load_phone.ts";
import { startServer, userOf } from "./support/our_service.ts";
import { findProgram } from "./support/programs.ts";
import { tortureScenario } from "./support/sipp_torture.ts";
import { until } from "./support/until.ts";

const CALLER_PORT = 5070;
const CALLEE_PORTS = [5080, 5082];

/** 20 ms each. */
const PLAYED_PACKETS = 40;
const G711_BYTES = 160;
const G711_SILENCE = 0xff;
const LOSS_PERCENT = 5;
/** Timer B (RFC 3261 §17.1.1.2): after it nothing of a call is left. */
const TAIL_MS = 40_000;

const directory = Deno.makeTempDirSync({ prefix: "load-" });
Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

const lab = sharedLab((lab) =>
  startServer(lab, {
    sections: {
      Proxy: { authenticate: "no", log_level: "WARNING" },
      // The phones' SDP is believed: sipp's echo does not speak first, so the relay could not learn where it is.
      Relay: { port_range: "40000:60000", routable_private_ranges: `${STRANGER_ADDRESS}/32`, log_level: "WARNING" },
      Dispatcher: { accounting: "jsonl" },
      Accounting: { jsonl_path: `${directory}/accounting.jsonl` },
    },
  })
);

lab.test("1,000 calls with RTP at 50 a second go through proxy, dispatcher and relay without a failure", async (bench) => {
  const calls = 1000;
  const parties = new Parties(bench, 1);
  await Deno.writeFile(`${directory}/played.pcmu`, new Uint8Array(PLAYED_PACKETS * G711_BYTES).fill(G711_SILENCE));
  await parties.register(CALLEE_PORTS[0]!);
  await using callee = await parties.waiting("callee_load_echoes", CALLEE_PORTS[0]!, calls, [
    "-rtp_echo",
    "-mp",
    "6000",
  ]);
  await using caller = parties.calling("caller_load_plays", calls, 50, 1200);
  await caller.finished(calls / 50 * 1000 + TAIL_MS);
  await callee.finished(TAIL_MS);
  const sessions = await until("all sessions in the accounting", () => {
    const sessions = accounted();
    return sessions.length >= calls ? sessions : undefined;
  });
  assertEquals(sessions.length, calls, "a session was accounted for more than once");
  const [fewest, fewestEchoed] = (["caller_packets", "callee_packets"] as const).map((key) =>
    Math.min(...sessions.map(({ streams }) => streams.reduce((sum, stream) => sum + stream[key], 0)))
  );
  // sipp plays and echoes as fast as the machine lets it: what it sent is not what is tested, only that media flowed.
  assert(fewest! > PLAYED_PACKETS / 2, `a caller had ${fewest} packets relayed`);
  assert(fewestEchoed! > PLAYED_PACKETS / 4, `a callee had ${fewestEchoed} packets relayed`);
  await bench.nothingLeft();
});

lab.test("a call to two phones rings both; one answers, and the other is cancelled (RFC 3261 §16.7 step 10)", async (bench) => {
  const calls = 50;
  const parties = new Parties(bench, 2);
  const [answering, cancelled] = CALLEE_PORTS as [number, number];
  await parties.register(answering);
  await parties.register(cancelled);
  await using rings = await parties.waiting("callee_load_cancelled", cancelled, calls);
  await using answers = await parties.waiting("callee_load", answering, calls);
  await using caller = parties.calling("caller_load", calls, 20, 100);
  await Promise.all([caller, answers, rings].map((phone) => phone.finished(TAIL_MS)));
  await bench.nothingLeft();
});

lab.test(`calls get through although ${LOSS_PERCENT} % of all packets are lost`, async (bench) => {
  const calls = 100;
  const parties = new Parties(bench, 3);
  await parties.register(CALLEE_PORTS[0]!);
  await using _line = await LossyLine.start(bench);
  // How the callee ends is not looked at: a caller that hung up does not repeat an ACK that was lost before.
  await using _callee = await parties.waiting("callee_load", CALLEE_PORTS[0]!, calls);
  await using caller = parties.calling("caller_load", calls, 20, 100);
  await caller.finished(calls / 20 * 1000 + TAIL_MS);
  const { lost } = await LossyLine.counted(bench);
  assert(lost > 0, "the line lost nothing");
});

lab.test("sipp: damaged and odd messages get their answers, and those without a right to one get none", async (bench) => {
  const path = `${directory}/torture.xml`;
  await Deno.writeTextFile(path, tortureScenario());
  const place = ["-i", STRANGER_ADDRESS, "-p", `${CALLER_PORT}`, `${SERVER_ADDRESS}:5060`];
  const limits = ["-m", "1", "-timeout", `${TAIL_MS / 1000}`, "-timeout_error"];
  await onPublicHost(bench, "sipp", ["-sf", path, "-nostdin", ...limits, ...place]);
});

sipsakTest("sipsak: a trace finds the proxy one hop away, and the phone behind it (RFC 3261 §11)", async (bench) => {
  const parties = new Parties(bench, 4);
  await parties.register(CALLEE_PORTS[0]!);
  await using phone = await parties.waiting("callee_options", CALLEE_PORTS[0]!, 1);
  const trace = await sipsak(bench, ["-T", "-vv", "-p", SERVER_ADDRESS, "-s", `sip:${parties.user}@${DOMAIN}`]);
  assertMatch(trace, /SIP\/2\.0 483 [\s\S]*SIP\/2\.0 200 /);
  await phone.finished(TAIL_MS);
});

sipsakTest("sipsak: requests with random damage do not stop the proxy", async (bench) => {
  // Most of them deserve no answer, of which sipsak complains.
  await Promise.all(Array.from({ length: 10 }, (_, index) => {
    const damage = ["-R", "-t", `${1 + 4 * index}`, "-s", `sip:${SERVER_ADDRESS}`];
    return sipsak(bench, damage).catch((error: Error) => assertMatch(error.message, /Cannot run ip /));
  }));
  assertMatch(await sipsak(bench, ["-vv", "-s", `sip:${SERVER_ADDRESS}`]), /SIP\/2\.0 200 /);
});

sipsakTest("sipsak: OPTIONS to the proxy is answered with 200", async (bench) => {
  assertMatch(await sipsak(bench, ["-vv", "-s", `sip:${SERVER_ADDRESS}`]), /SIP\/2\.0 200 /);
});

sipsakTest("sipsak: a flood of OPTIONS does not stop the proxy", async (bench) => {
  await sipsak(bench, ["-F", "-e", "2000", "-s", `sip:${SERVER_ADDRESS}`]);
  assertMatch(await sipsak(bench, ["-vv", "-s", `sip:${SERVER_ADDRESS}`]), /SIP\/2\.0 200 /);
});

/** A test that needs sipsak, besides. */
function sipsakTest(name: string, body: (bench: LabBench) => Promise<void>): void {
  if (findProgram("sipsak") !== undefined || Deno.env.get("CI")) return lab.test(name, body);
  Deno.test.ignore(`${name} (ignored: missing sipsak; see scripts/install_peers.sh)`, () => undefined);
}

/** The phones of one test: those of one user, and those that call him. */
class Parties {
  readonly user: string;
  readonly #bench: LabBench;

  constructor(bench: LabBench, number: number) {
    this.#bench = bench;
    this.user = userOf(number).user;
  }

  /** Has a phone of the user's at this port register. */
  async register(port: number): Promise<void> {
    await using phone = new LoadPhone(this.#options("register", port, 1, ["-key", "registrar", DOMAIN]));
    await phone.finished(TAIL_MS);
  }

  /** Starts a phone of the user's that will be called so often. */
  waiting(scenario: LoadScenario, port: number, calls: number, args: readonly string[] = []): Promise<LoadPhone> {
    return LoadPhone.waiting(this.#options(scenario, port, calls, args));
  }

  /** Starts calling the user. */
  calling(scenario: LoadScenario, calls: number, perSecond: number, talkMs: number): LoadPhone {
    const args = ["-r", `${perSecond}`, "-d", `${talkMs}`, "-l", `${calls}`];
    return new LoadPhone(this.#options(scenario, CALLER_PORT, calls, args));
  }

  #options(scenario: LoadScenario, port: number, calls: number, args: readonly string[]): LoadPhoneOptions {
    const { lab } = this.#bench;
    const place = { lab, address: STRANGER_ADDRESS, port, proxyAddress: SERVER_ADDRESS, directory };
    return { ...place, scenario, calls, user: this.user, args };
  }
}

function accounted(): EndedSession[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(`${directory}/accounting.jsonl`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter(Boolean)
    .map((line) => JSON.parse(line) as EndedSession);
}

/** Everything that SIP sends on the public host runs over a line that loses packets, as long as this exists. */
class LossyLine implements AsyncDisposable {
  readonly #bench: LabBench;

  private constructor(bench: LabBench) {
    this.#bench = bench;
  }

  static async start(bench: LabBench): Promise<LossyLine> {
    await nft(
      bench,
      `table inet loss {
         chain input {
           type filter hook input priority 0;
           udp dport { 5060-5090 } numgen random mod 100 < ${LOSS_PERCENT} counter drop
         }
       }`,
    );
    return new LossyLine(bench);
  }

  /** How many packets it has lost. */
  static async counted(bench: LabBench): Promise<{ lost: number }> {
    const rules = await run("ip", ["netns", "exec", bench.lab.publicHost, "nft", "list", "table", "inet", "loss"]);
    return { lost: Number(/counter packets (\d+)/.exec(rules)?.[1]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await nft(this.#bench, "delete table inet loss");
  }
}

async function nft(bench: LabBench, rules: string): Promise<void> {
  await run("ip", ["netns", "exec", bench.lab.publicHost, "nft", "-f", "-"], rules);
}

/** Runs sipsak on the public host; it says by its exit code whether it got what it asked for. */
function sipsak(bench: LabBench, args: readonly string[]): Promise<string> {
  return onPublicHost(bench, "sipsak", args);
}

function onPublicHost(bench: LabBench, program: string, args: readonly string[]): Promise<string> {
  return run("ip", ["netns", "exec", bench.lab.publicHost, program, ...args]);
}
