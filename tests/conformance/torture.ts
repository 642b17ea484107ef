/**
 * Torture messages: what a proxy makes of each, as its neighbours see it.
 *
 * A case names a file with the exact bytes, what the RFC demands, and the verdict: of a datagram and, where another
 * follows from the framing, of a connection. Every file is a case and every case a named test; nothing is skipped.
 * @module
 */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { decodeOctets, encodeOctets } from "../../src/sip/octets.ts";
import type { SentMessage } from "../support/fake_transport.ts";
import { PEER, WireBench, type WireBenchOptions } from "./wire_bench.ts";

/** The request leaves for the next hop, every header field and the body as they came, but for what a proxy has to change. */
interface Forwarded {
  readonly kind: "forwarded";
  /** `address:port`. */
  readonly to: string;
  /** The Request-URI, if it is not as it came. */
  readonly uri?: string;
  /** Canonical names of header fields that differ, besides the topmost Via and Max-Forwards. */
  readonly changed?: readonly string[];
  /** The bytes of the body that Content-Length cuts off. */
  readonly cut?: number;
}

/** The request is answered, and goes nowhere. */
interface Answered {
  readonly kind: "answered";
  readonly status: number;
  /** Header fields that the response has, as written. */
  readonly fields?: readonly string[];
}

/** A response: without our request nobody wants it; as the answer to one it is used. */
interface Response {
  /** `returned`: it goes to whoever sent the request. `noted`: it is a 100. `dropped`: it is malformed, and counted. */
  readonly kind: "returned" | "noted" | "dropped";
}

/** A connection on which more is to come. */
interface Waiting {
  readonly kind: "waiting";
}

/** See above. */
export type Verdict = Forwarded | Answered | Response | Waiting;

/** One message. */
export interface TortureCase extends WireBenchOptions {
  readonly section: string;
  /** Of the file. */
  readonly name: string;
  /** What the RFC says; where it leaves a choice, what was chosen and why. */
  readonly demand: string;
  readonly datagram: Verdict;
  /** On a connection, if that differs: one verdict for each message, and whether we close the connection. */
  readonly stream?: { readonly verdicts: readonly Verdict[]; readonly closes: boolean };
}

/** The exact bytes of a message. */
export function readTorture(rfc: string, name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(`${rfc}/${name}.sip`, import.meta.url));
}

/** All messages of an RFC. */
export function tortureNames(rfc: string): string[] {
  return [...Deno.readDirSync(new URL(`${rfc}/`, import.meta.url))].map(({ name }) => name.replace(".sip", "")).sort();
}

/** Makes the tests of a table: two for each message, and one that says that no file was forgotten. */
export function testTortureCases(rfc: string, title: string, cases: readonly TortureCase[]): void {
  Deno.test(`${title}: each message is a case`, () => {
    assertEquals(cases.map(({ name }) => name).toSorted(), tortureNames(rfc));
  });
  for (const it of cases) {
    const bytes = readTorture(rfc, it.name);
    Deno.test(`${title} §${it.section} ${it.name}: ${describe(it.datagram)}`, async () => {
      const bench = new WireBench(it);
      if (isResponse(bytes)) return await judgeResponse(bench, bytes, it.datagram.kind);
      await bench.datagram(bytes);
      judge(bytes, bench.take(), it.datagram);
      assertEquals(bench.log.messages("error"), []);
    });
    const { verdicts, closes } = it.stream ?? { verdicts: [it.datagram], closes: false };
    const fate = `${verdicts.map(describe).join(", then ")}${closes ? ", and the connection is closed" : ""}`;
    Deno.test(`${title} §${it.section} ${it.name}, on a connection: ${fate}`, async () => {
      const bench = new WireBench(it);
      if (isResponse(bytes)) return await judgeResponse(bench, bytes, it.datagram.kind, true);
      assertEquals(await bench.stream(bytes), closes);
      const sent = bench.take();
      const expected = verdicts.filter(({ kind }) => kind !== "waiting" && kind !== "dropped");
      assertEquals(sent.length, expected.length, sent.map(({ text }) => text).join());
      for (const [index, verdict] of expected.entries()) judge(messageAt(bytes, index), [sent[index]!], verdict);
      assertEquals(bench.log.messages("error"), []);
    });
  }
}

/** The verdict for the name of a test. */
function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case "answered":
      return `answered ${verdict.status}`;
    case "forwarded":
      return `forwarded to ${verdict.to}`;
    case "waiting":
      return "waits for the rest";
    default:
      return verdict.kind;
  }
}

function isResponse(bytes: Uint8Array): boolean {
  return decodeOctets(bytes.subarray(0, 4)) === "SIP/";
}

/** The bytes from the start of the message with that index on. */
function messageAt(bytes: Uint8Array, index: number): Uint8Array {
  const starts = [...decodeOctets(bytes).matchAll(/(?<=^|\r\n\r\n(?:\r\n)?)(?=[A-Z]+ sips?:\S+ SIP\/2\.0\r\n)/g)];
  return index === 0 ? bytes : bytes.subarray(starts[index]!.index);
}

function judge(bytes: Uint8Array, sent: readonly SentMessage[], verdict: Verdict): void {
  assertEquals(sent.length, 1, sent.map(({ text }) => text).join("\n"));
  const received = split(decodeOctets(bytes));
  if (verdict.kind === "forwarded") judgeForwarded(received, sent[0]!, verdict);
  else if (verdict.kind === "answered") judgeAnswer(received, split(sent[0]!.text), verdict);
  else throw new TypeError(`${verdict.kind} is no verdict on a request`);
}

function judgeForwarded(received: SplitMessage, { text, target }: SentMessage, verdict: Forwarded): void {
  const forwarded = split(text);
  assertEquals(`${target.address}:${target.port}`, verdict.to);
  const [method, uri] = received.startLine.split(" ");
  assertEquals(forwarded.startLine, `${method} ${verdict.uri ?? uri} SIP/2.0`);
  const topVia = received.fields.find((field) => nameOf(field) === "via")!;
  const changes = new Set(["max-breadth", "max-forwards", ...verdict.changed ?? []]);
  const kept = received.fields.filter((field) => field !== topVia && !changes.has(nameOf(field)));
  assertEquals(forwarded.fields.filter((field) => kept.includes(field)), kept, "each field as it came, in its order");
  const added = forwarded.fields.filter((field) => !kept.includes(field) && !isOwnRoute(field)).map(nameOf).toSorted();
  const own = ["max-breadth", "max-forwards", "via", "via", ...verdict.changed ?? []];
  if (!received.fields.some((field) => nameOf(field) === "content-length")) own.push("content-length");
  assertEquals(added, own.toSorted(), "nothing else is added");
  const hops = received.fields.find((field) => nameOf(field) === "max-forwards");
  assertEquals(maxForwards(forwarded), hops === undefined ? 70 : Number(valueOf(hops)) - 1);
  assertEquals(forwarded.body, received.body.slice(0, received.body.length - (verdict.cut ?? 0)));
}

function judgeAnswer(received: SplitMessage, answer: SplitMessage, { status, fields = [] }: Answered): void {
  assertMatch(answer.startLine, new RegExp(`^SIP/2\\.0 ${status} `));
  for (const name of ["from", "call-id", "cseq"]) {
    const echoed = (message: SplitMessage) => message.fields.filter((field) => nameOf(field) === name);
    assertEquals(echoed(answer), echoed(received), `${name} is echoed as it came`);
  }
  for (const field of fields) assert(answer.fields.includes(field), `${field} is not in ${answer.fields.join("\n")}`);
}

/** By itself a response is dropped; with our Via on top, as whoever got our request would send it, it finds its way. */
async function judgeResponse(
  bench: WireBench,
  bytes: Uint8Array<ArrayBuffer>,
  kind: Verdict["kind"],
  onStream = false,
): Promise<void> {
  const receive = async (message: Uint8Array<ArrayBuffer>) => {
    if (onStream) assertEquals(await bench.stream(message), false, "the connection stays");
    else await bench.datagram(message);
  };
  await receive(bytes);
  assertEquals(bench.take(), [], "nobody asked for it");
  const isMalformed = kind === "dropped";
  assertEquals(
    [bench.counters.malformed, bench.core.statistics().strayResponses],
    isMalformed ? [1, 0] : [0, 1],
  );

  await bench.datagram(encodeOctets(requestFor(decodeOctets(bytes))));
  const [request] = bench.take();
  const ownVia = split(request!.text).fields.find((field) => nameOf(field) === "via")!;
  const text = decodeOctets(bytes).replace("\r\n", `\r\n${ownVia}\r\n`);
  await receive(encodeOctets(text));
  const sent = bench.take();
  if (kind === "returned") {
    assertEquals(sent.length, 1);
    assertEquals(sent[0]!.target.address, PEER, "to where the request came from, whatever its Vias say");
    const [before, after] = [split(decodeOctets(bytes)), split(sent[0]!.text)];
    assertEquals(after, before);
    return;
  }
  assertEquals(sent, []);
  await bench.advance(500); // T1: who has no answer yet sends again
  assertEquals(bench.take().length, kind === "noted" ? 0 : 1, "a retransmission");
  if (isMalformed) assertEquals(bench.counters.malformed, 2);
}

/** A request that the response could be the answer to: with its CSeq's method. */
function requestFor(response: string): string {
  const method = /^CSeq:\s*\d+ (\w+)/m.exec(response)![1];
  return [
    `${method} sip:user@example.edu SIP/2.0`,
    `Via: SIP/2.0/UDP ${PEER};branch=z9hG4bKask`,
    "From: <sip:user@example.com>;tag=1",
    "To: <sip:user@example.edu>",
    "Call-ID: ask",
    `CSeq: 35 ${method}`,
    "\r\n",
  ].join("\r\n");
}

/** A message taken apart without the parser that is under test. */
interface SplitMessage {
  readonly startLine: string;
  /** With their folding. */
  readonly fields: readonly string[];
  readonly body: string;
}

function split(text: string): SplitMessage {
  const headEnd = text.indexOf("\r\n\r\n");
  const [startLine, ...fields] = text.slice(0, headEnd).split(/\r\n(?![ \t])/);
  return { startLine: startLine!, fields, body: text.slice(headEnd + 4) };
}

const COMPACT: Readonly<Record<string, string>> = {
  c: "content-type",
  f: "from",
  i: "call-id",
  l: "content-length",
  m: "contact",
  s: "subject",
  t: "to",
  v: "via",
};

function nameOf(field: string): string {
  const name = field.slice(0, field.indexOf(":")).trim().toLowerCase();
  return COMPACT[name] ?? name;
}

function valueOf(field: string): string {
  return field.slice(field.indexOf(":") + 1).trim();
}

/** A Record-Route of ours: there are two if the request leaves by another transport than it came by. */
function isOwnRoute(field: string): boolean {
  return /^Record-Route: <sip:(?:198\.51\.100\.1|\[2001:db8::10\])[;>]/.test(field);
}

function maxForwards({ fields }: SplitMessage): number {
  return Number(valueOf(fields.find((field) => nameOf(field) === "max-forwards")!));
}
