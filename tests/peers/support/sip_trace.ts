/** Reading the message trace that sipp writes (`-trace_msg`). @module */

/** A SIP message as sipp sent or received it. */
export interface TracedMessage {
  readonly direction: "sent" | "received";
  /** `INVITE` for a request, `200 INVITE` for a reply to one. */
  readonly kind: string;
  readonly startLine: string;
  /** Everything up to the empty line. */
  readonly head: string;
  /** As long as Content-Length says; bytes as Latin-1 characters. */
  readonly body: string;
}

const ENTRY = /-{47} [^\n]*\nUDP message (sent|received) [[(](\d+)[\])]? bytes[^\n]*\n\n/g;

/**
 * The messages in a trace, without retransmissions. `trace` has one character for each byte (Latin-1); an entry that is
 * still being written is left out.
 */
export function parseTrace(trace: string): TracedMessage[] {
  const messages: TracedMessage[] = [];
  const seen = new Set<string>();
  ENTRY.lastIndex = 0;
  for (let entry = ENTRY.exec(trace); entry !== null; entry = ENTRY.exec(trace)) {
    const start = ENTRY.lastIndex;
    const end = start + Number(entry[2]);
    if (end > trace.length) break;
    ENTRY.lastIndex = end;
    const text = trace.slice(start, end);
    const direction = entry[1] === "sent" ? "sent" : "received";
    if (seen.has(direction + text)) continue;
    seen.add(direction + text);
    messages.push(parseMessage(direction, text));
  }
  return messages;
}

/** The value of a message's first header of that name, or "". */
export function headerValue(message: TracedMessage, name: string): string {
  return new RegExp(`^${name}: *(.*)$`, "im").exec(message.head)?.[1]?.trim() ?? "";
}

function parseMessage(direction: "sent" | "received", text: string): TracedMessage {
  const empty = text.indexOf("\r\n\r\n");
  const head = empty < 0 ? text : text.slice(0, empty);
  const rest = empty < 0 ? "" : text.slice(empty + 4);
  const startLine = head.split("\r\n", 1)[0] ?? "";
  const length = Number(/^Content-Length: *(\d+)/im.exec(head)?.[1] ?? rest.length);
  const [first = "", second = ""] = startLine.split(" ");
  const method = /^CSeq: *\d+ +(\S+)/im.exec(head)?.[1] ?? "";
  const kind = first === "SIP/2.0" ? `${second} ${method}` : first;
  return { direction, kind, startLine, head, body: rest.slice(0, length) };
}
