import { assert, assertEquals, assertStringIncludes } from "../../src/deps/assert.ts";
import { fc } from "../../src/deps/fast_check.ts";
import type { RelaySummary, SessionStatistics } from "../../src/control/statistics.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "../../tests/support/control_messages.ts";
import { DirectoryBench } from "../../tests/support/directory_bench.ts";
import { DISPATCHER } from "../../tests/support/relay_host.ts";

const ANSWER: UpdateFields = { type: "reply", toTag: "callee", media: "audio:192.0.2.2:7000:sendrecv:ice=no" };

function offer(bench: DirectoryBench, callId: string, fields: UpdateFields = {}): string {
  return bench.answer("update", updateHeaders({ callId, ...fields }));
}

/** The worker whose port it is. */
function workerOf(answer: string): number {
  return Math.floor(Number(answer.split(" ")[1]) / 10_000);
}

function sessions(bench: DirectoryBench): SessionStatistics[] {
  return JSON.parse(bench.answer("sessions"));
}

function summary(bench: DirectoryBench): RelaySummary {
  return JSON.parse(bench.answer("summary"));
}

/** A second later a worker has looked at its sessions, and tells of them. */
function record(bench: DirectoryBench, worker: number): void {
  const { relay, recorded } = bench.host(worker);
  bench.clock.advance(1000);
  relay.handleTimeout();
  bench.say(worker, { kind: "records", sessions: recorded.splice(0) });
}

Deno.test("SessionDirectory.handle() gives new calls to the worker with the fewest sessions", () => {
  const bench = new DirectoryBench({ workers: 3 });
  const answers = ["a", "b", "c", "d", "e", "f"].map((callId) => offer(bench, callId));
  assertEquals(answers.map(workerOf), [1, 2, 3, 1, 2, 3]);
  bench.answer("remove", removeHeaders("b"));
  bench.answer("remove", removeHeaders("e"));
  assertEquals(["g", "h"].map((callId) => workerOf(offer(bench, callId))), [2, 2]);
});

Deno.test("SessionDirectory.handle() counts calls that workers have been asked for as theirs already", () => {
  const bench = new DirectoryBench();
  const answers = ["a", "b", "c", "d"].map((callId) => bench.ask("update", updateHeaders({ callId })));
  bench.run();
  assertEquals(answers.map(([answer]) => workerOf(answer!)), [1, 2, 1, 2]);
});

Deno.test("SessionDirectory.handle() takes every message of a call to the worker that has it", () => {
  const bench = new DirectoryBench();
  offer(bench, "a");
  const ports = offer(bench, "b");
  assertEquals(offer(bench, "b"), ports); // repeated
  assertEquals(workerOf(offer(bench, "b", ANSWER)), 2);
  assertEquals(workerOf(offer(bench, "b", { cseq: 2, fromTag: "callee", toTag: "caller" })), 2);
  assertEquals(workerOf(offer(bench, "b", { fromTag: "forked before it came here" })), 2);
  assertEquals(bench.directory.sessionCount, 3);
  const statistics = JSON.parse(bench.answer("remove", removeHeaders("b", "callee", "caller")));
  assertEquals([statistics.call_id, statistics.from_tag], ["b", "caller"]);
  assertEquals(bench.directory.sessionCount, 2);
});

Deno.test("SessionDirectory.handle() keeps a call on one worker while its first message is on the way", () => {
  const bench = new DirectoryBench();
  const answers = [1, 2].map(() => bench.ask("update", updateHeaders({ callId: "a" })));
  bench.run();
  assertEquals(answers[0], answers[1]);
  assertEquals(bench.directory.sessionCount, 1);
});

Deno.test("SessionDirectory.handle() lets a worker say what is wrong with a command of no call, and remembers nothing of it", () => {
  const bench = new DirectoryBench();
  assertEquals(bench.answer("frobnicate"), "error");
  assertEquals(bench.answer("remove", removeHeaders("a")), "error");
  assertEquals(bench.answer("update", new Map([["call_id", "a"]])), "error");
  assertEquals(offer(bench, "b", { media: "audio:x" }), "error");
  assertEquals([bench.directory.sessionCount, bench.host(1).relay.sessionCount], [0, 0]);
  assertEquals(workerOf(offer(bench, "c")), 1);
});

Deno.test("SessionDirectory.handle() tries another worker when one has no ports, and then says why there is none", () => {
  const bench = new DirectoryBench({ workers: 3, callsPerWorker: 1 });
  for (let port = 10000; port < 10004; port++) bench.host(1).sockets.taken.add(port);
  assertEquals(["a", "b"].map((callId) => workerOf(offer(bench, callId))), [2, 3]);
  assertEquals(bench.log.messages("error"), []);
  assertEquals(offer(bench, "c"), "error");
  assertEquals(bench.log.messages("error").length, 1);
  assertStringIncludes(bench.log.messages("error")[0]!, "Cannot lease a pair of ports");
  bench.answer("remove", removeHeaders("b"));
  assertEquals(workerOf(offer(bench, "c")), 3);
});

Deno.test("SessionDirectory.handle() does not move a call whose worker has no ports for another stream", () => {
  const bench = new DirectoryBench({ callsPerWorker: 1 });
  offer(bench, "a");
  const more = { cseq: 2, media: "audio:192.0.2.1:6000,video:192.0.2.1:6002" };
  assertEquals(offer(bench, "a", more), "error");
  assertEquals([bench.host(1).relay.sessionCount, bench.host(2).relay.sessionCount], [1, 0]);
});

Deno.test("SessionDirectory.handle() merges the summaries and sessions of all workers", () => {
  const bench = new DirectoryBench({ workers: 3 });
  bench.clock.advance(7000);
  for (const callId of ["a", "b", "c", "d"]) {
    offer(bench, callId, { media: "audio:192.0.2.1:6000,video:192.0.2.1:6002" });
    offer(bench, callId, { ...ANSWER, media: "audio:192.0.2.2:7000,video:192.0.2.2:7002" });
  }
  const { session_count, stream_count, uptime, port_range, status, capabilities } = summary(bench);
  assertEquals([session_count, stream_count, uptime, status], [4, { audio: 4, video: 4 }, 7, "active"]);
  assertEquals([port_range, capabilities], ["10000:30000", ["branches", "explain"]]);
  assertEquals(sessions(bench).map(({ call_id }) => call_id).toSorted(), ["a", "b", "c", "d"]);
  assertEquals(sessions(new DirectoryBench()), []);
});

Deno.test("SessionDirectory.handle() asks all workers to explain a call: it may have ended, or be part of a Call-ID", () => {
  const bench = new DirectoryBench({ workers: 3 });
  for (const callId of ["c1", "c2", "d"]) offer(bench, callId);
  bench.answer("remove", removeHeaders("c2"));
  const explained = (callId: string) =>
    (JSON.parse(bench.answer("explain", new Map([["call_id", callId]]))) as SessionStatistics[])
      .map(({ call_id }) => call_id).toSorted();
  assertEquals([explained("c2"), explained("c"), explained("x")], [["c2"], ["c1", "c2"], []]);
  assertEquals(bench.answer("explain"), "error");
});

Deno.test("SessionDirectory.handleTimeout() answers without a worker that is silent, whose sessions are listed as last known", () => {
  const bench = new DirectoryBench();
  for (const callId of ["a", "b"]) offer(bench, callId, { dialogId: "1:2" });
  const [listed, counted] = [bench.ask("sessions"), bench.ask("summary")];
  bench.run(2);
  bench.clock.advance(2999);
  bench.directory.handleTimeout();
  assertEquals([listed, counted], [[], []]);
  bench.clock.advance(1);
  bench.directory.handleTimeout();
  const statistics: SessionStatistics[] = JSON.parse(listed[0]!);
  assertEquals(statistics.map(({ call_id, own, dialog_id }) => [call_id, own, dialog_id]), [
    ["b", true, "1:2"],
    ["a", true, "1:2"],
  ]);
  assertEquals(JSON.parse(counted[0]!).session_count, 2);
  assertEquals(bench.log.messages("error").length, 2);
  bench.run(1); // its answers come late, and are nobody's any more
  assertEquals([listed.length, counted.length], [1, 1]);
});

Deno.test("SessionDirectory.workerLost() reports the sessions of that worker as expired, and no others", () => {
  const bench = new DirectoryBench();
  for (const callId of ["a", "b", "c"]) offer(bench, callId, { dialogId: `dialog ${callId}` });
  offer(bench, "a", ANSWER);
  record(bench, 1);
  bench.clock.advance(4000);
  bench.directory.workerLost(1, "it threw");
  assertEquals(bench.expired.map(({ dispatcher }) => dispatcher), [DISPATCHER, DISPATCHER]);
  const [first, second] = bench.expired.map(({ statistics }) => statistics);
  assertEquals(
    [first!.call_id, first!.dialog_id, first!.from_tag, first!.to_tag, first!.from_uri, first!.duration],
    ["a", "dialog a", "caller", "callee", "alice@example.com", 5],
  );
  assertEquals(first!.streams.map(({ status, end_time }) => [status, end_time]), [["closed", 5]]);
  assertEquals([second!.call_id, second!.start_time, second!.duration], ["c", null, 0]);
  assertEquals([bench.directory.sessionCount, bench.replaced], [1, [{ worker: 1, usedBelow: 0 }]]);
  assertStringIncludes(bench.log.messages("error")[0]!, "2 sessions with it: it threw");
  assertEquals(workerOf(offer(bench, "b", ANSWER)), 2);
});

Deno.test("SessionDirectory.workerLost() knows from its updates a session that its worker has not told of", () => {
  const bench = new DirectoryBench({ workers: 1 });
  const late = { callId: "a", type: "reply", fromTag: "a tag", dialogId: "1:2" } as const;
  offer(bench, "a", { ...late, userAgent: "the callee's" });
  offer(bench, "a", { ...late, type: "request", toTag: "other tag" });
  bench.directory.workerLost(1, "it threw");
  const { from_tag, to_tag, caller_ua, callee_ua, dialog_id, streams } = bench.expired[0]!.statistics;
  assertEquals([from_tag, to_tag, caller_ua, callee_ua, dialog_id, streams], [
    "a tag",
    "other tag",
    "Unknown",
    "the callee's",
    "1:2",
    [],
  ]);
});

Deno.test("SessionDirectory.workerLost() leaves new calls to the others until there is another in its place", () => {
  const bench = new DirectoryBench();
  bench.directory.workerLost(1, "it threw");
  assertEquals(["a", "b"].map((callId) => workerOf(offer(bench, callId))), [2, 2]);
  bench.directory.workerLost(2, "it threw too");
  assertEquals(offer(bench, "c"), "error");
  assertEquals(bench.answer("summary"), "error");
  bench.start(1);
  assertEquals(workerOf(offer(bench, "c")), 1);
});

Deno.test("SessionDirectory.workerLost() answers error to what the worker was asked, and asks no other: it may be the cause", () => {
  const bench = new DirectoryBench();
  const answers = bench.ask("update", updateHeaders({ callId: "poison" }));
  bench.directory.workerLost(1, "it threw");
  assertEquals(answers, ["error"]);
  assertEquals(bench.inboxes.get(2)!.filter(({ kind }) => kind === "command"), []);
  bench.directory.workerLost(1, "said again");
  assertEquals(bench.replaced.length, 1);
});

Deno.test("SessionDirectory.received() keeps the latest that a worker has told of its sessions", () => {
  const bench = new DirectoryBench();
  offer(bench, "a");
  offer(bench, "a", ANSWER);
  bench.host(1).arrive(10000, "192.0.2.1:6000");
  record(bench, 1);
  bench.say(1, { kind: "beat", counters: { late: 1, truncated: 2, sendFailed: 3 }, usedBelow: 10004 });
  bench.directory.workerLost(1, "it threw");
  assertEquals(bench.expired[0]!.statistics.streams[0]!.caller_packets, 1);
  assertEquals(bench.replaced, [{ worker: 1, usedBelow: 10004 }]);
  assertEquals(bench.directory.counters, { late: 1, truncated: 2, sendFailed: 3 });
});

Deno.test("SessionDirectory.received() passes expired sessions on, and forgets them", () => {
  const bench = new DirectoryBench();
  offer(bench, "a");
  bench.host(1).relay.close();
  const { dispatcher, statistics } = bench.host(1).expired[0]!;
  bench.say(1, { kind: "expired", dispatcher, statistics });
  assertEquals(bench.expired.map(({ statistics }) => statistics.call_id), ["a"]);
  assertEquals([bench.directory.sessionCount, bench.directory.hasSessionsOf(DISPATCHER)], [0, false]);
});

Deno.test("SessionDirectory.handleTimeout() takes a worker for lost after five ticks of silence, not before", () => {
  const bench = new DirectoryBench();
  const beat = () => bench.say(2, { kind: "beat", counters: { late: 0, truncated: 0, sendFailed: 0 }, usedBelow: 0 });
  for (let tick = 0; tick < 5; tick++) {
    bench.directory.handleTimeout();
    beat();
  }
  assertEquals(bench.replaced, []);
  bench.directory.handleTimeout();
  assertEquals(bench.replaced.map(({ worker }) => worker), [1]);
  bench.directory.workerStarted(1); // it has to load its code first
  for (let tick = 0; tick < 30; tick++) {
    bench.directory.handleTimeout();
    beat();
  }
  assertEquals(bench.replaced.length, 1);
  bench.directory.handleTimeout();
  assertEquals(bench.replaced.length, 2);
});

Deno.test("SessionDirectory.drain() refuses new calls with halting, and is over with the last session and command", () => {
  const bench = new DirectoryBench();
  offer(bench, "a");
  const late = bench.ask("update", updateHeaders({ callId: "b" }));
  bench.directory.drain();
  bench.run();
  assertEquals(late.map(workerOf), [2]); // it came before
  assertEquals(offer(bench, "c"), "halting");
  assertEquals(summary(bench).status, "halting");
  bench.answer("remove", removeHeaders("a"));
  assertEquals(bench.directory.drained, false);
  const remove = bench.ask("remove", removeHeaders("b"));
  assertEquals(bench.directory.drained, false);
  bench.run();
  assertEquals([remove.length, bench.directory.drained], [1, true]);
  bench.directory.workerLost(1, "it threw");
  bench.start(1);
  assertEquals(offer(bench, "d"), "halting");
});

Deno.test("SessionDirectory.giveUp() reports what a worker did not end when it was told to close", () => {
  const bench = new DirectoryBench();
  for (const callId of ["a", "b"]) offer(bench, callId);
  bench.directory.close();
  bench.run(2);
  assertEquals(bench.directory.closed, false);
  bench.directory.giveUp();
  assertEquals(bench.expired.map(({ statistics }) => statistics.call_id), ["a"]);
  assertEquals([bench.directory.closed, bench.replaced], [true, []]);
});

Deno.test("SessionDirectory.handle() refuses sessions above max_sessions, counts them, and says it now and then", () => {
  const bench = new DirectoryBench({ maxSessions: 2 });
  assertEquals(["a", "b", "c", "d"].map((callId) => offer(bench, callId)).map((it) => it === "error"), [
    false,
    false,
    true,
    true,
  ]);
  assertEquals(workerOf(offer(bench, "b", ANSWER)), 2); // known calls go on
  assertEquals(summary(bench).refused, {
    max_sessions: 2,
    max_new_sessions_per_second: 0,
    max_streams_per_session: 0,
    loop: 0,
  });
  assertEquals(bench.log.messages("warning"), ["refusing a new session: 2 sessions are up (max_sessions)"]);
  bench.answer("remove", removeHeaders("a"));
  assertEquals(workerOf(offer(bench, "e")), 1);
});

Deno.test("SessionDirectory.received() tells the other workers of the descriptor limit", () => {
  const bench = new DirectoryBench({ workers: 3 });
  bench.run();
  bench.say(2, { kind: "descriptorLimit" });
  assertEquals([...bench.inboxes].map(([, inbox]) => inbox.length), [1, 0, 1]);
});

Deno.test("SessionDirectory.received() writes the lines of workers with their numbers", () => {
  const bench = new DirectoryBench();
  bench.say(2, { kind: "log", level: "warning", message: "a port is taken", fields: { callId: "a" } });
  assertEquals(bench.log.lines, [{ level: "warning", message: "a port is taken", fields: { callId: "a", worker: 2 } }]);
});

Deno.test("SessionDirectory.handleTimeout() tells workers which lines are wanted, when that changes", () => {
  const bench = new DirectoryBench({ workers: 1 });
  assertEquals(bench.inboxes.get(1)!.splice(0), [{ kind: "logLevel", level: "debug" }]);
  bench.log.isEnabled = () => false;
  bench.directory.handleTimeout();
  bench.directory.handleTimeout();
  assertEquals(bench.inboxes.get(1)!, [{ kind: "logLevel", level: "error" }]);
});

Deno.test("SessionDirectory agrees with its workers on every session, whatever comes in which order", () => {
  const step = fc.record({
    command: fc.constantFrom("offer", "answer", "remove", "lose"),
    callId: fc.constantFrom("a", "b", "c", "d", "e"),
    fromTag: fc.constantFrom("caller", "other"),
    worker: fc.constantFrom(1, 2),
    run: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const bench = new DirectoryBench({ callsPerWorker: 3 });
    const asked: string[][] = [];
    for (const { command, callId, fromTag, worker, run } of steps) {
      if (command === "lose") {
        bench.directory.workerLost(worker, "it threw");
        bench.start(worker);
      } else if (command === "remove") {
        asked.push(bench.ask("remove", removeHeaders(callId, fromTag)));
      } else {
        const fields = { callId, fromTag, ...command === "answer" && ANSWER };
        asked.push(bench.ask("update", updateHeaders(fields)));
      }
      if (run) bench.run();
    }
    bench.run();
    assert(asked.every(({ length }) => length === 1), "every command is answered once");
    const there = [1, 2].reduce((sum, worker) => sum + bench.host(worker).relay.sessionCount, 0);
    assertEquals(bench.directory.sessionCount, there);
    const perCall = [1, 2].map((worker) =>
      new Set(bench.host(worker).relay.statistics(DISPATCHER).map(({ call_id }) => call_id))
    );
    assert(perCall[0]!.isDisjointFrom(perCall[1]!), "a call is on one worker");
  }));
});
