import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../deps/assert.ts";
import { makeCertificates } from "../../io/certificate_files.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { freeTcpPort, freeUdpPort } from "../../../tests/peers/support/ports.ts";
import { parseConfig } from "../../config/mod.ts";
import { type RunningProxy, startProxy } from "./service.ts";

/** A directory for everything that a proxy needs, and a configuration that is good unless a test changes it. */
class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly port = freeUdpPort();
  readonly log = new RecordingLogger();

  constructor() {
    this.write("users.txt", "alice:secret\n");
    this.write("route.ts", "export default { request: (call) => call.reply(404, 'One') };");
  }

  write(name: string, text: string, mode = 0o600): string {
    const path = `${this.directory}/${name}`;
    Deno.writeTextFileSync(path, text, { mode });
    Deno.chmodSync(path, mode);
    return path;
  }

  start(settings: Readonly<Record<string, string>> = {}): Promise<RunningProxy> {
    const all = {
      listen: `udp:127.0.0.1:${this.port}`,
      "state_dir": `${this.directory}/state`,
      domains: "example.com",
      script: "route.ts",
      ...settings,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}`);
    const { config } = parseConfig(["[Proxy]", ...lines, ""].join("\n"), "config.ini");
    const paths = {
      configFile: "config.ini",
      configDir: this.directory,
      runtimeDir: `${this.directory}/run`,
      explicit: true,
    };
    return startProxy(config, paths, this.log);
  }

  /** What the start says, and whether all is given back. */
  async refusal(settings: Readonly<Record<string, string>>): Promise<string> {
    const error = await assertRejects(() => this.start(settings), Error);
    assert(EXPECTED.has(error.name), `${error.name} is not expected by the program: ${error.message}`);
    await using proxy = await this.start(); // nothing of the failed start is in the way
    assertEquals(proxy.listenPoints.length, 1);
    return error.message;
  }

  /** Sends one request from alice to herself; returns the response. */
  async send(method: string, ...lines: readonly string[]): Promise<string> {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: freeUdpPort() });
    const { port } = socket.addr as Deno.NetAddr;
    const request = [
      `${method} sip:example.com SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${crypto.randomUUID()}`,
      "From: <sip:alice@example.com>;tag=1",
      "To: <sip:alice@example.com>",
      `Call-ID: ${port}`,
      `CSeq: 1 ${method}`,
      ...lines,
      "\r\n",
    ].join("\r\n");
    await socket.send(new TextEncoder().encode(request), { transport: "udp", hostname: "127.0.0.1", port: this.port });
    const [datagram] = await socket.receive();
    socket.close();
    return new TextDecoder().decode(datagram);
  }

  /** The status line of the answer to OPTIONS. */
  async ask(): Promise<string> {
    return (await this.send("OPTIONS")).split("\r\n")[0]!;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** The names that `src/io/program.ts` prints without a stack. */
const EXPECTED = new Set([
  "StartError",
  "SocketPathError",
  "ListenError",
  "ScriptError",
  "UsersError",
  "DatabaseError",
]);

Deno.test("startProxy() names the address that it cannot have", async () => {
  using lab = new Lab();
  await using _other = await lab.start();
  const error = await assertRejects(() => lab.start({ control_socket: "other.sock" }), Error);
  assert(EXPECTED.has(error.name));
  assertStringIncludes(error.message, `Cannot listen on udp 127.0.0.1 port ${lab.port}`);
});

Deno.test("startProxy() names the script that it cannot use", async () => {
  using lab = new Lab();
  assertStringIncludes(await lab.refusal({ script: "missing.ts" }), `${lab.directory}/missing.ts: No such file`);
});

Deno.test("startProxy() names the users that it cannot read, and a file that all can", async () => {
  using lab = new Lab();
  assertStringIncludes(await lab.refusal({ users: "missing.txt" }), `Cannot read ${lab.directory}/missing.txt`);
  lab.write("public.txt", "alice:secret\n", 0o644);
  assertStringIncludes(await lab.refusal({ users: "public.txt" }), `chmod`);
  lab.write("bad.txt", "alice\n");
  assertStringIncludes(await lab.refusal({ users: "bad.txt" }), "bad.txt:1");
});

Deno.test("startProxy() names the state directory that it cannot use, and the database", async () => {
  using lab = new Lab();
  const file = lab.write("file", "");
  const noDirectory = await lab.refusal({ state_dir: `${file}/state` });
  assertStringIncludes(noDirectory, `${file}/state`);
  assertStringIncludes(noDirectory, "[Proxy] state_dir");
  Deno.mkdirSync(`${lab.directory}/damaged`);
  Deno.writeTextFileSync(`${lab.directory}/damaged/proxy.db`, "no database at all".repeat(500));
  const damaged = await lab.refusal({ state_dir: `${lab.directory}/damaged` });
  assertStringIncludes(damaged, `${lab.directory}/damaged/proxy.db`);
  assertStringIncludes(damaged, "move the file away and start again");
});

Deno.test("startProxy() names a control socket that it cannot make", async () => {
  using lab = new Lab();
  lab.write("file", "");
  assertStringIncludes(await lab.refusal({ control_socket: `${lab.directory}/file` }), "no socket");
});

Deno.test("startProxy() names the TLS file that it cannot read, and what is wrong with one that it can", async () => {
  using lab = new Lab();
  await makeCertificates(`${lab.directory}/tls`);
  lab.write("nonsense.pem", "nonsense");
  const tls = (settings: Record<string, string>) =>
    lab.refusal({
      listen: `tls:127.0.0.1:${freeTcpPort()}`,
      tls_certificate: "tls/relay.crt",
      tls_key: "tls/relay.key",
      ...settings,
    });
  assertStringIncludes(
    await tls({ tls_certificate: "none.crt" }),
    `Cannot read ${lab.directory}/none.crt ([Proxy] tls_certificate)`,
  );
  assertStringIncludes(await tls({ tls_key: "none.key" }), `Cannot read ${lab.directory}/none.key ([Proxy] tls_key)`);
  assertStringIncludes(await tls({ tls_certificate: "nonsense.pem" }), "nonsense.pem ([Proxy] tls_certificate)");
  assertStringIncludes(await tls({ tls_key: "nonsense.pem" }), "nonsense.pem ([Proxy] tls_key)");
  assertStringIncludes(await tls({ tls_key: "tls/dispatcher.key" }), "[Proxy] tls_key");
  assertStringIncludes(await tls({ tls_ca: "none.pem" }), `Cannot read ${lab.directory}/none.pem ([Proxy] tls_ca)`);
});

Deno.test("reload() loads the script anew, and keeps the old one if the new one is broken", async () => {
  using lab = new Lab();
  await using proxy = await lab.start();
  assertEquals(await lab.ask(), "SIP/2.0 404 One");
  lab.write("route.ts", "export default { request: (call) => call.reply(404, 'Two') };");
  await proxy.reload();
  assertEquals(await lab.ask(), "SIP/2.0 404 Two");
  lab.write("route.ts", "export default { request: (call) => call.reply(404, 'Three') ");
  await proxy.reload();
  assertEquals(await lab.ask(), "SIP/2.0 404 Two");
  const [error] = lab.log.messages("error");
  assertStringIncludes(error!, `Cannot load the routing script ${lab.directory}/route.ts: `);
  assertStringIncludes(error!, "the old one stays");
});

Deno.test("reload() keeps the old users and certificate if the new ones cannot be used", async () => {
  using lab = new Lab();
  await makeCertificates(`${lab.directory}/tls`);
  await using proxy = await lab.start({
    listen: `udp:127.0.0.1:${lab.port}, tls:127.0.0.1:${freeTcpPort()}`,
    tls_certificate: "tls/relay.crt",
    tls_key: "tls/relay.key",
  });
  lab.write("users.txt", "alice\n");
  lab.write("tls/relay.crt", "nonsense");
  await proxy.reload();
  const [users, certificate, ...others] = lab.log.messages("error");
  assertStringIncludes(users!, "users.txt:1");
  assertStringIncludes(certificate!, "relay.crt");
  assertStringIncludes(certificate!, "the old certificate stays");
  assertEquals(others, []);
});

Deno.test("close() gives everything back, and can be called twice", async () => {
  using lab = new Lab();
  const proxy = await lab.start();
  await proxy.close();
  await proxy.close();
  await using _again = await lab.start();
});

Deno.test("Registrations, and the key of our routes, outlive a restart", async () => {
  using lab = new Lab();
  const settings = { script: "", authenticate: "no" };
  const first = await lab.start(settings);
  assertStringIncludes(await lab.send("REGISTER", "Contact: <sip:alice@127.0.0.1:9>"), "SIP/2.0 200 OK");
  const key = Deno.readFileSync(`${lab.directory}/state/route.key`);
  await first.close();
  await using second = await lab.start(settings);
  assertEquals(second.bindingCount, 1);
  assertStringIncludes(await lab.send("REGISTER"), "Contact: <sip:alice@127.0.0.1:9>;expires=");
  assertEquals(Deno.readFileSync(`${lab.directory}/state/route.key`), key);
});

Deno.test("Without a database nothing is kept but the key, and a directory that cannot be used is a warning", async () => {
  using lab = new Lab();
  const file = lab.write("file", "");
  await using _proxy = await lab.start({ database: "None", "state_dir": `${file}/state` });
  const [warning] = lab.log.messages("warning");
  assertStringIncludes(warning!, "after a restart calls that are up may not find their way");
});
