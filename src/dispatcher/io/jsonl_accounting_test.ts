import { assertEquals, assertStringIncludes } from "../../deps/assert.ts";
import type { EndedSession } from "../../control/statistics.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { JsonLinesAccounting } from "./jsonl_accounting.ts";

function ended(callId: string): EndedSession {
  return { "call_id": callId } as unknown as EndedSession;
}

Deno.test("JsonLinesAccounting appends a line for each call, to a file that is its owner's alone", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/sessions.jsonl`;
    const accounting = new JsonLinesAccounting(path, new RecordingLogger());
    for (const callId of ["1", "2", "3"]) accounting.record(ended(callId));
    await accounting.close();
    assertEquals(Deno.readTextFileSync(path), '{"call_id":"1"}\n{"call_id":"2"}\n{"call_id":"3"}\n');
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    Deno.renameSync(path, `${path}.1`); // rotated
    const next = new JsonLinesAccounting(path, new RecordingLogger());
    next.record(ended("4"));
    await next.close();
    assertEquals(Deno.readTextFileSync(path), '{"call_id":"4"}\n');
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("JsonLinesAccounting says so in the log when it cannot write, and loses nothing silently", async () => {
  const log = new RecordingLogger();
  const accounting = new JsonLinesAccounting("/nowhere/sessions.jsonl", log);
  accounting.record(ended("lost"));
  await accounting.close();
  assertStringIncludes(log.messages("error")[0]!, "/nowhere/sessions.jsonl");
  assertStringIncludes(log.messages("error").join("\n"), '"call_id":"lost"');
});
