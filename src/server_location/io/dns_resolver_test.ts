import { assertEquals, assertRejects } from "../../deps/assert.ts";
import { FakeClock, seededRandom } from "../../../tests/support/fakes.ts";
import { parseSipUri } from "../../sip/uri.ts";
import type { HostPort } from "../../config/mod.ts";
import { ServerLocator } from "../server_locator.ts";
import { createDnsResolver } from "./dns_resolver.ts";

const TYPES = { A: 1, AAAA: 28, SRV: 33, NAPTR: 35 } as const;
const NAME_ERROR = 3;

/** Records by `TYPE name`, as their bytes on the wire. */
type Zone = Readonly<Record<string, readonly (readonly number[])[]>>;

/** A name server for one zone (RFC 1035 §4.1): it echoes the question and appends the records. */
class TinyDnsServer implements AsyncDisposable {
  readonly queries: string[] = [];
  readonly address: HostPort;
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #zone: Zone | undefined;
  readonly #done: Promise<void>;

  /** Without a zone it stays silent. */
  constructor(zone: Zone | undefined) {
    const { hostname, port } = this.#socket.addr as Deno.NetAddr;
    this.address = { host: hostname, port, isAddress: true };
    this.#zone = zone;
    this.#done = this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const [query, peer] of this.#socket) {
      const { name, type, end } = readQuestion(query);
      this.queries.push(`${type} ${name}`);
      if (this.#zone === undefined) continue;
      const records = this.#zone[`${type} ${name}`] ?? [];
      const header = [query[0]!, query[1]!, 0x81, records.length > 0 ? 0x80 : 0x80 | NAME_ERROR, 0, 1];
      const answers = records.flatMap((rdata) => [
        ...[0xc0, 12, 0, TYPES[type], 0, 1, 0, 0, 0, 60], // the name by a pointer, type, class, TTL
        ...[rdata.length >> 8, rdata.length & 255, ...rdata],
      ]);
      const bytes = [...header, 0, records.length, 0, 0, 0, 0, ...query.subarray(12, end), ...answers];
      await this.#socket.send(new Uint8Array(bytes), peer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#done;
  }
}

function readQuestion(query: Uint8Array): { name: string; type: keyof typeof TYPES; end: number } {
  const labels: string[] = [];
  let offset = 12;
  for (let length = query[offset]!; length > 0; length = query[offset]!) {
    labels.push(new TextDecoder().decode(query.subarray(offset + 1, offset + 1 + length)));
    offset += 1 + length;
  }
  const number = query[offset + 2]!;
  const type = (Object.keys(TYPES) as (keyof typeof TYPES)[]).find((name) => TYPES[name] === number)!;
  return { name: labels.join(".").toLowerCase(), type, end: offset + 5 };
}

function text(value: string): number[] {
  return [value.length, ...new TextEncoder().encode(value)];
}

function domain(name: string): number[] {
  return [...name.split(".").flatMap(text), 0];
}

const ZONE: Zone = {
  "NAPTR example.com": [
    [0, 50, 0, 10, ...text("s"), ...text("SIP+D2U"), ...text(""), ...domain("_sip._udp.example.com")],
  ],
  "SRV _sip._udp.example.com": [
    [0, 20, 0, 0, 0x13, 0xc4, ...domain("backup.example.com")],
    [0, 10, 0, 7, 0x13, 0xce, ...domain("server.example.com")],
  ],
  "A server.example.com": [[192, 0, 2, 1], [192, 0, 2, 2]],
  "A backup.example.com": [[192, 0, 2, 3]],
  "AAAA server.example.com": [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
};

Deno.test("createDnsResolver() reads every type of record from a name server", async () => {
  await using server = new TinyDnsServer(ZONE);
  const resolver = createDnsResolver([server.address]);
  assertEquals((await resolver.naptr("example.com")).records, [{
    order: 50,
    preference: 10,
    flags: "s",
    services: "SIP+D2U",
    regexp: "",
    replacement: "_sip._udp.example.com.",
  }]);
  const { records } = await resolver.srv("_sip._udp.example.com");
  assertEquals(records.toSorted((a, b) => a.priority - b.priority), [
    { priority: 10, weight: 7, port: 5070, target: "server.example.com." },
    { priority: 20, weight: 0, port: 5060, target: "backup.example.com." },
  ]);
  assertEquals((await resolver.a("server.example.com")).records.toSorted(), ["192.0.2.1", "192.0.2.2"]);
  assertEquals(await resolver.aaaa("server.example.com"), { records: ["2001:db8::1"], ttlMs: 60_000 });
});

Deno.test("createDnsResolver() gives an empty answer, kept for less long, for what does not exist", async () => {
  await using server = new TinyDnsServer(ZONE);
  const resolver = createDnsResolver([server.address]);
  assertEquals(await resolver.srv("_sip._tcp.example.com"), { records: [], ttlMs: 10_000 });
  assertEquals(await resolver.a("nowhere.example"), { records: [], ttlMs: 10_000 });
  assertEquals(server.queries, ["SRV _sip._tcp.example.com", "A nowhere.example"]);
});

Deno.test("createDnsResolver() turns to the next name server when one is silent, and stays there", async () => {
  await using silent = new TinyDnsServer(undefined);
  await using server = new TinyDnsServer(ZONE);
  const resolver = createDnsResolver([silent.address, server.address], 500);
  assertEquals((await resolver.a("backup.example.com")).records, ["192.0.2.3"]);
  assertEquals((await resolver.a("nowhere.example")).records, []);
  assertEquals(silent.queries, ["A backup.example.com"]);
});

Deno.test("createDnsResolver() gives up after three attempts", async () => {
  await using silent = new TinyDnsServer(undefined);
  const resolver = createDnsResolver([silent.address], 200);
  await assertRejects(() => resolver.a("server.example.com"), DOMException);
  assertEquals(silent.queries.length, 3);
});

Deno.test("ServerLocator finds servers through a real name server (RFC 3263 §4)", async () => {
  await using server = new TinyDnsServer(ZONE);
  const listenPoint = {
    transport: "udp",
    address: "127.0.0.1",
    port: 5060,
    family: "IPv4",
    advertisedHost: "127.0.0.1",
    advertisedPort: 5060,
  } as const;
  const locator = new ServerLocator({ listenPoints: [listenPoint] }, createDnsResolver([server.address]), {
    clock: new FakeClock(),
    random: seededRandom(),
  });
  const targets = await locator.locate(parseSipUri("sip:alice@example.com"));
  assertEquals(targets.map(({ address, port }) => `${address}:${port}`).slice(0, 2).toSorted(), [
    "192.0.2.1:5070",
    "192.0.2.2:5070",
  ]);
  assertEquals(targets.slice(2), [{ transport: "udp", address: "192.0.2.3", port: 5060 }]);
});
