/** The HTTP request that begins a WebSocket, and how a SIP server answers it (RFC 6455 §4.2, RFC 7118 §4). @module */
import { createHash } from "../deps/hash.ts";

/** The longest request that is read. */
export const MAX_HANDSHAKE_BYTES = 8192;

/** What goes back, and whether the connection is a WebSocket now. */
export interface HandshakeAnswer {
  readonly isAccepted: boolean;
  readonly response: string;
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const REQUEST_LINE = /^GET \S+ HTTP\/1\.1$/;
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Answers a request's head, which ends with its empty line. Total. */
export function answerHandshake(head: string): HandshakeAnswer {
  const [requestLine = "", ...lines] = head.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const before = headers.get(name);
    const value = line.slice(colon + 1).trim();
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  if (!REQUEST_LINE.test(requestLine)) return refusal("400 Bad Request", "This is a SIP server for WebSockets.");
  if (!listed(headers, "upgrade", "websocket") || !listed(headers, "connection", "upgrade")) {
    return refusal("426 Upgrade Required", "This is a SIP server: connect with a WebSocket.", "Upgrade: websocket");
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return refusal("426 Upgrade Required", "The WebSocket must be of version 13.", "Sec-WebSocket-Version: 13");
  }
  const key = headers.get("sec-websocket-key") ?? "";
  if (!KEY.test(key)) return refusal("400 Bad Request", "There is no Sec-WebSocket-Key.");
  if (!listed(headers, "sec-websocket-protocol", "sip")) {
    return refusal("400 Bad Request", "The WebSocket must offer the subprotocol sip (RFC 7118).");
  }
  return {
    isAccepted: true,
    response: [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${createHash("sha1").update(key + GUID).digest("base64")}`,
      "Sec-WebSocket-Protocol: sip",
      "\r\n",
    ].join("\r\n"),
  };
}

function listed(headers: ReadonlyMap<string, string>, name: string, wanted: string): boolean {
  return (headers.get(name) ?? "").split(",").some((item) => item.trim().toLowerCase() === wanted);
}

function refusal(status: string, text: string, ...headers: readonly string[]): HandshakeAnswer {
  const lines = [
    `HTTP/1.1 ${status}`,
    ...headers,
    "Connection: close",
    "Content-Type: text/plain",
    `Content-Length: ${text.length + 1}`,
    "",
    `${text}\n`,
  ];
  return { isAccepted: false, response: lines.join("\r\n") };
}
