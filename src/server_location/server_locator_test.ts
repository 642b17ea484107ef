import { assert, assertEquals, assertInstanceOf, assertRejects } from "../deps/assert.ts";
import { FakeClock, seededRandom } from "../../tests/support/fakes.ts";
import { parseSipUri } from "../sip/uri.ts";
import { defaultPort, type ListenPoint, type Target, type Transport } from "../transport/flow.ts";
import { NotLocatedError } from "./errors.ts";
import type { DnsAnswer, NaptrRecord, Resolver, SrvRecord } from "./resolver.ts";
import { type LocateOptions, ServerLocator } from "./server_locator.ts";

/** `transport` or `transport/IPv6`. */
type Socket = Transport | `${Transport}/IPv6`;

interface Zone {
  readonly naptr?: Readonly<Record<string, readonly NaptrRecord[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly a?: Readonly<Record<string, readonly string[]>>;
  readonly aaaa?: Readonly<Record<string, readonly string[]>>;
  /** Queries without an answer, as `type name`. */
  readonly dead?: readonly string[];
}

class FakeResolver implements Resolver {
  readonly queries: string[] = [];
  readonly #zone: Zone;
  constructor(zone: Zone) {
    this.#zone = zone;
  }
  naptr(name: string): Promise<DnsAnswer<NaptrRecord>> {
    return this.#answer("naptr", name, this.#zone.naptr?.[name]);
  }
  srv(name: string): Promise<DnsAnswer<SrvRecord>> {
    return this.#answer("srv", name, this.#zone.srv?.[name]);
  }
  a(name: string): Promise<DnsAnswer<string>> {
    return this.#answer("a", name, this.#zone.a?.[name]);
  }
  aaaa(name: string): Promise<DnsAnswer<string>> {
    return this.#answer("aaaa", name, this.#zone.aaaa?.[name]);
  }
  #answer<T>(type: string, name: string, records: readonly T[] = []): Promise<DnsAnswer<T>> {
    this.queries.push(`${type} ${name}`);
    if (this.#zone.dead?.includes(`${type} ${name}`)) return Promise.reject(new Error("no answer"));
    return Promise.resolve({ records, ttlMs: 60_000 });
  }
}

function listenPoint(socket: Socket): ListenPoint {
  const [transport, family] = socket.split("/") as [Transport, string | undefined];
  const address = family === undefined ? "0.0.0.0" : "::";
  const port = defaultPort(transport);
  return {
    transport,
    address,
    port,
    family: family === undefined ? "IPv4" : "IPv6",
    advertisedHost: address,
    advertisedPort: port,
  };
}

function setUp(zone: Zone, sockets: readonly Socket[] = ["udp", "tcp", "tls"]) {
  const clock = new FakeClock();
  const resolver = new FakeResolver(zone);
  const locator = new ServerLocator({ listenPoints: sockets.map(listenPoint) }, resolver, {
    clock,
    random: seededRandom(3),
  });
  const locate = async (uri: string, options?: LocateOptions) =>
    (await locator.locate(parseSipUri(uri), options)).map(shown);
  return { clock, resolver, locator, locate };
}

function shown({ transport, address, port, serverName }: Target): string {
  return `${transport} ${address} ${port}${serverName === undefined ? "" : ` as ${serverName}`}`;
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const { reason, statusHint } = await assertRejects(() => promise, NotLocatedError);
  return `${reason} ${statusHint}`;
}

function naptr(order: number, preference: number, services: string, replacement: string, flags = "s"): NaptrRecord {
  return { order, preference, flags, services, regexp: "", replacement };
}

function srv(priority: number, weight: number, port: number, target: string): SrvRecord {
  return { priority, weight, port, target };
}

/** The example of RFC 3263 §4.1 and §4.2. */
const EXAMPLE: Zone = {
  naptr: {
    "example.com": [
      naptr(100, 50, "SIP+D2U", "_sip._udp.example.com."),
      naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
      naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
    ],
  },
  srv: {
    "_sip._tcp.example.com": [srv(0, 1, 5060, "server1.example.com."), srv(0, 2, 5060, "server2.example.com.")],
    "_sip._udp.example.com": [srv(0, 0, 5070, "server1.example.com.")],
    "_sips._tcp.example.com": [srv(10, 0, 5061, "server2.example.com."), srv(5, 0, 5071, "server1.example.com.")],
  },
  a: {
    "example.com": ["192.0.2.10"],
    "server1.example.com": ["192.0.2.1"],
    "server2.example.com": ["192.0.2.2"],
  },
  aaaa: { "server1.example.com": ["2001:db8::1"], "example.com": ["2001:db8::10"] },
};

Deno.test("locate() of an address gives its target at once (RFC 3263 §4.1)", () => {
  const { locator, resolver } = setUp({}, ["udp", "tcp", "tls", "ws", "wss", "udp/IPv6", "tls/IPv6"]);
  const located = [
    "sip:a@192.0.2.1",
    "sip:192.0.2.1:5070",
    "sip:192.0.2.1;transport=TCP",
    "sip:192.0.2.1;transport=ws",
    "sip:192.0.2.1;transport=tls",
    "sips:192.0.2.1",
    "sips:192.0.2.1;transport=tcp",
    "sips:192.0.2.1;transport=ws",
    "sip:[2001:DB8::0:1]",
    "sips:[2001:db8::1]:5071",
  ].map((uri) => (locator.locate(parseSipUri(uri)) as Target[]).map(shown).join());
  assertEquals(located, [
    "udp 192.0.2.1 5060",
    "udp 192.0.2.1 5070",
    "tcp 192.0.2.1 5060",
    "ws 192.0.2.1 80",
    "tls 192.0.2.1 5061 as 192.0.2.1",
    "tls 192.0.2.1 5061 as 192.0.2.1",
    "tls 192.0.2.1 5061 as 192.0.2.1",
    "wss 192.0.2.1 443 as 192.0.2.1",
    "udp 2001:db8::1 5060",
    "tls 2001:db8::1 5071 as 2001:db8::1",
  ]);
  assertEquals(resolver.queries, []);
});

Deno.test("locate() goes where maddr says, and the certificate is still that of the host (RFC 3263 §4)", async () => {
  const { locate, resolver } = setUp(EXAMPLE);
  assertEquals(await locate("sip:example.com;maddr=192.0.2.99"), ["udp 192.0.2.99 5060"]);
  assertEquals(await locate("sips:example.com:5071;maddr=192.0.2.99"), ["tls 192.0.2.99 5071 as example.com"]);
  assertEquals(resolver.queries, []);
  assertEquals(await locate("sip:192.0.2.99:5060;maddr=server1.example.com"), ["udp 192.0.2.1 5060"]);
  assertEquals(await setUp({}, ["udp/IPv6"]).locate("sip:example.com;maddr=[2001:db8::9]"), ["udp 2001:db8::9 5060"]);
});

Deno.test("locate() of an address takes TCP if UDP is not listened on", async () => {
  assertEquals(await setUp({}, ["tcp"]).locate("sip:192.0.2.1"), ["tcp 192.0.2.1 5060"]);
});

Deno.test("locate() follows NAPTR, SRV and A in the order of the domain (RFC 3263 §4.1, §4.2)", async () => {
  const { locate, resolver } = setUp(EXAMPLE);
  const targets = await locate("sip:user@example.com");
  assertEquals([...targets.slice(0, 2), ...targets.slice(2, 4).sort(), ...targets.slice(4)], [
    "tls 192.0.2.1 5071 as example.com",
    "tls 192.0.2.2 5061 as example.com",
    "tcp 192.0.2.1 5060",
    "tcp 192.0.2.2 5060",
    "udp 192.0.2.1 5070",
  ]);
  assertEquals(resolver.queries, [
    "naptr example.com",
    "srv _sips._tcp.example.com",
    "srv _sip._tcp.example.com",
    "srv _sip._udp.example.com",
    "a server1.example.com",
    "a server2.example.com",
  ]);
});

Deno.test("locate() discards NAPTR services that we do not speak (RFC 3263 §4.1)", async () => {
  const targets = await setUp(EXAMPLE, ["udp"]).locate("sip:user@example.com");
  assertEquals(targets, ["udp 192.0.2.1 5070"]);
  const zone: Zone = {
    naptr: {
      "example.com": [
        naptr(1, 1, "SIP+D2S", "_sip._sctp.example.com."),
        naptr(2, 1, "SIP+D2U", "_other._udp.example.com.", "u"),
        naptr(3, 1, "sip+d2u", "_sip._udp.elsewhere.example."),
      ],
    },
    srv: { "_sip._udp.elsewhere.example": [srv(0, 0, 5080, "server1.example.com")] },
    a: EXAMPLE.a!,
  };
  assertEquals(await setUp(zone).locate("sip:example.com"), ["udp 192.0.2.1 5080"]);
});

Deno.test("locate() takes NAPTR records of one order by their preference (RFC 3263 §4.1)", async () => {
  const records = [naptr(1, 30, "SIP+D2U", "_sip._udp.example.com"), naptr(1, 20, "SIP+D2T", "_sip._tcp.example.com")];
  const targets = await setUp({ ...EXAMPLE, naptr: { "example.com": records } }).locate("sip:example.com");
  assertEquals(targets.map((target) => target.slice(0, 3)), ["tcp", "tcp", "udp"]);
});

Deno.test("locate() of a sips URI keeps to TLS all the way (RFC 3263 §4.1)", async () => {
  const { locate, resolver } = setUp(EXAMPLE);
  assertEquals(await locate("sips:example.com"), [
    "tls 192.0.2.1 5071 as example.com",
    "tls 192.0.2.2 5061 as example.com",
  ]);
  const plainOnly = setUp({ ...EXAMPLE, naptr: {}, srv: { "_sip._udp.example.com": [srv(0, 0, 1, "example.com")] } });
  assertEquals(await plainOnly.locate("sips:example.com"), ["tls 192.0.2.10 5061 as example.com"]);
  assert(![...resolver.queries, ...plainOnly.resolver.queries].some((query) => query.includes("_sip._")));
});

Deno.test("locate() asks each transport's SRV name if there is no NAPTR (RFC 3263 §4.1)", async () => {
  const { locate, resolver } = setUp({ ...EXAMPLE, naptr: {} }, ["udp", "tcp"]);
  const targets = await locate("sip:example.com");
  assertEquals([targets[0], ...targets.slice(1).sort()], [
    "udp 192.0.2.1 5070",
    "tcp 192.0.2.1 5060",
    "tcp 192.0.2.2 5060",
  ]);
  assertEquals(resolver.queries.slice(0, 3), [
    "naptr example.com",
    "srv _sip._udp.example.com",
    "srv _sip._tcp.example.com",
  ]);
});

Deno.test("locate() goes to the SRV name of the transport that the URI names (RFC 3263 §4.2)", async () => {
  const { locate, resolver } = setUp(EXAMPLE);
  assertEquals(await locate("sip:example.com;transport=udp"), ["udp 192.0.2.1 5070"]);
  assertEquals(resolver.queries, ["srv _sip._udp.example.com", "a server1.example.com"]);
});

Deno.test("locate() of a host with a port looks up addresses only (RFC 3263 §4.2)", async () => {
  const { locate, resolver } = setUp(EXAMPLE);
  assertEquals(await locate("sip:example.com:5060"), ["udp 192.0.2.10 5060"]);
  assertEquals(await locate("sips:example.com:5062"), ["tls 192.0.2.10 5062 as example.com"]);
  assertEquals(resolver.queries, ["a example.com"]);
});

Deno.test("locate() takes the host's address and the default port if there is no SRV (RFC 3263 §4.2)", async () => {
  const { locate } = setUp({ a: EXAMPLE.a! }, ["udp", "tcp", "tls", "ws"]);
  assertEquals(await locate("sip:Example.COM."), ["udp 192.0.2.10 5060"]);
  assertEquals(await locate("sip:example.com;transport=tcp"), ["tcp 192.0.2.10 5060"]);
  assertEquals(await locate("sip:example.com;transport=ws"), ["ws 192.0.2.10 80"]);
  assertEquals(await locate("sips:example.com"), ["tls 192.0.2.10 5061 as example.com"]);
});

Deno.test("locate() looks up the families that we listen on, in the order of the listen points", async () => {
  const v4 = setUp(EXAMPLE, ["udp", "tcp/IPv6"]);
  assertEquals(await v4.locate("sip:example.com:5060"), ["udp 192.0.2.10 5060"]);
  assertEquals(v4.resolver.queries, ["a example.com"]);
  const both = setUp(EXAMPLE, ["udp/IPv6", "udp"]);
  assertEquals(await both.locate("sip:example.com:5060"), ["udp 2001:db8::10 5060", "udp 192.0.2.10 5060"]);
});

Deno.test("locate() of a large request prefers what is no datagram, and keeps UDP (RFC 3261 §18.1.1)", async () => {
  const large = { isLarge: true };
  const { locate } = setUp(EXAMPLE, ["udp", "tcp"]);
  assertEquals(await locate("sip:192.0.2.1", large), ["tcp 192.0.2.1 5060", "udp 192.0.2.1 5060"]);
  assertEquals(await locate("sip:example.com:5060", large), ["tcp 192.0.2.10 5060", "udp 192.0.2.10 5060"]);
  assertEquals(await locate("sip:192.0.2.1;transport=udp", large), ["udp 192.0.2.1 5060"]);
  const noNaptr = await setUp({ ...EXAMPLE, naptr: {} }, ["udp", "tcp"]).locate("sip:example.com", large);
  assertEquals(noNaptr.map((target) => target.slice(0, 3)), ["tcp", "tcp", "udp"]);
});

Deno.test("locate() knows localhost and invalid by heart (RFC 6761 §6.3, §6.4)", async () => {
  const { locate, resolver } = setUp({}, ["udp", "udp/IPv6"]);
  assertEquals(await locate("sip:localhost"), ["udp 127.0.0.1 5060", "udp ::1 5060"]);
  assertEquals(await locate("sip:a.localhost:5070"), ["udp 127.0.0.1 5070", "udp ::1 5070"]);
  assertEquals(await reasonOf(locate("sip:df7jal23ls0d.invalid;transport=udp")), "unknown-host 404");
  assertEquals(resolver.queries, []);
});

Deno.test("locate() says why there is no target", async () => {
  const { locate } = setUp({ ...EXAMPLE, dead: ["a dead.example"] }, ["udp", "tcp"]);
  assertEquals(await reasonOf(locate("sip:nowhere.example")), "unknown-host 404");
  assertEquals(await reasonOf(locate("sip:dead.example")), "dns-failure 504");
  assertEquals(await reasonOf(locate("sip:192.0.2.1;transport=sctp")), "unsupported 500");
  assertEquals(await reasonOf(locate("sip:192.0.2.1;transport")), "unsupported 500");
  assertEquals(await reasonOf(locate("sips:192.0.2.1;transport=udp")), "unsupported 500");
  assertEquals(await reasonOf(locate("sips:192.0.2.1")), "unsupported 500");
  assertEquals(await reasonOf(locate("sips:example.com")), "unsupported 500");
  assertEquals(await reasonOf(locate("sip:[2001:db8::1]")), "unsupported 500");
  assertEquals(await reasonOf(locate("sip:192.0.2.1:0")), "unknown-host 404");
});

Deno.test("locate() asks the DNS for nothing that cannot be a name", async () => {
  const { locate, resolver } = setUp({});
  for (const host of ["999.0.2.1", "192.0.2", "a..b", `${"a".repeat(64)}.example`, `${"a.".repeat(130)}b`]) {
    assertEquals(await reasonOf(locate(`sip:${host}`)), "unknown-host 404");
  }
  assertEquals(resolver.queries, []);
});

Deno.test("locate() respects a service that is not offered (RFC 2782)", async () => {
  const { locate } = setUp({ srv: { "_sip._udp.example.com": [srv(0, 0, 0, ".")] }, a: EXAMPLE.a! });
  assertEquals(await reasonOf(locate("sip:example.com;transport=udp")), "unknown-host 404");
});

Deno.test("locate() lives with a part of the DNS that does not answer", async () => {
  const { locate } = setUp({
    ...EXAMPLE,
    dead: ["naptr example.com", "srv _sip._udp.example.com", "a server2.example.com"],
  });
  assertEquals(await locate("sip:example.com"), ["tcp 192.0.2.1 5060", "tls 192.0.2.1 5071 as example.com"]);
});

Deno.test("locate() takes an address for the target of an SRV record", async () => {
  const { locate } = setUp({ srv: { "_sip._udp.example.com": [srv(0, 0, 5080, "192.0.2.7.")] } });
  assertEquals(await locate("sip:example.com"), ["udp 192.0.2.7 5080"]);
});

Deno.test("locate() gives no target twice and no more than 20", async () => {
  const many = Array.from({ length: 40 }, (_, index) => srv(index, 0, 5060, `server${index % 30}.example.com`));
  const a = Object.fromEntries(
    many.map(({ target }, index) => [target, [`192.0.2.${index}`, `198.51.100.${index}`, "192.0.2.0"]]),
  );
  const { locate, resolver } = setUp({ srv: { "_sip._udp.example.com": many }, a });
  const targets = await locate("sip:example.com;transport=udp");
  assertEquals(targets.length, 20);
  assertEquals(new Set(targets).size, 20);
  assertEquals(resolver.queries.length, 13);
});

Deno.test("locate() shares one query among those who ask at the same time", async () => {
  const { locate, resolver } = setUp(EXAMPLE, ["udp"]);
  await Promise.all([locate("sip:example.com"), locate("sip:bob@example.com"), locate("sip:example.com")]);
  assertEquals(resolver.queries, ["naptr example.com", "srv _sip._udp.example.com", "a server1.example.com"]);
});

Deno.test("locate() asks again when an answer has expired", async () => {
  const { locate, resolver, clock } = setUp(EXAMPLE);
  await locate("sip:example.com:5060");
  clock.advance(59_999);
  await locate("sip:example.com:5060");
  assertEquals(resolver.queries.length, 1);
  clock.advance(1);
  await locate("sip:example.com:5060");
  assertEquals(resolver.queries.length, 2);
});

Deno.test("markFailed() puts a target behind the others for 30 s (RFC 3263 §4.3)", async () => {
  const { locate, locator, clock } = setUp(EXAMPLE);
  const usual = ["tls 192.0.2.1 5071 as example.com", "tls 192.0.2.2 5061 as example.com"];
  const [first] = await locator.locate(parseSipUri("sips:example.com"));
  locator.markFailed(first!);
  clock.advance(29_999);
  assertEquals(await locate("sips:example.com"), usual.toReversed());
  clock.advance(1);
  assertEquals(await locate("sips:example.com"), usual);
});

Deno.test("markFailed() leaves a lone target, or all, where they are", async () => {
  const { locate, locator } = setUp(EXAMPLE);
  const targets = await locator.locate(parseSipUri("sips:example.com"));
  targets.forEach((target) => locator.markFailed(target));
  assertEquals(await locate("sips:example.com"), targets.map(shown));
  const [literal] = await locator.locate(parseSipUri("sip:192.0.2.1"));
  locator.markFailed(literal!);
  assertEquals(await locate("sip:192.0.2.1"), ["udp 192.0.2.1 5060"]);
  assertEquals(await locate("sip:192.0.2.1", { isLarge: true }), ["tcp 192.0.2.1 5060", "udp 192.0.2.1 5060"]);
});

Deno.test("markFailed() remembers a thousand targets", async () => {
  const { locator, locate } = setUp(EXAMPLE);
  const [first] = await locator.locate(parseSipUri("sips:example.com"));
  locator.markFailed(first!);
  for (let port = 1; port <= 1000; port++) locator.markFailed({ transport: "udp", address: "192.0.2.1", port });
  assertEquals((await locate("sips:example.com"))[0], shown(first!));
});

Deno.test("locate() of a name is a promise", () => {
  assertInstanceOf(setUp(EXAMPLE).locator.locate(parseSipUri("sip:example.com")), Promise);
});
