// deno-lint-ignore-file camelcase -- the keys are the wire's
import { assertEquals, assertThrows } from "../deps/assert.ts";
import { AnswerError, sessionsPage, summaryPage } from "./pages.ts";

const QUALITY = { loss_percent: 1.25, jitter_ms: 3.4, mos: 4.26 };
const STREAM = {
  media_type: "audio",
  status: "active",
  caller_codec: "G711a",
  caller_packets: 1000,
  callee_packets: 0,
  caller_remote: "192.0.2.1:6000",
  callee_remote: "Unknown",
};
const SESSION = { call_id: "c1", from_uri: "a@x", to_uri: "b@x", duration: 65, streams: [STREAM] };

/** The cells of each line. */
function cells(page: string): string[][] {
  return page.split("\n").map((line) => line.split(/ {2,}/));
}

Deno.test("sessionsPage() shows how each party's media arrive, and a problem instead of the status", () => {
  const problems = [
    { stream: 0, kind: "silent", end_time: 12 },
    { stream: 0, kind: "one-way", end_time: null },
  ];
  const session = { ...SESSION, streams: [{ ...STREAM, caller_quality: QUALITY, callee_quality: null }], problems };
  assertEquals(cells(sessionsPage(JSON.stringify([session])))[1], [
    "c1",
    "a@x",
    "b@x",
    "1:05",
    "audio",
    "one-way",
    "G711a",
    "192.0.2.1:6000",
    "1000",
    "1.3% 3ms 4.3",
    "Unknown",
    "0",
    "-",
  ]);
});

Deno.test("sessionsPage() takes relays that know nothing of quality and problems, and values that are unknown", () => {
  const unknown = { loss_percent: 0, jitter_ms: null, mos: null };
  const rows = cells(
    sessionsPage(JSON.stringify([SESSION, { ...SESSION, streams: [{ ...STREAM, callee_quality: unknown }] }])),
  );
  assertEquals([rows[1]![5], rows[1]![9], rows[1]!.at(-1)], ["active", "-", "-"]);
  assertEquals(rows[2]!.at(-1), "0.0% - -");
});

Deno.test("sessionsPage() shows a call without streams as not answered", () => {
  const [, row] = cells(sessionsPage(JSON.stringify([{ ...SESSION, streams: [] }])));
  assertEquals([row![4], row![5]], ["-", "not answered"]);
});

Deno.test("summaryPage() counts problems and streams in the kernel, and shows a relay that does not answer", () => {
  const relay = { ip: "192.0.2.9", status: "active", problem_count: 3, kernel_stream_count: 7 };
  const rows = cells(summaryPage(JSON.stringify([relay, { ip: "192.0.2.8", status: "error" }])));
  const columns = ["IN KERNEL", "PROBLEMS"].map((title) => rows[0]!.indexOf(title));
  assertEquals(rows.slice(1).map((row) => [row[0], row[1], ...columns.map((column) => row[column])]), [
    ["192.0.2.9", "active", "7", "3"],
    ["192.0.2.8", "error", "0", "0"],
  ]);
});

Deno.test("the pages say what to do if there is nothing, and refuse what is no answer", () => {
  assertEquals(sessionsPage("[]"), "No calls are up.");
  assertEquals(summaryPage("[]").includes("No relay is connected"), true);
  assertThrows(() => sessionsPage('[{"call_id": 5}]'), AnswerError);
});
