import { assert, assertEquals } from "../src/deps/assert.ts";
import { fc } from "../src/deps/fast_check.ts";
import type { Headers } from "../src/control/headers.ts";
import { serializeRequest } from "../src/control/request.ts";
import { RecordingLogger } from "../tests/support/fakes.ts";
import { removeHeaders } from "../tests/support/control_messages.ts";
import { DispatcherLink } from "./dispatcher_link.ts";

const KEEPALIVE_MS = 10_000;

/** A link whose commands are answered with `handle`'s result. */
function link(handle: (command: string, headers: Headers) => string = (command) => `did ${command}`) {
  const sent: string[] = [];
  const closed: string[] = [];
  const log = new RecordingLogger();
  const transport = {
    send: (text: string) => void sent.push(text),
    close: (reason: string) => void closed.push(reason),
  };
  const made = new DispatcherLink(
    transport,
    (command, headers, answer) => answer(handle(command, headers)),
    KEEPALIVE_MS,
    log,
    1000,
  );
  const receive = (text: string) => made.received(new TextEncoder().encode(text));
  return { link: made, sent, closed, log, receive };
}

Deno.test("DispatcherLink.received() answers a command with its sequence number, in one write (PROTOCOL §3)", () => {
  const commands: [string, Headers][] = [];
  const { receive, sent } = link((command, headers) => {
    commands.push([command, new Map(headers)]);
    return "{}";
  });
  receive(serializeRequest("remove 17", removeHeaders()));
  assertEquals(commands, [["remove", removeHeaders()]]);
  assertEquals(sent, ["17 {}\r\n"]);
});

Deno.test("DispatcherLink.received() answers in the order of the commands, however the bytes come (PROTOCOL §3)", () => {
  const text = ["update 1", "summary 2", "remove 3"].map((name) => serializeRequest(name, removeHeaders())).join("");
  const expected = ["1 did update\r\n", "2 did summary\r\n", "3 did remove\r\n"];
  fc.assert(fc.property(fc.array(fc.nat(text.length)), (cuts) => {
    const { receive, sent } = link();
    const edges = [0, ...cuts.toSorted((a, b) => a - b), text.length];
    edges.slice(1).forEach((end, index) => receive(text.slice(edges[index], end)));
    assertEquals(sent, expected);
  }));
});

Deno.test("DispatcherLink.received() lets answers come later, in any order, each with its sequence number (PROTOCOL §3)", () => {
  const sent: string[] = [];
  const answers: ((text: string) => void)[] = [];
  const transport = { send: (text: string) => void sent.push(text), close() {} };
  const handle = (_command: string, _headers: Headers, answer: (text: string) => void) => void answers.push(answer);
  const made = new DispatcherLink(transport, handle, KEEPALIVE_MS, new RecordingLogger(), 1000);
  made.received(new TextEncoder().encode("summary 1\r\n\r\nsummary 2\r\n\r\n"));
  assertEquals(sent, []);
  answers[1]!("second");
  answers[0]!("first");
  assertEquals(sent, ["2 second\r\n", "1 first\r\n"]);
});

Deno.test("DispatcherLink.received() takes commands without headers (PROTOCOL §3)", () => {
  const { receive, sent } = link();
  receive("sessions 5\r\n\r\n");
  assertEquals(sent, ["5 did sessions\r\n"]);
});

Deno.test("DispatcherLink.received() answers error to a command that it cannot read, and goes on (PROTOCOL §6.9)", () => {
  const { link: made, receive, sent, log } = link();
  made.received(Uint8Array.of(...new TextEncoder().encode("update 1\r\ncall_id: "), 0xff, 13, 10, 13, 10));
  receive("update 2\r\nno header\r\n\r\n");
  receive(`update 3\r\ncall_id: ${"a".repeat(20_000)}\r\n\r\n`);
  receive("summary 4\r\n\r\n");
  assertEquals(sent, ["1 error\r\n", "2 error\r\n", "3 error\r\n", "4 did summary\r\n"]);
  assertEquals(log.messages("error").length, 3);
});

Deno.test("DispatcherLink.received() ignores and logs what has no sequence number to answer to", () => {
  const { receive, sent, log } = link();
  receive("GET / HTTP/1.1\r\nHost: relay\r\n\r\nupdate\r\n\r\nupdate x\r\n\r\nsummary 1\r\n\r\n");
  assertEquals(sent, ["1 did summary\r\n"]);
  assertEquals(log.messages("error").length, 3);
});

Deno.test("DispatcherLink.expired() reports a session unasked (PROTOCOL §3)", () => {
  const { link: made, sent } = link();
  const statistics = { call_id: "c1" } as unknown as Parameters<DispatcherLink["expired"]>[0];
  made.expired(statistics);
  assertEquals(sent, ['expired {"call_id":"c1"}\r\n']);
});

Deno.test("DispatcherLink.handleTimeout() pings every keepalive_interval (PROTOCOL §3)", () => {
  const { link: made, receive, sent } = link();
  made.handleTimeout(1000 + KEEPALIVE_MS - 1);
  assertEquals(sent, []);
  for (let count = 1; count <= 20; count++) {
    made.handleTimeout(1000 + count * KEEPALIVE_MS);
    made.handleTimeout(1000 + count * KEEPALIVE_MS + 1);
    assertEquals(sent.splice(0), ["ping\r\n"]);
    receive("pong\r\n");
  }
});

Deno.test("DispatcherLink.handleTimeout() takes the connection for dead after three unanswered pings (PROTOCOL §3)", () => {
  const { link: made, sent, closed } = link();
  for (let count = 1; count <= 3; count++) made.handleTimeout(1000 + count * KEEPALIVE_MS);
  assertEquals([sent.length, closed], [3, []]);
  made.handleTimeout(1000 + 4 * KEEPALIVE_MS);
  assertEquals(closed, ["3 keepalives in a row were not answered"]);
  assertEquals(sent.length, 3);
});

Deno.test("DispatcherLink.handleTimeout() counts only pings in a row: a pong makes up for all before (PROTOCOL §3)", () => {
  const { link: made, receive, closed } = link();
  for (let count = 1; count <= 30; count++) {
    made.handleTimeout(1000 + count * KEEPALIVE_MS);
    if (count % 3 === 0) receive("pong\r\n");
  }
  assertEquals(closed, []);
});

Deno.test("DispatcherLink.received() answers nothing to any bytes but with lines, and never throws", () => {
  const text = fc.array(fc.constantFrom("update 1", "\r\n", "pong", ": ", "a", "\n", " ", "2"), { maxLength: 30 });
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    text.map((words) => new TextEncoder().encode(words.join(""))),
  );
  fc.assert(fc.property(fc.array(chunk, { maxLength: 20 }), (chunks) => {
    const { link: made, sent } = link();
    for (const bytes of chunks) made.received(bytes);
    assert(sent.every((line) => /^\d+ [^\r\n]+\r\n$/.test(line)));
  }));
});
