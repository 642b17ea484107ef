import { connect, type TLSSocket } from "node:tls";
import { assert, assertEquals, assertRejects } from "../../deps/assert.ts";
import { makeCertificates } from "../../io/certificate_files.ts";
import { freeTcpPort } from "../../io/free_port.ts";
import type { SipSyntaxError } from "../../sip/errors.ts";
import { createResponse, type SipMessage, SipRequest } from "../../sip/message.ts";
import { decodeOctets, encodeOctets } from "../../sip/octets.ts";
import type { Flow, Transport } from "../flow.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { openTransport, type RunningTransport, type TransportOptions } from "./transport.ts";

const OPTIONS =
  "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:b@a>;tag=1\r\n" +
  "To: <sip:a@a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/** Answers every request with 200 over the flow that it came by. */
class Answering implements AsyncDisposable {
  readonly transport: RunningTransport;
  readonly malformed: SipSyntaxError[] = [];
  readonly closed = Promise.withResolvers<Flow>();
  readonly port: number;
  /** Of the last request. */
  flow: Flow | undefined = undefined;

  constructor(
    transport: Transport,
    hostname = "127.0.0.1",
    ipv6?: string,
    options: Partial<TransportOptions> = {},
  ) {
    this.port = freeTcpPort("127.0.0.1", 15060);
    this.transport = openTransport({
      listen: [{ transport, hostname, port: this.port, advertised: undefined }],
      hostAddresses: { IPv4: "127.0.0.1", IPv6: ipv6 },
      log: new RecordingLogger(),
      ...options,
    }, {
      message: (message, flow) => this.#answer(message, flow),
      malformed: (error) => void this.malformed.push(error),
      connectionClosed: (flow) => this.closed.resolve(flow),
    });
  }

  #answer(message: SipMessage, flow: Flow): void {
    assert(message instanceof SipRequest);
    this.flow = flow;
    this.transport.send(createResponse(message, 200).serialize(), flow, () => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport.close();
  }
}

Deno.test("UDP answers a request to where it came from, and swallows keepalives and garbage (RFC 3261 §18.2)", async () => {
  await using server = new Answering("udp");
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: freeTcpPort("127.0.0.1", 16060),
  });
  const to = { transport: "udp", hostname: "127.0.0.1", port: server.port } as const;
  for (const text of ["\r\n\r\n", "\0\0\0\0", "garbage", OPTIONS]) await socket.send(encodeOctets(text), to);
  const [answer] = await socket.receive();
  socket.close();
  assert(new TextDecoder().decode(answer).startsWith("SIP/2.0 200 OK\r\n"));
  assertEquals(server.malformed.length, 1);
  assertEquals(server.transport.counters.keepalives, 2);
});

Deno.test("UDP sends messages of all sizes as they are, many at once and again and again", async () => {
  await using server = new Answering("udp");
  const port = freeTcpPort("127.0.0.1", 16060);
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port });
  for (let round = 0; round < 20; round++) {
    const texts = Array.from(
      { length: 16 },
      (_, index) => `${round} ${index} `.padEnd(1 + (index * 1777) % 6000, "x\xe9"),
    );
    for (const text of texts) server.transport.send(text, { transport: "udp", address: "127.0.0.1", port }, () => {});
    const received: string[] = [];
    for (const _ of texts) received.push(decodeOctets((await socket.receive(new Uint8Array(65_536)))[0]));
    assertEquals(new Set(received), new Set(texts));
  }
  socket.close();
});

Deno.test("TCP answers over the connection of the request, pings too, and notices its end (§18.2.2, RFC 5626 §3.5.1)", async () => {
  await using server = new Answering("tcp");
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(encodeOctets(`\r\n\r\n${OPTIONS}${OPTIONS}`));
  let text = "";
  const buffer = new Uint8Array(4096);
  while (text.split("SIP/2.0 200").length < 3) {
    const count = await conn.read(buffer);
    assert(count !== null);
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  assert(text.startsWith("\r\nSIP/2.0 200 OK\r\n"));
  assertEquals(server.transport.counters.connections, 1);
  conn.close();
  assertEquals((await server.closed.promise).transport, "tcp");
  assertEquals(server.transport.counters.connections, 0);
});

Deno.test("TCP tells why a message could not be sent: nobody listens, or the phone's connection has gone (RFC 5626 §5.3)", async () => {
  await using server = new Answering("tcp");
  const failure = (onlyExisting: boolean) =>
    new Promise<string>((resolve) =>
      server.transport.send(
        OPTIONS,
        { transport: "tcp", address: "127.0.0.1", port: 1, onlyExisting, connectionId: onlyExisting ? 7 : 0 },
        resolve,
      )
    );
  assert((await failure(false)).includes("refused"));
  assert((await failure(true)).includes("gone"));
});

Deno.test("WebSocket wants the subprotocol sip, and carries one message in each of its own (RFC 7118 §4, §5)", async () => {
  await using server = new Answering("ws");
  const plain = await fetch(`http://127.0.0.1:${server.port}/`);
  assertEquals(plain.status, 426);
  await plain.body?.cancel();
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/`, "sip");
  const answer = new Promise<string>((resolve) => socket.onmessage = ({ data }) => resolve(data));
  await new Promise((resolve) => socket.onopen = resolve);
  assertEquals(socket.protocol, "sip");
  socket.send(OPTIONS);
  assert((await answer).startsWith("SIP/2.0 200 OK\r\n"));
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  await server.closed.promise;
});

Deno.test("`any` is all of IPv4 and the host's IPv6 address, without taking a port twice", async () => {
  const hasIpv6 = Deno.networkInterfaces().some(({ address }) => address === "::1");
  for (const transport of ["udp", "tcp"] as const) {
    await using server = new Answering(transport, "any", hasIpv6 ? "::1" : undefined);
    assertEquals(
      server.transport.listenPoints.map(({ address }) => address),
      hasIpv6 ? ["0.0.0.0", "::1"] : ["0.0.0.0"],
    );
  }
});

Deno.test("TCP lets an address have so many connections, and counts those that it refuses", async () => {
  await using server = new Answering("tcp", "127.0.0.1", undefined, { maxPerAddress: 2 });
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const answered = async (conn: Deno.Conn) => {
    await conn.write(encodeOctets(OPTIONS)).catch(() => {});
    return await conn.read(new Uint8Array(4096)).catch(() => null) !== null;
  };
  const [one, two] = [await connect(), await connect()];
  assertEquals([await answered(one), await answered(two)], [true, true]);
  const three = await connect();
  assertEquals(await answered(three), false);
  assertEquals(server.transport.counters.refused, 1);
  one.close();
  await server.closed.promise;
  const four = await connect();
  assertEquals(await answered(four), true);
  for (const conn of [two, three, four]) conn.close();
});

Deno.test("TCP keeps no more than a bounded queue for a peer that never reads", async () => {
  await using server = new Answering("tcp");
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(encodeOctets(OPTIONS));
  while (server.flow === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  const failures: string[] = [];
  const { transport } = server;
  for (let index = 0; index < 2000 && failures.length === 0; index++) {
    transport.send(`${OPTIONS}${"x".repeat(60_000)}`, server.flow, (reason) => failures.push(reason));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert(failures.length > 0 && failures.length < 30, `${failures.length} messages waited`);
  assertEquals([transport.counters.overflowed, transport.counters.connections], [1, 0]);
  conn.close();
});

for (const transport of ["tls", "wss"] as const) {
  Deno.test(`${transport} shows a new certificate to whoever connects next, and leaves those who are connected`, async () => {
    const directory = Deno.makeTempDirSync();
    try {
      await makeCertificates(directory);
      const pair = (name: string) => ({
        cert: Deno.readTextFileSync(`${directory}/${name}.crt`),
        key: Deno.readTextFileSync(`${directory}/${name}.key`),
      });
      await using server = new Answering(transport, "127.0.0.1", undefined, { certificate: pair("relay") });
      const [before, beforeName] = await connectSecure(server.port);
      assertEquals(beforeName, "MediaProxy relay");
      await assertRejects(() => server.transport.useCertificate({ cert: "nonsense", key: "nonsense" }));
      const [still, stillName] = await connectSecure(server.port);
      assertEquals(stillName, "MediaProxy relay", "the old one stays");
      await server.transport.useCertificate(pair("dispatcher"));
      const [after, afterName] = await connectSecure(server.port);
      assertEquals(afterName, "MediaProxy dispatcher");
      if (transport === "tls") {
        const answer = new Promise<string>((resolve) => before.once("data", (bytes) => resolve(String(bytes))));
        before.write(OPTIONS);
        assert((await answer).startsWith("SIP/2.0 200 OK\r\n"));
      }
      for (const socket of [before, still, after]) socket.destroy();
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
}

/** A TLS connection, and the name in the certificate that it was shown. */
function connectSecure(port: number): Promise<[socket: TLSSocket, name: string]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    socket.once("error", reject);
    socket.once("secureConnect", () => resolve([socket, String(socket.getPeerCertificate().subject.CN)]));
  });
}
