import { assertEquals } from "../deps/assert.ts";
import { parseAnswer } from "./answer.ts";

Deno.test("parseAnswer() reads the relay's address and ports (PROTOCOL §1)", () => {
  assertEquals(parseAnswer("127.0.0.1 50082 0 50094"), { address: "127.0.0.1", ports: [50082, 0, 50094] });
  assertEquals(parseAnswer("2001:DB8::7 65534"), { address: "2001:db8::7", ports: [65534] });
  assertEquals(parseAnswer("192.0.2.1"), { address: "192.0.2.1", ports: [] });
});

Deno.test("parseAnswer() refuses everything else, and ports behind which RTCP has no place", () => {
  const lines = ["", "error", "halting", "None", "removed", "1.2.3 50000", "127.0.0.1 65535", "127.0.0.1 x"];
  for (const line of [...lines, "127.0.0.1 50000 ", "127.0.0.1\t50000", "127.0.0.1 50000\0", "\xff"]) {
    assertEquals([line, parseAnswer(line)], [line, undefined]);
  }
});
