import { assertEquals, assertRejects, assertStringIncludes } from "../../deps/assert.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import type { RequestHandler } from "../control_connection.ts";
import { listenForRequests, SocketPathError } from "./control_server.ts";

class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly path = `${this.directory}/run/dispatcher.sock`;
  readonly log = new RecordingLogger();

  listen(handle: RequestHandler = ({ command }, answer) => answer(command)) {
    return listenForRequests(this.path, handle, this.log);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

class Client implements Disposable {
  readonly #conn: Deno.UnixConn;
  private constructor(conn: Deno.UnixConn) {
    this.#conn = conn;
  }
  static async connect(path: string): Promise<Client> {
    return new Client(await Deno.connect({ transport: "unix", path }));
  }
  async send(text: string): Promise<void> {
    await this.#conn.write(new TextEncoder().encode(text));
  }
  /** What one read gives, as a SIP server reads. */
  async read(): Promise<string | undefined> {
    const buffer = new Uint8Array(65_536);
    const count = await this.#conn.read(buffer);
    return count === null ? undefined : new TextDecoder().decode(buffer.subarray(0, count));
  }
  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

Deno.test("listenForRequests() makes a directory that others keep out of, and removes its socket in the end", async () => {
  using lab = new Lab();
  const server = await lab.listen();
  assertEquals((Deno.statSync(`${lab.directory}/run`).mode ?? 0) & 0o777, 0o750);
  assertEquals(Deno.lstatSync(lab.path).isSocket, true);
  server.close();
  await assertRejects(() => Deno.lstat(lab.path), Deno.errors.NotFound);
});

Deno.test("listenForRequests() answers pipelined requests in order, each in one write", async () => {
  using lab = new Lab();
  const late: (() => void)[] = [];
  const server = await lab.listen(({ command }, answer) => {
    if (command === "slow") late.push(() => answer("slow"));
    else answer(command);
    if (command === "last") late.forEach((finish) => finish());
  });
  using client = await Client.connect(lab.path);
  await client.send("first\r\n\r\n");
  assertEquals(await client.read(), "first\r\n");
  await client.send("slow\r\n\r\nquick\r\n\r\n");
  await client.send("last\r\n\r\n");
  let answers = "";
  while (answers.length < "slow\r\nquick\r\nlast\r\n".length) answers += await client.read();
  assertEquals(answers, "slow\r\nquick\r\nlast\r\n");
  server.close();
});

Deno.test("listenForRequests() keeps a connection that sent what nobody can read (PROTOCOL §6.9)", async () => {
  using lab = new Lab();
  const server = await lab.listen();
  using client = await Client.connect(lab.path);
  await client.send(`remove\r\ncall_id: ${"a".repeat(20_000)}\r\n\r\n`);
  assertEquals(await client.read(), "error\r\n");
  await client.send("still here\r\n\r\n");
  assertEquals(await client.read(), "still here\r\n");
  server.close();
});

Deno.test("listenForRequests() serves others when one connection ends in the middle of a request", async () => {
  using lab = new Lab();
  const server = await lab.listen();
  const rude = await Client.connect(lab.path);
  await rude.send("update\r\ncall_id: half");
  rude[Symbol.dispose]();
  using client = await Client.connect(lab.path);
  await client.send("hello\r\n\r\n");
  assertEquals(await client.read(), "hello\r\n");
  server.close();
});

Deno.test("listenForRequests() takes the place of a dead process, and not of a live one", async () => {
  using lab = new Lab();
  Deno.mkdirSync(`${lab.directory}/run`);
  // A process that is killed leaves its socket's file behind.
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `Deno.listen({ transport: "unix", path: ${JSON.stringify(lab.path)} }); Deno.kill(Deno.pid, "SIGKILL")`,
    ],
    stderr: "null",
  }).output();
  assertEquals([success, Deno.lstatSync(lab.path).isSocket], [false, true]);
  const server = await lab.listen();
  using client = await Client.connect(lab.path);
  await client.send("hello\r\n\r\n");
  assertEquals(await client.read(), "hello\r\n");
  const error = await assertRejects(() => lab.listen(), SocketPathError);
  assertStringIncludes(error.message, "another dispatcher");
  server.close();
});

Deno.test("listenForRequests() refuses a path that is a file, and a directory that anybody may write to", async () => {
  using lab = new Lab();
  Deno.mkdirSync(`${lab.directory}/run`);
  Deno.writeTextFileSync(lab.path, "precious");
  assertStringIncludes((await assertRejects(() => lab.listen(), SocketPathError)).message, "no socket");
  assertEquals(Deno.readTextFileSync(lab.path), "precious");
  Deno.chmodSync(`${lab.directory}/run`, 0o777);
  assertStringIncludes((await assertRejects(() => lab.listen(), SocketPathError)).message, "chmod o-w");
});
