/** TLS between two of our ends, on loopback, with real certificates: who gets in, who does not, and why. @module */
import { makeAuthority, makeCertificate, makeRevocationList, serialNumberOf } from "../certificates/make.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "../deps/assert.ts";
import { PemConverter, X509CertificateGenerator } from "../deps/x509.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { parsePassport } from "../tls/passport.ts";
import { issueCertificate, makeCertificates, revokeCertificate } from "./certificate_files.ts";
import { type Credentials, CredentialsError, loadCredentials } from "./credentials.ts";
import type { Link, LinkHandler } from "./link.ts";
import { connectTcp, connectTls } from "./tls_client.ts";
import { listenTcp, listenTls } from "./tls_server.ts";

const NOW = Date.now();
const DAY_MS = 86_400_000;

/** A server and what happens at it. */
class Lab implements AsyncDisposable {
  readonly log = new RecordingLogger();
  readonly directory = Deno.makeTempDirSync();
  readonly received = new Signal<string>();
  readonly serverLinks: Link[] = [];
  #close: (() => Promise<void>)[] = [];

  async serve(options: { passport?: string; verifyIntervalMs?: number } = {}): Promise<number> {
    const credentials = await loadCredentials(this.directory, "dispatcher", this.log);
    const server = await listenTls({
      hostname: "127.0.0.1",
      port: 0,
      credentials,
      passport: parsePassport(options.passport ?? "None"),
      verifyIntervalMs: options.verifyIntervalMs ?? 60_000,
      log: this.log,
    }, (link) => this.handler(link, "server"));
    this.#close.push(() => server.close(), () => Promise.resolve(credentials.close()));
    return server.port;
  }

  handler(link: Link, name: string): LinkHandler {
    if (name === "server") this.serverLinks.push(link);
    return {
      received: (chunk) => this.received.push(`${name} got ${new TextDecoder().decode(chunk)}`),
      closed: (reason) => this.received.push(`${name} closed: ${reason}`),
    };
  }

  async connect(port: number, options: { directory?: string; name?: string; passport?: string } = {}): Promise<Link> {
    const credentials = await loadCredentials(options.directory ?? this.directory, options.name ?? "relay", this.log);
    this.#close.push(() => Promise.resolve(credentials.close()));
    return await connectTls({
      host: "127.0.0.1",
      port,
      credentials,
      passport: parsePassport(options.passport ?? "None"),
      verifyIntervalMs: 60_000,
      timeoutMs: 5000,
      log: this.log,
    }, (link) => this.handler(link, "client"));
  }

  /** Settles when the server has logged a line that holds `text`. */
  async logged(text: string): Promise<void> {
    while (!this.log.lines.some(({ message }) => message.includes(text))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#close.reverse()) await close();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Events that a test waits for, in whatever order they come. */
class Signal<T> {
  readonly all: T[] = [];
  #waiting: (() => void)[] = [];

  push(event: T): void {
    this.all.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(wanted: (event: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.all.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

async function lab(): Promise<Lab> {
  const it = new Lab();
  await makeCertificates(it.directory);
  return it;
}

Deno.test("a relay and a dispatcher of one CA talk, and know each other's names", async () => {
  await using it = await lab();
  const port = await it.serve({ passport: "O:MediaProxy, CN:*relay" });
  const link = await it.connect(port, { passport: "CN:MediaProxy dispatcher" });
  assertEquals(link.peer, {
    hostname: "127.0.0.1",
    port,
    text: `127.0.0.1:${port}`,
    commonName: "MediaProxy dispatcher",
  });
  link.send("hello\r\n");
  await it.received.until((event) => event === "server got hello\r\n");
  assertEquals(it.serverLinks[0]!.peer.commonName, "MediaProxy relay");
  it.serverLinks[0]!.send("a");
  it.serverLinks[0]!.send("b");
  assertEquals(await it.received.until((event) => event.startsWith("client got")), "client got ab"); // one write per turn
  link.close("done");
  link.close("twice");
  await it.received.until((event) => event === "client closed: done");
  assertMatch(await it.received.until((event) => event.startsWith("server closed")), /the peer closed it/);
  assertEquals(it.received.all.filter((event) => event.includes("closed")).length, 2);
});

/** Replaces a certificate of the lab by one with other dates, signer or subject. */
async function forge(it: Lab, name: string, request: { notBeforeMs?: number; notAfterMs?: number; otherCa?: boolean }) {
  const authority = request.otherCa ? await makeAuthority(NOW) : {
    certificate: Deno.readTextFileSync(`${it.directory}/ca.pem`),
    key: Deno.readTextFileSync(`${it.directory}/ca.key`),
  };
  const { certificate, key } = await makeCertificate(authority, {
    commonName: `forged ${name}`,
    nowMs: NOW,
    ...request,
  });
  Deno.writeTextFileSync(`${it.directory}/${name}.crt`, certificate);
  Deno.writeTextFileSync(`${it.directory}/${name}.key`, key);
}

const REFUSED: readonly [string, Parameters<typeof forge>[2], RegExp][] = [
  ["is expired", { notBeforeMs: NOW - 10 * DAY_MS, notAfterMs: NOW - DAY_MS }, /expired on/],
  ["is not valid yet", { notBeforeMs: NOW + DAY_MS, notAfterMs: NOW + 10 * DAY_MS }, /is not valid before/],
  ["is of another CA", { otherCa: true }, /is not issued by a CA of ca\.pem/],
];

for (const [what, request, reason] of REFUSED) {
  Deno.test(`a client whose certificate ${what} is refused, and the log says why`, async () => {
    await using it = await lab();
    const port = await it.serve();
    await forge(it, "relay", request);
    await it.connect(port).catch(() => {}); // TLS 1.3 tells a client only afterwards
    await it.logged("connection refused");
    const line = it.log.lines.find(({ message }) => message.includes("connection refused"))!;
    assertMatch(line.message, reason);
    assertMatch(String(line.fields["peer"]), /^127\.0\.0\.1:\d+$/);
    assertEquals(it.serverLinks.length, 0);
  });

  Deno.test(`a server whose certificate ${what} is refused, and the error says why`, async () => {
    await using it = await lab();
    await forge(it, "dispatcher", request);
    const port = await it.serve();
    const error = await assertRejects(() => it.connect(port), Error);
    assertMatch(error.message, reason);
  });
}

Deno.test("a client with the wrong passport is refused, and the log says what it wants", async () => {
  await using it = await lab();
  const port = await it.serve({ passport: "CN:relay*" });
  await it.connect(port).catch(() => {});
  await it.logged("connection refused");
  assertStringIncludes(it.log.messages("error").join(), "MediaProxy relay");
  assertEquals(it.serverLinks.length, 0);
});

Deno.test("a server with the wrong passport is refused", async () => {
  await using it = await lab();
  const port = await it.serve();
  const error = await assertRejects(() => it.connect(port, { passport: "O:Somebody Else" }), Error);
  assertStringIncludes(error.message, "Somebody Else");
});

Deno.test("a client without a certificate, plain text and garbage get nowhere and stop nothing", async () => {
  await using it = await lab();
  const port = await it.serve();
  const plain = await Deno.connect({ hostname: "127.0.0.1", port });
  await plain.write(new TextEncoder().encode("summary\r\n\x00\xff\xfe garbage"));
  await it.logged("TLS handshake failed");
  const { port: plainPort } = plain.localAddr as Deno.NetAddr;
  const failure = it.log.lines.find(({ message }) => message.includes("TLS handshake failed"))!;
  assertEquals(failure.fields["peer"], `127.0.0.1:${plainPort}`);
  plain.close();
  const anonymous = await Deno.connectTls({
    hostname: "127.0.0.1",
    port,
    caCerts: [Deno.readTextFileSync(`${it.directory}/ca.pem`)],
    unsafelyDisableHostnameVerification: true,
  });
  await anonymous.handshake().catch(() => {});
  await it.logged("it presented no certificate");
  anonymous.close();
  const link = await it.connect(port);
  link.send("still here");
  await it.received.until((event) => event === "server got still here");
});

Deno.test("a stranger's certificate without a subject is refused, and stops nothing", async () => {
  await using it = await lab();
  const port = await it.serve();
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const nameless = await X509CertificateGenerator.createSelfSigned({
    name: "",
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  const stranger = await Deno.connectTls({
    hostname: "127.0.0.1",
    port,
    caCerts: [Deno.readTextFileSync(`${it.directory}/ca.pem`)],
    unsafelyDisableHostnameVerification: true,
    cert: nameless.toString("pem"),
    key: PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"),
  });
  await stranger.handshake().catch(() => {});
  await it.logged('its certificate ("") is not issued by a CA of ca.pem');
  stranger.close();
  const link = await it.connect(port);
  link.send("still here");
  await it.received.until((event) => event === "server got still here");
});

const FIXTURES = new URL("../../tests/fixtures/certificates/", import.meta.url);

/** Credentials that trust the CA of the fixtures too, and a certificate that it signed. */
async function trusting(it: Lab, name: string): Promise<{ credentials: Credentials; certificate: Uint8Array }> {
  const ca = Deno.readTextFileSync(new URL("ca.pem", FIXTURES));
  Deno.writeTextFileSync(`${it.directory}/ca.pem`, ca, { append: true });
  const credentials = await loadCredentials(it.directory, "relay", it.log);
  credentials.close(); // no polling
  const certificate = Deno.readTextFileSync(new URL(name, FIXTURES));
  return { credentials, certificate: new Uint8Array(PemConverter.decodeFirst(certificate)) };
}

// Deno 2.9.6 takes these from anybody who has seen them: it skips the proof that the peer has their key.
for (
  const [name, reason] of [["version_1", /is of X\.509 version 1/], ["badly_encoded", /is encoded badly/]] as const
) {
  Deno.test(`a certificate of our CA is refused when TLS cannot prove that the peer has its key: ${name}`, async () => {
    await using it = await lab();
    const { credentials, certificate } = await trusting(it, `${name}.crt`);
    assertMatch(credentials.refusal(certificate, undefined, NOW) ?? "accepted", reason);
  });
}

Deno.test("a line feed in a subject does not make another attribute of what follows", async () => {
  await using it = await lab();
  const { credentials, certificate } = await trusting(it, "line_feed.crt"); // OU is "x\nCN=MediaProxy relay"
  assertEquals(credentials.refusal(certificate, undefined, NOW), undefined);
  assertEquals(
    credentials.refusal(certificate, parsePassport("CN:MediaProxy relay"), NOW),
    'the subject has no CN, the passport wants "MediaProxy relay"',
  );
});

Deno.test("bytes that are no certificate are refused", async () => {
  await using it = await lab();
  const credentials = await loadCredentials(it.directory, "relay", it.log);
  credentials.close();
  assertMatch(credentials.refusal(new Uint8Array([0x30, 0x00]), undefined, NOW) ?? "accepted", /cannot be read/);
});

Deno.test("a revocation list that disappears or is empty stays in force; one that never was is a warning", async () => {
  await using it = await lab();
  await revokeCertificate(it.directory, `${it.directory}/dispatcher.crt`);
  const credentials = await loadCredentials(it.directory, "relay", it.log);
  assertEquals(it.log.messages("warning"), []);
  const pem = Deno.readTextFileSync(`${it.directory}/dispatcher.crt`);
  const revoked = new Uint8Array(PemConverter.decodeFirst(pem));
  Deno.writeTextFileSync(`${it.directory}/crl.pem`, "");
  await credentials.reloadIfChanged();
  assertMatch(credentials.refusal(revoked, undefined, NOW) ?? "accepted", /is revoked/);
  Deno.removeSync(`${it.directory}/crl.pem`);
  await credentials.reloadIfChanged();
  assertMatch(credentials.refusal(revoked, undefined, NOW) ?? "accepted", /is revoked/);
  assertMatch(it.log.messages("error").join(), /holds no list any more/);
  credentials.close();
  (await loadCredentials(it.directory, "relay", it.log)).close();
  assertMatch(it.log.messages("warning").join(), /holds no revocation list/);
});

Deno.test("a CA whose signatures Deno cannot verify is an error when it is loaded", async () => {
  await using it = await lab();
  Deno.copyFileSync(new URL("ca_p521.pem", FIXTURES), `${it.directory}/ca.pem`);
  const error = await assertRejects(() => loadCredentials(it.directory, "relay", it.log), CredentialsError);
  assertMatch(error.message, /ca\.pem: .*use a CA with P-256/);
});

Deno.test("a certificate that is revoked while its peer is connected ends the connection at the next check", async () => {
  await using it = await lab();
  const port = await it.serve({ verifyIntervalMs: 50 });
  const link = await it.connect(port);
  link.send("hello");
  await it.received.until((event) => event === "server got hello");
  await revokeCertificate(it.directory, `${it.directory}/relay.crt`);
  assertMatch(await it.received.until((event) => event.startsWith("server closed")), /is revoked/);
  await it.connect(port).catch(() => {});
  await it.logged("connection refused");
  assertStringIncludes(it.log.messages("error").join(), "is revoked");
});

Deno.test("a certificate that is renewed while the server runs is the one that new clients see", async () => {
  await using it = await lab();
  const port = await it.serve({ verifyIntervalMs: 50 });
  await it.connect(port); // its checks notice the change
  await issueCertificate(it.directory, "dispatcher", "Renewed dispatcher");
  await it.logged("have changed, and are in force");
  const link = await it.connect(port, { passport: "CN:Renewed*" });
  assertEquals(link.peer.commonName, "Renewed dispatcher");
});

Deno.test("files that cannot be used do not replace those that can", async () => {
  await using it = await lab();
  const credentials = await loadCredentials(it.directory, "relay", it.log);
  const before = credentials.material;
  Deno.writeTextFileSync(`${it.directory}/relay.key`, "half a fi");
  await credentials.reloadIfChanged();
  await credentials.reloadIfChanged();
  assertEquals(credentials.material, before);
  assertEquals(it.log.messages("error").length, 1); // once for each change
  assertStringIncludes(it.log.messages("error")[0]!, "relay.key");
  credentials.close();
});

Deno.test("loadCredentials() says which file is wrong, and why", async () => {
  await using it = await lab();
  const attempt = () => assertRejects(() => loadCredentials(it.directory, "relay", it.log), CredentialsError);
  Deno.copyFileSync(`${it.directory}/dispatcher.key`, `${it.directory}/relay.key`);
  assertMatch((await attempt()).message, /relay\.key: it is not the key of .*relay\.crt/);
  Deno.writeTextFileSync(`${it.directory}/ca.pem`, "nothing");
  assertMatch((await attempt()).message, /ca\.pem: it holds no certificate/);
  Deno.removeSync(`${it.directory}/ca.pem`);
  assertMatch((await attempt()).message, /ca\.pem: there is no such file.*deno task certs/);
});

Deno.test("a revocation list that another CA signed is refused", async () => {
  await using it = await lab();
  const other = await makeAuthority(NOW);
  const serial = serialNumberOf(Deno.readTextFileSync(`${it.directory}/relay.crt`));
  Deno.writeTextFileSync(`${it.directory}/crl.pem`, await makeRevocationList(other, [serial], NOW));
  const error = await assertRejects(() => loadCredentials(it.directory, "relay", it.log), CredentialsError);
  assertMatch(error.message, /crl\.pem: the list is not signed by a CA of ca\.pem/);
});

Deno.test("certificates are not overwritten unless asked, and keys are the owner's alone", async () => {
  await using it = await lab();
  const error = await assertRejects(() => makeCertificates(it.directory), Error);
  assertStringIncludes(error.message, "--force");
  const before = Deno.readTextFileSync(`${it.directory}/relay.crt`);
  await makeCertificates(it.directory, { force: true });
  assert(Deno.readTextFileSync(`${it.directory}/relay.crt`) !== before);
  for (const name of ["ca.key", "relay.key", "dispatcher.key"]) {
    assertEquals((Deno.statSync(`${it.directory}/${name}`).mode ?? 0) & 0o777, 0o600, name);
  }
});

Deno.test("connectTls() says why there is no connection", async () => {
  await using it = await lab();
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr as Deno.NetAddr;
  closed.close();
  const error = await assertRejects(() => it.connect(port), Error);
  assertMatch(error.message, /refused/i);
});

Deno.test("plain TCP carries lines without certificates", async () => {
  await using it = await lab();
  const server = await listenTcp({ hostname: "127.0.0.1", port: 0, log: it.log }, (link) => it.handler(link, "server"));
  const options = { host: "127.0.0.1", port: server.port, timeoutMs: 5000, log: it.log };
  const link = await connectTcp(options, (opened) => it.handler(opened, "client"));
  link.send("version\r\n");
  await it.received.until((event) => event === "server got version\r\n");
  link.close("done");
  await it.received.until((event) => event.startsWith("server closed"));
  await server.close();
});
