// deno-lint-ignore-file camelcase -- the keys are the wire's
import { assert, assertEquals, assertGreater, assertInstanceOf, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { ControlSyntaxError } from "./errors.ts";
import { decodeSessions, decodeStatistics, decodeSummary } from "./statistics.ts";

const TRANSCRIPTS = new URL("../../tests/transcripts/", import.meta.url);

/** What relays of the original have said, as their dispatchers logged it: the JSON behind `start`. */
function spoken(start: RegExp): string[] {
  return [...Deno.readDirSync(TRANSCRIPTS)].flatMap(({ name }) => {
    const lines = Deno.readTextFileSync(new URL(name, TRANSCRIPTS)).split("\n");
    return lines.flatMap((line) => start.exec(line)?.[1] ?? []);
  });
}

Deno.test("decodeStatistics() reads every expired session of the transcripts (PROTOCOL 3)", () => {
  const texts = spoken(/Line received: expired (\{.*\}) from /);
  assertGreater(texts.length, 5);
  for (const text of texts) {
    const session = decodeStatistics(text);
    assert(session.call_id !== "" && session.from_tag !== "");
    assertEquals(session, JSON.parse(text));
  }
});

Deno.test("decodeStatistics() reads every answer to remove of the transcripts (PROTOCOL 3)", () => {
  const texts = spoken(/(?:Line received|relay->dispatcher): \d+ (\{"call_id.*\})/);
  assertGreater(texts.length, 20);
  assert(texts.map(decodeStatistics).some(({ to_tag: toTag, streams }) => toTag !== null && streams.length > 1));
});

Deno.test("decodeSummary() reads every summary of the transcripts (PROTOCOL 3)", () => {
  const texts = spoken(/Line received: \d+ (\{"ip".*\}) from /);
  assertGreater(texts.length, 0);
  const summaries = texts.map(decodeSummary);
  assertEquals(new Set(summaries.map(({ version }) => version)), new Set(["4.1.2"]));
  assert(summaries.some(({ status }) => status === "halting"));
  assert(summaries.every(({ port_range, capabilities }) => port_range === undefined && capabilities === undefined));
});

Deno.test("decodeSessions() reads the lists of the transcripts (PROTOCOL 3)", () => {
  const texts = spoken(/b'(\[\{"call_id".*\])\\r\\n'/);
  assertGreater(texts.length, 0);
  assertEquals(decodeSessions(texts[0]!)[0]!.call_id, "mg1");
  assertEquals(decodeSessions("[]"), []);
});

const SESSION = { call_id: "call", from_tag: "caller", to_tag: null, streams: [] };

Deno.test("decodeStatistics() keeps our additions and keys that it does not know", () => {
  const session = {
    ...SESSION,
    dialog_id: "10:20",
    own: false,
    streams: [{ status: "active", dropped: { wrong_source: 2 }, colour: "red" }],
    weather: "fine",
  };
  assertEquals(decodeStatistics(JSON.stringify(session)) as unknown, session);
});

Deno.test("decodeStatistics() refuses what does not name a session", () => {
  const wrong: unknown[] = [
    null,
    5,
    [],
    {},
    { ...SESSION, call_id: 5 },
    { ...SESSION, from_tag: null },
    { ...SESSION, to_tag: 5 },
    { ...SESSION, streams: {} },
    { ...SESSION, streams: [5] },
    { ...SESSION, streams: [{}] },
    { ...SESSION, dialog_id: 5 },
    { ...SESSION, own: "yes" },
  ];
  for (const value of wrong) {
    const json = JSON.stringify(value);
    assertThrows(() => decodeStatistics(json), ControlSyntaxError, "as session statistics", json);
  }
  assertThrows(() => decodeStatistics("{"), ControlSyntaxError, "as session statistics");
});

Deno.test("decodeSessions() refuses a list with one bad session", () => {
  assertThrows(() => decodeSessions(JSON.stringify([SESSION, {}])), ControlSyntaxError, "as a list of sessions");
  assertThrows(() => decodeSessions(JSON.stringify(SESSION)), ControlSyntaxError, "as a list of sessions");
});

Deno.test("decodeSummary() refuses what does not name a relay", () => {
  const summary = { ip: "192.0.2.1", version: "1", status: "active" };
  assertEquals(decodeSummary(JSON.stringify(summary)) as unknown, summary);
  for (const name of Object.keys(summary)) {
    const json = JSON.stringify({ ...summary, [name]: 5 });
    assertThrows(() => decodeSummary(json), ControlSyntaxError, "as a relay's summary", json);
  }
  for (const more of [{ port_range: 5 }, { capabilities: "branches" }, { capabilities: [5] }]) {
    assertThrows(() => decodeSummary(JSON.stringify({ ...summary, ...more })), ControlSyntaxError);
  }
});

Deno.test("decodeStatistics(), decodeSessions() and decodeSummary() decode any text or throw a ControlSyntaxError", () => {
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string({ unit: "binary" })), (text) => {
    for (const decode of [decodeStatistics, decodeSessions, decodeSummary]) {
      try {
        decode(text);
      } catch (error) {
        assertInstanceOf(error, ControlSyntaxError);
      }
    }
  }));
});
