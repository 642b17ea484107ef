/**
 * Conversations with a whole proxy as text: what is said to it, and everything that it must say.
 *
 * ```text
 * registered bob                         bob's phone has registered
 * alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
 * alice < 100
 * relay < update request 203.0.113.10:4000
 * bob   < INVITE sip:bob@203.0.113.20:5060 | sdp 192.0.2.200:50000 | Max-Forwards: 69
 * bob   > 180
 * alice < 180
 * +60s                                   deadlines on the way are met; what they make follows
 * bob   < CANCEL
 * ```
 *
 * | line                      | means                                                                             |
 * | ------------------------- | --------------------------------------------------------------------------------- |
 * | `NAME > WHAT`             | a phone sends: `INVITE URI`, `BYE` in its dialog, `ACK`, `CANCEL`, `180`, `200 BYE`, `again`, `authorized` (what was challenged) |
 * | `NAME < WHAT`             | the proxy sends: `180`, `INVITE`, `INVITE URI`                                     |
 * | `relay < WHAT`            | the dispatcher is asked: `update request PLACES`, `update reply PLACES`, `remove TAGS` |
 * | `relay answers`, `holds`, `down` | how the dispatcher behaves from now on; `relay > LINE` answers what it held |
 * | `registered NAMES`        | these phones register                                                             |
 * | `NAME = tcp 192.0.2.7:40000` | where a phone or a server is; alice, bob, carol and dave are there on UDP        |
 * | `NAME gone`, `NAME back`  | messages to it fail, and do no more                                               |
 * | `NAME closes`             | its connection ends; the next one is another                                      |
 * | `restart`                 | the proxy starts anew with what it keeps on disk                                  |
 * | `+500`, `+32s`            | time passes                                                                       |
 *
 * After a `|` stand headers: sent as they are (`none` leaves one out, `&&` makes several), or compared, with `*` for
 * anything and `none` for none. `sdp PLACES` is a body with a stream at each place, `body NAME` one that the test has given. Lines of `<` must come in this order
 * and be all that comes. A header of the dispatcher's requests is compared in the same way.
 * @module
 */
import { AssertionError } from "../../src/deps/assert.ts";
import { canonicalName } from "../../src/sip/header_names.ts";
import { type SipMessage, SipRequest } from "../../src/sip/message.ts";
import type { Flow } from "../../src/transport/flow.ts";
import { type BenchOptions, ProxyBench } from "./proxy_bench.ts";
import { messageOf, parsePlace, SimPhone } from "./sim_phone.ts";

/** Something that came out of the proxy. */
interface Output {
  readonly to: string;
  readonly what: string;
  readonly uri: string;
  /** The values of a header, in one text; "none" without any. */
  readonly header: (name: string) => string;
  readonly sdp: string;
}

const PHONES = { alice: "203.0.113.10", bob: "203.0.113.20", carol: "203.0.113.30", dave: "203.0.113.40" };

/** Plays a conversation from its beginning to its end; the bench is there for questions. */
export async function play(text: string, options: BenchOptions = {}): Promise<ProxyBench> {
  const conversation = new Conversation(options);
  await conversation.play(text);
  return conversation.bench;
}

/** A conversation that is played in parts. */
export class Conversation {
  readonly bench: ProxyBench;
  readonly #phones = new Map<string, SimPhone>();
  readonly #gone = new Set<string>();
  readonly #outputs: Output[] = [];
  readonly #played: string[] = [];
  readonly #bodies = new Map<string, string>();
  #connections = 0;

  constructor(options: BenchOptions = {}) {
    this.bench = new ProxyBench(options, (line, fields) => {
      this.#drain(); // what was sent before
      const header = (name: string) => fields.get(name.toLowerCase()) || "none";
      this.#outputs.push({ to: "relay", what: line, uri: "", header, sdp: "" });
    });
    this.bench.transport.refusal = (target) => {
      const phone = this.#phoneAt(target);
      return phone !== undefined && this.#gone.has(phone.name) ? "connection refused" : undefined;
    };
    for (const [name, address] of Object.entries(PHONES)) this.#place(name, `udp ${address}`);
  }

  /** Names a body, for `body NAME`. */
  body(name: string, text: string): void {
    this.#bodies.set(name, text);
  }

  /** Plays a part; at its end nothing may be left that the proxy said. */
  async play(text: string): Promise<void> {
    await this.#collect(); // what the test itself has set off
    for (const raw of text.split("\n")) {
      const line = raw.replace(/(^|\s)#.*$/, "").trim();
      if (line === "") continue;
      const [, to, what] = /^(\w+)\s*<\s*(.*)$/.exec(line) ?? [];
      if (to !== undefined) {
        this.#expect(to, what!, line);
      } else {
        this.#expectSilence(line);
        await this.#do(line);
        await this.#collect();
      }
      this.#played.push(line);
    }
    this.#expectSilence("the end");
  }

  #place(name: string, text: string): void {
    const { transport, address, port } = parsePlace(text);
    const family = address.includes(":") ? "IPv6" : "IPv4";
    const listenPoint = this.bench.transport.listenPoints.find((it) =>
      it.transport === transport && it.family === family
    );
    if (listenPoint === undefined) return;
    const connectionId = transport === "udp" ? 0 : ++this.#connections;
    this.#phones.set(name, new SimPhone(name, { transport, listenPoint, address, port, connectionId }));
  }

  #phone(name: string): SimPhone {
    const phone = this.#phones.get(name);
    if (phone === undefined) throw new TypeError(`who is ${name}?`);
    return phone;
  }

  #phoneAt({ address, port, connectionId = 0, transport }: Partial<Flow>): SimPhone | undefined {
    const phones = [...this.#phones.values()].filter(({ flow }) => flow.transport === transport);
    const byConnection = phones.find(({ flow }) => connectionId !== 0 && flow.connectionId === connectionId);
    return byConnection ?? phones.find(({ flow }) => flow.address === address && flow.port === port);
  }

  async #do(line: string): Promise<void> {
    const [, name = "", sent] = /^(\w+)\s*>\s*(.*)$/.exec(line) ?? [];
    const [, placed = "", place] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    const [word = "", second = "", ...others] = line.split(/\s+/);
    if (name === "relay" && sent !== undefined) return this.bench.dispatcher.answer(sent);
    if (sent !== undefined) return this.#say(this.#phone(name), sent);
    if (place !== undefined) return this.#place(placed, place);
    if (word.startsWith("+")) return await this.bench.advance(durationOf(word));
    if (word === "restart") return this.bench.restart();
    if (word === "registered") return await this.#register([second, ...others]);
    if (word === "relay") return void (this.bench.dispatcher.mode = second as "answers" | "holds" | "down");
    if (second === "gone") return void this.#gone.add(word);
    if (second === "back") return void this.#gone.delete(word);
    if (second === "closes") return this.#close(this.#phone(word));
    throw new TypeError(`cannot play: ${line}`);
  }

  #say(phone: SimPhone, text: string): void {
    const { what, fields, sdp, body } = parsed(text);
    const content = body === undefined ? sdp === undefined ? "" : sdpOf(sdp) : this.#bodies.get(body)!;
    this.bench.receive(phone.write(what, fields, content), phone.flow);
  }

  #close({ name, flow: { connectionId, transport, address, port } }: SimPhone): void {
    this.bench.core.locations.connectionClosed(connectionId);
    this.#place(name, `${transport} ${address}:${port + 1}`);
  }

  async #register(names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.#say(this.#phone(name), "REGISTER sip:example.com");
      await this.#collect();
      const { what } = this.#outputs.pop()!;
      if (what !== "200") throw new TypeError(`${name} could not register: ${what}`);
    }
  }

  /** Lets all happen, and lets the phones have what was sent. */
  async #collect(): Promise<void> {
    await this.bench.settle();
    this.#drain();
  }

  #drain(): void {
    for (const { text, target } of this.bench.take()) {
      const message = messageOf(text);
      const phone = this.#phoneAt(target);
      if (phone !== undefined && this.#gone.has(phone.name)) continue;
      phone?.receive(message);
      this.#outputs.push(outputOf(message, phone?.name ?? `${target.transport} ${target.address}:${target.port}`));
    }
  }

  #expect(to: string, text: string, line: string): void {
    const output = this.#outputs.shift();
    const { what, fields, sdp } = parsed(text);
    if (output === undefined) return this.#fail(line, "nothing");
    const actual = output.to === "relay" || what.includes(" ") ? `${output.what}${output.uri}` : output.what;
    const differs = output.to !== to || !matches(what, actual) ||
      fields.some(([name, value]) => !matches(value, output.header(name))) || (sdp !== undefined && sdp !== output.sdp);
    if (!differs) return;
    const headers = fields.map(([name]) => ` | ${name}: ${output.header(name)}`).join("");
    this.#fail(line, `${output.to} < ${output.what}${output.uri}${headers}${output.sdp && ` | sdp ${output.sdp}`}`);
  }

  #expectSilence(line: string): void {
    const output = this.#outputs[0];
    if (output === undefined) return;
    const all = this.#outputs.map(({ to, what, uri, sdp }) => `${to} < ${what}${uri}${sdp && ` | sdp ${sdp}`}`);
    this.#fail(`nothing more before: ${line}`, all.join("\n         "));
  }

  #fail(expected: string, actual: string): never {
    const log = this.bench.log.lines.slice(-5).map(({ level, message }) => `  ${level}: ${message}`);
    throw new AssertionError(
      [...this.#played.map((line) => `  ${line}`), `expected ${expected}`, `got      ${actual}`, ...log].join("\n"),
    );
  }
}

function outputOf(message: SipMessage, to: string): Output {
  const header = (name: string) => message.headerFields(canonicalName(name)).join(", ") || "none";
  const isRequest = message instanceof SipRequest;
  return {
    to,
    what: isRequest ? message.method : String(message.status),
    uri: isRequest ? ` ${message.requestUri}` : ` ${message.reason}`,
    header,
    sdp: placesOf(message.body),
  };
}

/** `INVITE sip:bob@example.com | Subject: hello | sdp 10.0.0.1:4000` in its parts. */
function parsed(
  text: string,
): { what: string; fields: [string, string][]; sdp: string | undefined; body: string | undefined } {
  const [what = "", ...rest] = text.split(/\s+\|\s+/);
  let sdp: string | undefined;
  let body: string | undefined;
  const fields: [string, string][] = [];
  for (const part of rest) {
    const colon = part.indexOf(":");
    if (part.startsWith("sdp ")) sdp = part.slice(4).trim();
    else if (part.startsWith("body ")) body = part.slice(5).trim();
    else fields.push([part.slice(0, colon).trim(), part.slice(colon + 1).trim()]);
  }
  return { what: what.trim(), fields, sdp, body };
}

/** Whether a text is as `pattern` says, in which `*` stands for anything. */
function matches(pattern: string, text: string): boolean {
  const source = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*");
  return new RegExp(`^${source}$`, "s").test(text);
}

/** `500` or `32s` in milliseconds. */
function durationOf(text: string): number {
  const [, count, unit] = /^\+(\d+)(s?)$/.exec(text) ?? [];
  if (count === undefined) throw new TypeError(`no time: ${text}`);
  return Number(count) * (unit === "s" ? 1000 : 1);
}

const MEDIA = ["audio", "video", "text"];

/** A description with one stream at each of `places`, which stand behind each other. */
export function sdpOf(places: string): string {
  const streams = places.split(" ").map((place) => place.split(":"));
  const [address = ""] = streams[0]!;
  return [
    "v=0",
    `o=- 1 1 IN IP4 ${address}`,
    "s=-",
    `c=IN IP4 ${address}`,
    "t=0 0",
    ...streams.map(([, port], index) => `m=${MEDIA[index]} ${port} RTP/AVP 0`),
    "",
  ].join("\r\n");
}

/** Where the streams of a description are; "" without any. */
function placesOf(body: string): string {
  const address = /^c=IN IP[46] (\S+)/m.exec(body)?.[1];
  return [...body.matchAll(/^m=\w+ (\d+)/gm)].map(([, port]) => `${address}:${port}`).join(" ");
}
