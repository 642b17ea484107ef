/** Real phones behind real NATs, with our proxy, dispatcher and relay between them. @module */
import { assert, assertEquals, assertMatch, assertNotEquals } from "../../src/deps/assert.ts";
import { issueCertificate } from "../../src/io/certificate_files.ts";
import type { Baresip } from "./support/baresip.ts";
import { type Home, RELAY_ADDRESS, RELAY_ADDRESS_6, SERVER_ADDRESS } from "./support/lab.ts";
import { hearEachOther, type LabBench, type PhoneOptions, sharedLab } from "./support/lab_bench.ts";
import { IDLE_TIMEOUT_SECONDS, SERVER_NAME } from "./support/lab_service.ts";
import type { NatKind } from "./support/nat.ts";
import { NAT_PING_SECONDS, startServer } from "./support/our_service.ts";
import { pause } from "./support/until.ts";

/** Until the relay has noticed, told the dispatcher, and the dispatcher the proxy. */
const LOST_DEADLINE_MS = 1000 * IDLE_TIMEOUT_SECONDS + 10_000;

const lab = sharedLab((lab) =>
  startServer(lab, { sections: { Relay: { relay_ip: `${RELAY_ADDRESS}, ${RELAY_ADDRESS_6}` } } })
);

/** What the phones of a pair have in common, or each for itself. */
interface PairOptions {
  readonly nats?: readonly [NatKind, NatKind];
  readonly caller?: PhoneOptions;
  readonly callee?: PhoneOptions;
}

/** Two registered phones, each in a home of its own. */
async function startPair(bench: LabBench, options: PairOptions = {}) {
  const [callerNat, calleeNat] = options.nats ?? ["port-restricted", "symmetric"];
  const [callerHome, calleeHome] = await Promise.all([
    bench.addHome({ nat: callerNat }),
    bench.addHome({ nat: calleeNat }),
  ]);
  const [caller, callee] = await Promise.all([
    bench.startPhone(callerHome, options.caller),
    bench.startPhone(calleeHome, options.callee),
  ]);
  return { caller, callee, callerHome, calleeHome };
}

const CALLS: [name: string, options: PairOptions][] = [
  ["a port-restricted and a symmetric NAT, over UDP", {}],
  ["two symmetric NATs, over UDP", { nats: ["symmetric", "symmetric"] }],
  ["full-cone NATs, over UDP", { nats: ["full-cone", "full-cone"] }],
  ["NATs, over TCP", { caller: { transport: "tcp" }, callee: { transport: "tcp" } }],
  ["NATs, over TLS", { caller: { transport: "tls" }, callee: { transport: "tls" } }],
  ["NATs, one over TLS and the other over UDP", { caller: { transport: "tls" } }],
  ["NATs, one over UDP and the other over TLS", { callee: { transport: "tls" } }],
];

for (const [name, options] of CALLS) {
  lab.test(`phones behind ${name} register, call, and hear each other (RFC 3261, RFC 5626)`, async (bench) => {
    const { caller, callee, callerHome, calleeHome } = await startPair(bench, options);
    await bench.call(caller, callee);
    await hearEachOther(caller, callee);
    assertEquals(callee.offeredAddresses(), [RELAY_ADDRESS]);
    const remotes = await bench.remotes();
    assertEquals(remotes.map((remote) => remote.split(":")[0]), [callerHome.publicAddress, calleeHome.publicAddress]);
    await bench.hangUp(caller, callee);
  });
}

for (
  const [callerFamily, calleeFamily] of [["IPv6", "IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]] as const
) {
  lab.test(`a phone over ${callerFamily} calls one over ${calleeFamily}, and they hear each other (RFC 6157 §3.1)`, async (bench) => {
    const { caller, callee } = await startPair(bench, {
      caller: { family: callerFamily },
      callee: { family: calleeFamily },
    });
    await bench.call(caller, callee);
    await hearEachOther(caller, callee);
    await bench.hangUp(callee, caller);
  });
}

lab.test("phones behind the same NAT call each other: media takes the relay, not the hairpin (RFC 4787 §6)", async (bench) => {
  const home = await bench.addHome({ nat: "port-restricted", phones: 2 });
  const [caller, callee] = await Promise.all([bench.startPhone(home), bench.startPhone(home, { phone: 1 })]);
  await bench.call(caller, callee);
  await hearEachOther(caller, callee);
  await bench.hangUp(caller, callee);
});

lab.test("the callee may end the call, too (RFC 3261 §15)", async (bench) => {
  const { caller, callee } = await startPair(bench);
  await bench.call(caller, callee);
  await hearEachOther(caller, callee);
  await bench.hangUp(callee, caller);
});

for (const holder of ["caller", "callee"] as const) {
  lab.test(`the ${holder} puts the call on hold and resumes it (RFC 3264 §8.4)`, async (bench) => {
    const { caller, callee, callerHome, calleeHome } = await startPair(bench);
    await bench.call(caller, callee);
    await hearEachOther(caller, callee);
    const parties: [[Baresip, Home], [Baresip, Home]] = [[caller, callerHome], [callee, calleeHome]];
    if (holder === "callee") parties.reverse();
    await bench.holdAndResume(...parties);
    await bench.hangUp(caller, callee);
  });
}

for (const side of ["caller", "callee"] as const) {
  lab.test(`sound goes on when the ${side}'s NAT moves its mappings in mid-call (RFC 4787 §4.3)`, async (bench) => {
    const { caller, callee, callerHome, calleeHome } = await startPair(bench);
    await bench.call(caller, callee);
    await hearEachOther(caller, callee);
    const before = await bench.remotes();
    await (side === "caller" ? callerHome : calleeHome).rebind();
    await hearEachOther(caller, callee);
    const after = await bench.remotes();
    const index = side === "caller" ? 0 : 1;
    assert(after[index] !== before[index], `the relay still sends to ${after[index]}`);
    assertEquals(after[1 - index], before[1 - index]);
    // The phone that moved can be heard, but not called until its next registration.
    await (side === "caller" ? bench.hangUp(caller, callee) : bench.hangUp(callee, caller));
  });
}

lab.test("sound goes on when a home gets another public address in mid-call", async (bench) => {
  const { caller, callee, callerHome } = await startPair(bench);
  await bench.call(caller, callee);
  await hearEachOther(caller, callee);
  await callerHome.move();
  await hearEachOther(caller, callee);
  assertMatch((await bench.remotes())[0], new RegExp(`^${callerHome.publicAddress.replaceAll(".", "\\.")}:`));
  await bench.hangUp(caller, callee);
});

lab.test("a line that loses every fifth datagram carries the call all the same (RFC 3261 §17)", async (bench) => {
  const { caller, callee, callerHome } = await startPair(bench);
  await callerHome.lose(20);
  await bench.call(caller, callee);
  await Promise.all([caller.hears(callee.account.toneHz, 200), callee.hears(caller.account.toneHz, 200)]);
  await callerHome.lose(0);
  await bench.hangUp(caller, callee);
});

lab.test("a call without media is ended, for both parties", async (bench) => {
  const tcp = { transport: "tcp" } as const;
  const { caller, callee, callerHome, calleeHome } = await startPair(bench, { caller: tcp, callee: tcp });
  await bench.call(caller, callee);
  await hearEachOther(caller, callee);
  await Promise.all([callerHome.lose(100), calleeHome.lose(100)]); // UDP only: signalling goes on
  await Promise.all([caller, callee].map((phone) => phone.event("CALL_CLOSED", LOST_DEADLINE_MS)));
  await bench.nothingLeft();
});

lab.test("a call on hold is not lost: its media is silent on purpose (RFC 3264 §8.4)", async (bench) => {
  const { caller, callee } = await startPair(bench);
  await bench.call(caller, callee);
  await hearEachOther(caller, callee);
  await caller.hold();
  await caller.event("CALL_REMOTE_SDP");
  await pause(1000 * (IDLE_TIMEOUT_SECONDS + 2));
  assertEquals(callee.events.filter(({ type }) => type === "CALL_CLOSED"), []);
  await bench.hangUp(callee, caller);
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  lab.test(`after ${signal} and a new start the proxy still knows its calls and its phones (RFC 3261 §16.11)`, async (bench) => {
    const { caller, callee } = await startPair(bench);
    await bench.call(caller, callee);
    await hearEachOther(caller, callee);
    await bench.service.restart(signal);
    await hearEachOther(caller, callee);
    await bench.hangUp(callee, caller);
    await bench.call(caller, callee);
    await hearEachOther(caller, callee);
    await bench.hangUp(caller, callee);
  });
}

lab.test("a renewed certificate is shown to new phones at HUP; a call over the old connections goes on (RFC 5922 §7)", async (bench) => {
  const tls = { transport: "tls" } as const;
  const { caller, callee } = await startPair(bench, { caller: tls, callee: tls });
  await bench.call(caller, callee);
  const before = await shownCertificate(bench);
  await issueCertificate(`${bench.service.media.directory}/tls`, "sip", SERVER_NAME);
  assertEquals(await shownCertificate(bench), before, "before HUP");
  await reload(bench);
  assertNotEquals(await shownCertificate(bench), before);
  const newcomer = await bench.startPhone(await bench.addHome({ nat: "symmetric" }), tls);
  await hearEachOther(caller, callee);
  await bench.hangUp(callee, caller);
  await bench.call(newcomer, callee);
  await bench.hangUp(newcomer, callee);
});

lab.test("a phone can be called as long as its NAT is kept awake, however long it is silent (RFC 5626 §3.5)", async (bench) => {
  const home = await bench.addHome({ nat: "symmetric" });
  await home.forgetAfter(2 * NAT_PING_SECONDS);
  const [caller, callee] = await Promise.all([
    bench.startPhone(await bench.addHome({ nat: "port-restricted" })),
    bench.startPhone(home),
  ]);
  await pause(1000 * 4 * NAT_PING_SECONDS);
  await bench.call(caller, callee);
  await bench.hangUp(caller, callee);
});

lab.test("the caller gives up: the callee stops ringing, and nothing is left (RFC 3261 §9)", async (bench) => {
  const { caller, callee } = await startPair(bench);
  await caller.dial(callee.uri);
  await callee.event("CALL_INCOMING");
  await caller.event("CALL_RINGING");
  await caller.hangUp();
  await Promise.all([caller.event("CALL_CLOSED"), callee.event("CALL_CLOSED")]);
  await bench.nothingLeft();
});

lab.test("a busy callee is what the caller is told, and nothing is left (RFC 3261 §21.4.24)", async (bench) => {
  const { caller, callee } = await startPair(bench);
  await caller.dial(callee.uri);
  await callee.event("CALL_INCOMING");
  await callee.hangUp();
  assertMatch(await caller.event("CALL_CLOSED"), /^486 /);
  await bench.nothingLeft();
});

lab.test("a callee that nobody answers is what the caller is told, and nothing is left", async (bench) => {
  const { caller, callee } = await startPair(bench, { callee: { ringSeconds: 1 } });
  await caller.dial(callee.uri);
  await callee.event("CALL_INCOMING");
  assertMatch(await caller.event("CALL_CLOSED"), /^4(08|80|86) /);
  await bench.nothingLeft();
});

lab.test("a phone that has unregistered is not called: 480 (RFC 3261 §10.2.2)", async (bench) => {
  const { caller, callee } = await startPair(bench);
  await callee.unregister();
  await caller.dial(callee.uri);
  assertMatch(await caller.event("CALL_CLOSED"), /^480 /);
  await bench.nothingLeft();
});

lab.test("nobody has that name: 404 (RFC 3261 §21.4.5)", async (bench) => {
  const caller = await bench.startPhone(await bench.addHome({ nat: "symmetric" }));
  await caller.dial("sip:nobody@example.com");
  assertMatch(await caller.event("CALL_CLOSED"), /^404 /);
  await bench.nothingLeft();
});

/** Has the proxy read its files anew. */
async function reload({ service }: LabBench): Promise<void> {
  const proxy = service.media.programs.findLast(({ name }) => name === "proxy");
  assert(proxy !== undefined);
  const from = proxy.lines.length;
  proxy.signal("SIGHUP");
  await proxy.line(/the TLS certificate is read anew/, from);
}

/** The serial number of the certificate that the proxy shows whoever connects. */
async function shownCertificate({ lab }: LabBench): Promise<string> {
  const path = new URL("./support/tls_probe.ts", import.meta.url).pathname;
  const probe = lab.start("tls probe", Deno.execPath(), ["run", "-A", "--no-prompt", path, SERVER_ADDRESS, "5061"]);
  const { success } = await probe.ended();
  assert(success, probe.tail());
  return probe.lines[0] ?? "";
}
