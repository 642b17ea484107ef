import { assert, assertEquals, assertStringIncludes } from "../deps/assert.ts";
import { answerHandshake } from "./web_socket_handshake.ts";

/** The request of RFC 6455 §1.3, with what a test changes; "" leaves a line out. */
function request(changes: Readonly<Record<string, string>> = {}): string {
  const headers = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Origin": "http://example.com",
    "Sec-WebSocket-Protocol": "sip",
    "Sec-WebSocket-Version": "13",
    ...changes,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value}`);
  return ["GET /chat HTTP/1.1", ...lines, "\r\n"].join("\r\n");
}

Deno.test("answerHandshake() answers the example of RFC 6455 §1.3, for SIP (RFC 7118 §4)", () => {
  const { isAccepted, response } = answerHandshake(request());
  assert(isAccepted);
  assertEquals(response.split("\r\n"), [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Protocol: sip",
    "",
    "",
  ]);
});

Deno.test("answerHandshake() reads lists and names as HTTP has them", () => {
  assert(answerHandshake(request({ "Connection": "keep-alive, upgrade" })).isAccepted);
  assert(answerHandshake(request({ "Upgrade": "WebSocket" })).isAccepted);
  assert(answerHandshake(request({ "Sec-WebSocket-Protocol": "chat, SIP" })).isAccepted);
  assert(answerHandshake(request().replace("Sec-WebSocket-Key", "sec-websocket-key")).isAccepted);
});

for (
  const [what, head, status, text] of [
    ["no WebSocket", request({ "Upgrade": "" }), "426 Upgrade Required", "connect with a WebSocket"],
    ["no upgrade", request({ "Connection": "close" }), "426 Upgrade Required", "Upgrade: websocket"],
    ["another version", request({ "Sec-WebSocket-Version": "8" }), "426 Upgrade Required", "Sec-WebSocket-Version: 13"],
    ["no key", request({ "Sec-WebSocket-Key": "" }), "400 Bad Request", "no Sec-WebSocket-Key"],
    ["no subprotocol", request({ "Sec-WebSocket-Protocol": "" }), "400 Bad Request", "subprotocol sip"],
    ["another method", request().replace("GET", "POST"), "400 Bad Request", "a SIP server for WebSockets"],
    ["SIP", "OPTIONS sip:a@b SIP/2.0\r\n\r\n", "400 Bad Request", "a SIP server for WebSockets"],
    ["nothing", "", "400 Bad Request", "a SIP server for WebSockets"],
  ] as const
) {
  Deno.test(`answerHandshake() refuses ${what}`, () => {
    const { isAccepted, response } = answerHandshake(head);
    assert(!isAccepted);
    assert(response.startsWith(`HTTP/1.1 ${status}\r\n`));
    assertStringIncludes(response, text);
    const [, length] = /Content-Length: (\d+)/.exec(response)!;
    assertEquals(response.split("\r\n\r\n")[1]!.length, Number(length));
  });
}
