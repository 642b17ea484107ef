/** Messages that no phone should send, as a scenario for sipp: what it sends, and what it has to be answered. @module */

/** One damaged or odd message. */
interface Torture {
  readonly name: string;
  readonly startLine?: string;
  /** More or other headers; undefined takes one of the usual ones away. Text may have sipp's keywords. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Lines as they are, behind the headers. */
  readonly lines?: readonly string[];
  readonly body?: string;
  /** The status; undefined if nothing may come. */
  readonly answer: number | undefined;
}

const SERVER = "sip:[remote_ip]";
const HUGE = "x".repeat(20_000);

const TORTURES: readonly Torture[] = [
  { name: "nothing wrong", answer: 200 },
  { name: "no Max-Forwards, which RFC 2543 did not know", headers: { "Max-Forwards": undefined }, answer: 200 },
  { name: "no hop left", headers: { "Max-Forwards": "0" }, answer: 483 },
  { name: "a Max-Forwards that is no number", headers: { "Max-Forwards": "many" }, answer: 400 },
  { name: "a Content-Length beyond the datagram (RFC 3261 §18.3)", headers: { "Content-Length": "9999" }, answer: 400 },
  { name: "a negative Content-Length", headers: { "Content-Length": "-1" }, answer: 400 },
  {
    name: "a Content-Length short of the datagram (§18.3)",
    headers: { "Content-Length": "0" },
    body: "rest",
    answer: 200,
  },
  { name: "no From", headers: { "From": undefined }, answer: 400 },
  { name: "two To", lines: [`To: <${SERVER}>;tag=other`], answer: 400 },
  { name: "a To with two tags, in no dialog", headers: { "To": `<${SERVER}>;tag=one;tag=two` }, answer: 481 },
  {
    name: "a From in open quotes",
    headers: { "From": `"Alice <sip:alice@[local_ip]>;tag=[call_number]` },
    answer: 400,
  },
  { name: "a CSeq beyond 31 bits", headers: { "CSeq": "4294967296 OPTIONS" }, answer: 400 },
  { name: "a line that is no header", lines: ["this is no header"], answer: 400 },
  { name: "a header of 20,000 bytes", headers: { "X-Huge": HUGE }, answer: 200 },
  { name: "a Request-URI in brackets (RFC 4475 §3.1.2.7)", startLine: `OPTIONS <${SERVER}> SIP/2.0`, answer: 400 },
  { name: "a Request-URI with a space (§3.1.2.8)", startLine: `OPTIONS ${SERVER};a b SIP/2.0`, answer: 400 },
  { name: "an unknown scheme (§3.3.4)", startLine: "OPTIONS nobody:knows SIP/2.0", answer: 416 },
  { name: "a version to come (§3.1.2.16)", startLine: `OPTIONS ${SERVER} SIP/7.0`, answer: 505 },
  { name: "an unknown extension for proxies (§3.3.5)", headers: { "Proxy-Require": "nothing" }, answer: 420 },
  {
    name: "a method that nobody knows, for somebody that nobody knows",
    startLine: "DANCE sip:nobody@[remote_ip] SIP/2.0",
    headers: { "CSeq": "1 DANCE" },
    answer: 404,
  },
  {
    name: "CANCEL of nothing (RFC 3261 §9.2)",
    startLine: `CANCEL ${SERVER} SIP/2.0`,
    headers: { "CSeq": "1 CANCEL" },
    answer: 481,
  },
  {
    name: "BYE in no dialog (§15.1.2)",
    startLine: `BYE ${SERVER} SIP/2.0`,
    headers: { "CSeq": "1 BYE", "To": `<${SERVER}>;tag=gone` },
    answer: 481,
  },
  {
    name: "ACK of nothing (§16.11)",
    startLine: `ACK ${SERVER} SIP/2.0`,
    headers: { "CSeq": "1 ACK", "To": `<${SERVER}>;tag=gone` },
    answer: undefined,
  },
  { name: "an answer to nothing (§16.7)", startLine: "SIP/2.0 200 OK", answer: undefined },
  { name: "nothing wrong, after all that", answer: 200 },
];

/** The scenario. The answers have to come in order, each before the next message. */
export function tortureScenario(): string {
  return [
    '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="torture">',
    ...TORTURES.flatMap((torture, index) => [`<!-- ${index}: ${torture.name} -->`, ...steps(torture, index)]),
    "</scenario>\n",
  ].join("\n");
}

function steps(torture: Torture, index: number): string[] {
  const { answer } = torture;
  const send = `<send><![CDATA[${message(torture, index)}]]></send>`;
  return answer === undefined ? [send] : [send, `<recv response="${answer}" />`];
}

function message({ startLine, headers, lines = [], body = "" }: Torture, index: number): string {
  const all = {
    "Via": `SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-[call_id]-${index};rport`,
    "Max-Forwards": "70",
    "From": `<sip:alice@[local_ip]>;tag=[call_number]`,
    "To": `<${SERVER}>`,
    "Call-ID": "[call_id]",
    "CSeq": "1 OPTIONS",
    "Content-Length": `${body.length}`,
    ...headers,
  };
  return [
    startLine ?? `OPTIONS ${SERVER} SIP/2.0`,
    ...Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`),
    ...lines,
    "",
    body,
  ].join("\n");
}
