import { connect, type TLSSocket } from "node:tls";
import { assert, assertEquals } from "../../deps/assert.ts";
import { makeCertificates } from "../../io/certificate_files.ts";
import type { SipSyntaxError } from "../../sip/errors.ts";
import { createResponse, type SipMessage, SipRequest } from "../../sip/message.ts";
import { decodeOctets, encodeOctets } from "../../sip/octets.ts";
import type { Flow, Transport } from "../flow.ts";
import type { ServerCertificate } from "./listeners.ts";
import { freeTcpPort, freeUdpPort } from "../../../tests/peers/support/ports.ts";
import { FakeTime } from "../../../tests/support/fake_time.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { openTransport, type RunningTransport, type TransportOptions } from "./transport.ts";

const OPTIONS =
  "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:b@a>;tag=1\r\n" +
  "To: <sip:a@a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/** Answers every request with 200 over the flow that it came by. */
class Answering implements AsyncDisposable {
  transport!: RunningTransport;
  readonly malformed: SipSyntaxError[] = [];
  readonly closed = Promise.withResolvers<Flow>();
  readonly port: number;
  /** Of the last request. */
  flow: Flow | undefined = undefined;

  constructor(transport: Transport) {
    this.port = transport === "udp" ? freeUdpPort() : freeTcpPort();
  }

  static async open(
    transport: Transport,
    hostname = "127.0.0.1",
    ipv6?: string,
    options: Partial<TransportOptions> = {},
  ): Promise<Answering> {
    const server = new Answering(transport);
    server.transport = await openTransport({
      listen: [{ transport, hostname, port: server.port, advertised: undefined }],
      hostAddresses: { IPv4: "127.0.0.1", IPv6: ipv6 },
      log: new RecordingLogger(),
      ...options,
    }, {
      message: (message, flow) => server.#answer(message, flow),
      malformed: (error) => void server.malformed.push(error),
      connectionClosed: (flow) => server.closed.resolve(flow),
    });
    return server;
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
  await using server = await Answering.open("udp");
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: freeUdpPort(),
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
  await using server = await Answering.open("udp");
  const port = freeUdpPort();
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
  await using server = await Answering.open("tcp");
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
  await using server = await Answering.open("tcp");
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
  await using server = await Answering.open("ws");
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
    await using server = await Answering.open(transport, "any", hasIpv6 ? "::1" : undefined);
    assertEquals(
      server.transport.listenPoints.map(({ address }) => address),
      hasIpv6 ? ["0.0.0.0", "::1"] : ["0.0.0.0"],
    );
  }
});

Deno.test("TCP lets an address have so many connections, and counts those that it refuses", async () => {
  await using server = await Answering.open("tcp", "127.0.0.1", undefined, { maxPerAddress: 2 });
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
  await using server = await Answering.open("tcp");
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
    const certificate = await certificateFor("relay");
    await using server = await Answering.open(transport, "127.0.0.1", undefined, { certificate });
    const [before, beforeName] = await connectSecure(server.port);
    assertEquals(beforeName, "MediaProxy relay");
    server.transport.useCertificate(await certificateFor("dispatcher"));
    const [after, afterName] = await connectSecure(server.port);
    assertEquals(afterName, "MediaProxy dispatcher");
    if (transport === "tls") {
      const answer = new Promise<string>((resolve) => before.once("data", (bytes) => resolve(String(bytes))));
      before.write(OPTIONS);
      assert((await answer).startsWith("SIP/2.0 200 OK\r\n"));
    }
    for (const socket of [before, after]) socket.destroy();
  });
}

for (const transport of ["tls", "ws", "wss"] as const) {
  for (const first of ["", "GET / HTTP/1.1\r\nHost: x\r\n"]) {
    Deno.test(`${transport} gives up a peer whose handshake does not end: ${first === "" ? "silence" : "a part"}`, async () => {
      using time = new FakeTime();
      const certificate = transport === "ws" ? undefined : await certificateFor("relay");
      await using server = await Answering.open(transport, "127.0.0.1", undefined, { certificate });
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      if (first !== "") await conn.write(encodeOctets(first));
      let isOver = false;
      conn.read(new Uint8Array(100)).catch(() => null).then(() => isOver = true);
      let waitedMs = 0;
      while (!isOver) {
        await time.advance(100);
        waitedMs += 100;
        await Deno.stat("/"); // a turn of the loop, for the sockets
      }
      const isSeenAtOnce = transport !== "ws" && first !== ""; // it is no TLS
      assert(waitedMs >= 10_000 || isSeenAtOnce, `over after ${waitedMs} ms`);
      conn.close();
    });
  }
}

Deno.test("WebSocket carries messages of any length, both ways, and says when it ends (RFC 7118 §5)", async () => {
  await using server = await Answering.open("ws");
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/`, "sip");
  await new Promise((resolve) => socket.onopen = resolve);
  for (const length of [1, 100, 50_000]) {
    const answer = new Promise<string>((resolve) => socket.onmessage = ({ data }) => resolve(data));
    const callId = "1".repeat(length);
    socket.send(OPTIONS.replace("Call-ID: 1", `Call-ID: ${callId}`).replace("Length: 0", `Length: ${length}`) + callId);
    const text = await answer;
    assert(text.startsWith("SIP/2.0 200 OK\r\n") && text.includes(`Call-ID: ${callId}\r\n`));
  }
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  await server.transport.close();
  assertEquals((await closed).code, 1000);
});

Deno.test("wss begins with TLS and HTTP, and carries SIP then (RFC 7118 §4)", async () => {
  const certificate = await certificateFor("relay");
  await using server = await Answering.open("wss", "127.0.0.1", undefined, { certificate });
  const [socket] = await connectSecure(server.port);
  const next = () => new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(String(bytes))));
  const upgraded = next();
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
  );
  assert((await upgraded).startsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  const answer = next();
  const { length } = OPTIONS;
  socket.write(new Uint8Array([0x81, 0xfe, length >> 8, length & 255, 0, 0, 0, 0, ...encodeOctets(OPTIONS)]));
  assert((await answer).includes("SIP/2.0 200 OK\r\n"));
  assertEquals(server.flow?.transport, "wss");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.destroy();
  await closed;
  assertEquals((await server.closed.promise).transport, "wss");
});

const CERTIFICATES = Deno.makeTempDirSync();
let made: Promise<unknown> | undefined;
addEventListener("unload", () => Deno.removeSync(CERTIFICATES, { recursive: true }));

/** A certificate of the CA that all tests here share. */
async function certificateFor(name: string): Promise<ServerCertificate> {
  await (made ??= makeCertificates(CERTIFICATES));
  return {
    cert: Deno.readTextFileSync(`${CERTIFICATES}/${name}.crt`),
    key: Deno.readTextFileSync(`${CERTIFICATES}/${name}.key`),
  };
}

/** A TLS connection, and the name in the certificate that it was shown. */
function connectSecure(port: number): Promise<[socket: TLSSocket, name: string]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    socket.once("error", reject);
    socket.once("secureConnect", () => resolve([socket, String(socket.getPeerCertificate().subject.CN)]));
  });
}
