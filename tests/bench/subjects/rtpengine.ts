/** rtpengine in userspace as a subject: its NG protocol, as far as it takes to set up a call. @module */
import type { Ports } from "../generator/generator.ts";
import { PeerProcess } from "../../peers/support/process.ts";
import { type LocalSocket, LOOPBACK, openSockets } from "../support/sockets.ts";
import { findProgram } from "../support/system.ts";
import type { Subject } from "./subject.ts";

export const RTPENGINE = "rtpengine";

const CONTROL_FIRST_PORT = 24_000;
const MEDIA_PORTS = { min: 25_000, max: 32_000 };
const NEVER_SECONDS = 86_400;
const ATTEMPTS = 40;
const ATTEMPT_MS = 250;

/** The addresses of its media sockets and of the parties. Its control socket is on the loopback interface. */
export interface Place {
  readonly relay: string;
  readonly caller: string;
  readonly callee: string;
}

const ON_LOOPBACK: Place = { relay: LOOPBACK, caller: LOOPBACK, callee: LOOPBACK };

/** Whether it is installed. */
export function hasRtpengine(): boolean {
  return findProgram(RTPENGINE) !== undefined;
}

/** rtpengine with one thread for media, with a call for each two of `parties`. */
export function startRtpengine(parties: Ports, prefix: readonly string[], place?: Place): Promise<Subject> {
  return startRtpengineWith(1, parties, prefix, place);
}

/** The name of rtpengine with so many threads. */
export function rtpengineName(threads: number): string {
  return threads === 1 ? RTPENGINE : `${RTPENGINE}, ${threads} threads`;
}

/** rtpengine with so many threads for media, with a call for each two of `parties`. */
export async function startRtpengineWith(
  threads: number,
  parties: Ports,
  prefix: readonly string[],
  place: Place = ON_LOOPBACK,
): Promise<Subject> {
  await using undo = new AsyncDisposableStack();
  const [own, control] = openSockets(2, CONTROL_FIRST_PORT) as [LocalSocket, LocalSocket];
  undo.defer(() => own.conn.close());
  control.conn.close(); // its port is free: that is what it was opened for
  const process = undo.use(startProcess(control.port, threads, prefix, place));
  const client = new NgClient(own, control.port);
  try {
    await client.ask({ command: "ping" }, "pong");
    const targets = await setUpCalls(client, parties, place);
    const owned = undo.move();
    return {
      name: rtpengineName(threads),
      pid: process.pid,
      targets,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (cause) {
    throw new Error(`Cannot set up calls on rtpengine: ${(cause as Error).message}\n${process.tail()}`, { cause });
  }
}

function startProcess(
  controlPort: number,
  threads: number,
  prefix: readonly string[],
  { relay }: Place,
): PeerProcess {
  const [command, ...args] = [
    ...prefix,
    findProgram(RTPENGINE)!,
    "--config-file=none",
    "--table=-1", // no kernel module
    `--interface=${relay}`,
    `--listen-ng=${LOOPBACK}:${controlPort}`,
    `--port-min=${MEDIA_PORTS.min}`,
    `--port-max=${MEDIA_PORTS.max}`,
    `--num-threads=${threads}`,
    `--timeout=${NEVER_SECONDS}`,
    `--silent-timeout=${NEVER_SECONDS}`,
    `--offer-timeout=${NEVER_SECONDS}`,
    "--foreground",
    "--log-stderr",
    "--log-level=4",
  ];
  return new PeerProcess(RTPENGINE, command!, args);
}

async function setUpCalls(client: NgClient, parties: Ports, { caller, callee }: Place): Promise<Ports> {
  const callers: number[] = [];
  const callees: number[] = [];
  for (const [index, callerPort] of parties.callers.entries()) {
    const call = { "call-id": `bench-${index}`, "from-tag": "caller" };
    const offer = await client.ask({ ...call, command: "offer", sdp: sdp(caller, callerPort) }, "ok");
    callees.push(mediaPort(offer));
    const answer = { ...call, command: "answer", "to-tag": "callee", sdp: sdp(callee, parties.callees[index]!) };
    callers.push(mediaPort(await client.ask(answer, "ok")));
  }
  return { callers, callees };
}

function sdp(address: string, port: number): string {
  return [
    "v=0",
    `o=- 1 1 IN IP4 ${address}`,
    "s=-",
    `c=IN IP4 ${address}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP 0`,
    "a=rtpmap:0 PCMU/8000",
    "",
  ].join("\r\n");
}

function mediaPort(answer: string): number {
  const [, port] = /\nm=audio (\d+) /.exec(answer) ?? [];
  if (port === undefined) throw new Error(`Cannot find a port in ${JSON.stringify(answer)}`);
  return Number(port);
}

/** Commands as bencoded dictionaries over UDP, each with a cookie of its own before it. */
class NgClient {
  readonly #socket: LocalSocket;
  readonly #server: Deno.NetAddr;
  #cookie = 0;

  constructor(socket: LocalSocket, serverPort: number) {
    this.#socket = socket;
    this.#server = { transport: "udp", hostname: LOOPBACK, port: serverPort };
  }

  /** Asks until there is an answer, and returns it as it is written. The result in it must be `wanted`. */
  async ask(command: Readonly<Record<string, string>>, wanted: string): Promise<string> {
    const cookie = String(++this.#cookie);
    const request = new TextEncoder().encode(`${cookie} ${bencode(command)}`);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.#socket.conn.send(request, this.#server);
      const answer = await this.#answer(`${cookie} `);
      if (answer === undefined) continue;
      if (!answer.includes(`6:result${wanted.length}:${wanted}`)) throw new Error(`it answers ${answer}`);
      return answer;
    }
    throw new Error("it does not answer");
  }

  async #answer(prefix: string): Promise<string | undefined> {
    // A receive cannot be given up, so silence is ended by a datagram to ourselves.
    const nudge = { transport: "udp" as const, hostname: LOOPBACK, port: this.#socket.port };
    const timer = setTimeout(() => this.#socket.conn.send(new Uint8Array(1), nudge), ATTEMPT_MS);
    try {
      for (;;) {
        const [datagram] = await this.#socket.conn.receive();
        if (datagram.length === 1) return undefined;
        const text = new TextDecoder().decode(datagram);
        if (text.startsWith(prefix)) return text;
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A dictionary of strings; keys must be sorted. All text here is ASCII, so lengths are bytes. */
function bencode(dictionary: Readonly<Record<string, string>>): string {
  const entries = Object.entries(dictionary).sort(([a], [b]) => a < b ? -1 : 1);
  return `d${entries.map(([key, value]) => `${key.length}:${key}${value.length}:${value}`).join("")}e`;
}
