import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { ControlConnection } from "./control_connection.ts";

/** A SIP server's connection whose requests the test answers. */
class Bench {
  readonly log = new RecordingLogger();
  readonly writes: string[] = [];
  readonly commands: string[] = [];
  readonly answers: ((text: string) => void)[] = [];
  readonly connection = new ControlConnection(
    ({ command }, answer) => {
      this.commands.push(command);
      this.answers.push(answer);
    },
    (text) => this.writes.push(text),
    this.log,
  );

  receive(text: string): void {
    this.connection.received(new TextEncoder().encode(text));
  }
}

Deno.test("ControlConnection writes each answer in one piece, with its CRLF (PROTOCOL 1)", () => {
  const bench = new Bench();
  bench.receive("update\r\n\r\n");
  assertEquals(bench.writes, []);
  bench.answers[0]!("192.0.2.10 40000");
  assertEquals(bench.writes, ["192.0.2.10 40000\r\n"]);
  bench.receive("remove\r\n\r\n");
  bench.answers[1]!("removed");
  assertEquals(bench.writes, ["192.0.2.10 40000\r\n", "removed\r\n"]);
});

Deno.test("ControlConnection executes pipelined requests at once, and answers in order (PROTOCOL 1)", () => {
  const bench = new Bench();
  bench.receive("a\r\n\r\nb\r\n\r\nc\r\n\r\n");
  assertEquals(bench.commands, ["a", "b", "c"]);
  bench.answers[2]!("3");
  bench.answers[1]!("2");
  assertEquals(bench.writes, []);
  assertEquals(bench.connection.pendingCount, 3);
  bench.answers[0]!("1");
  assertEquals(bench.writes.join(""), "1\r\n2\r\n3\r\n");
  assertEquals(bench.connection.pendingCount, 0);
});

Deno.test("ControlConnection writes an answer that is known at once", () => {
  const writes: string[] = [];
  const connection = new ControlConnection(
    (_request, answer) => answer("error"),
    (text) => writes.push(text),
    new RecordingLogger(),
  );
  connection.received(new TextEncoder().encode("a\r\n\r\nb\r\n\r\n"));
  assertEquals(writes, ["error\r\n", "error\r\n"]);
});

Deno.test("ControlConnection answers a bad request `error` in its place, and goes on (PROTOCOL 6.9)", () => {
  const bench = new Bench();
  bench.receive(`a\r\n\r\nupdate\r\nuser_agent: ${"x".repeat(20_000)}\r\n\r\nfoo\r\nbar\r\n\r\nb\r\n\r\n`);
  assertEquals(bench.commands, ["a", "b"]);
  bench.answers[1]!("2");
  bench.answers[0]!("1");
  assertEquals(bench.writes.join(""), "1\r\nerror\r\nerror\r\n2\r\n");
  assertEquals(bench.log.messages("error").length, 2);
});

Deno.test("ControlConnection answers every request in order, whatever order the answers become known in", () => {
  const order = fc.nat({ max: 8 }).chain((count) => {
    const indexes = Array.from({ length: count }, (_, index) => index);
    return fc.shuffledSubarray(indexes, { minLength: count });
  });
  fc.assert(fc.property(order, (indexes) => {
    const bench = new Bench();
    bench.receive(indexes.map(() => "a\r\n\r\n").join(""));
    for (const index of indexes) bench.answers[index]!(`answer ${index}`);
    assertEquals(bench.writes.join(""), indexes.map((_, index) => `answer ${index}\r\n`).join(""));
    for (const write of bench.writes) assertEquals(write.endsWith("\r\n"), true);
  }));
});
