import { assertEquals, assertRejects, assertStringIncludes } from "../../deps/assert.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { endDialogRequest } from "../../dispatcher/end_dialog.ts";
import { EndDialogClient } from "../../dispatcher/io/end_dialog_client.ts";
import { SocketPathError } from "../../io/socket_path.ts";
import { ControlInterface } from "../control.ts";
import { type CommandHandler, type ControlSocket, listenForCommands } from "./control_socket.ts";

class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly path = `${this.directory}/run/proxy.sock`;
  readonly log = new RecordingLogger();
  readonly #sockets: ControlSocket[] = [];

  async listen(handle: CommandHandler): Promise<ControlSocket> {
    const socket = await listenForCommands(this.path, handle, this.log);
    this.#sockets.push(socket);
    return socket;
  }

  files(): string[] {
    return [...Deno.readDirSync(`${this.directory}/run`)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    this.#sockets.forEach((socket) => socket.close());
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** A client with a socket of its own. */
class Client implements Disposable {
  readonly path: string;
  readonly #socket: Deno.DatagramConn;
  readonly #server: Deno.UnixAddr;

  constructor(lab: Lab, name: string) {
    this.path = `${lab.directory}/${name}`;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: this.path });
    this.#server = { transport: "unixpacket", path: lab.path };
  }

  async send(text: string): Promise<void> {
    await this.#socket.send(new TextEncoder().encode(text), this.#server);
  }

  async receive(): Promise<string> {
    const [datagram] = await this.#socket.receive();
    return new TextDecoder().decode(datagram);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    Deno.removeSync(this.path);
  }
}

const echo: CommandHandler = (text) => Promise.resolve(`got ${text}`);

function controlInterface(lab: Lab, ended: string[]): ControlInterface {
  return new ControlInterface({
    endDialog: (id) => {
      ended.push(id);
      return Promise.resolve(id === "30064771072" ? "ended" : "unknown");
    },
    dialogs: () => [],
    contacts: () => [],
    locations: () => [],
    statistics: () => ({}),
    reloadScript: () => Promise.resolve(),
  }, lab.log);
}

Deno.test("the dispatcher's client ends dialogs through the control socket", async () => {
  using lab = new Lab();
  const ended: string[] = [];
  const control = controlInterface(lab, ended);
  await lab.listen((text) => control.handle(text));
  const paths = { server: lab.path, own: `${lab.directory}/opensips.sock` };
  const clientLog = new RecordingLogger();
  const client = new EndDialogClient({ opensips: paths, kamailio: paths }, clientLog);
  client.send(endDialogRequest("30064771072", "a")!, "call 1");
  client.send(endDialogRequest("99", "b")!, "call 2");
  await client.close();
  assertEquals(ended, ["30064771072", "99"]);
  assertEquals(clientLog.lines.map(({ level, message, fields }) => [level, message, fields.callId]), [
    ["info", "asked opensips to end the dialog", "call 1"],
    ["warning", "opensips did not end the dialog: Requested Dialog not found (404)", "call 2"],
  ]);
});

Deno.test("listenForCommands() answers each client at its own socket", async () => {
  using lab = new Lab();
  await lab.listen(echo);
  using one = new Client(lab, "one");
  using two = new Client(lab, "two");
  await Promise.all([one.send("1"), two.send("2")]);
  assertEquals(await Promise.all([one.receive(), two.receive()]), ["got 1", "got 2"]);
});

Deno.test("listenForCommands() lets a slow command not hold up others", async () => {
  using lab = new Lab();
  const slow = Promise.withResolvers<string>();
  await lab.listen((text) => text === "slow" ? slow.promise : echo(text));
  using client = new Client(lab, "client");
  await client.send("slow");
  await client.send("fast");
  assertEquals(await client.receive(), "got fast");
  slow.resolve("at last");
  assertEquals(await client.receive(), "at last");
});

Deno.test("listenForCommands() works on a hundred requests at once, not more", async () => {
  using lab = new Lab();
  const waiting: PromiseWithResolvers<string>[] = [];
  const reached = Promise.withResolvers<void>();
  await lab.listen(() => {
    const request = Promise.withResolvers<string>();
    waiting.push(request);
    if (waiting.length === 100) reached.resolve();
    return request.promise;
  });
  using client = new Client(lab, "client");
  for (let index = 0; index < 105; index++) await client.send(String(index));
  await reached.promise;
  waiting[0]!.resolve("first");
  assertEquals(await client.receive(), "first");
  assertEquals(waiting.length <= 101, true);
  waiting.splice(0, 100).forEach((request) => request.resolve("more"));
  assertEquals(await client.receive(), "more");
});

Deno.test("listenForCommands() answers a client whose socket is no file", async () => {
  using lab = new Lab();
  await lab.listen(echo);
  const client = Deno.listenDatagram({ transport: "unixpacket", path: "" }); // Linux picks an abstract name
  await client.send(new TextEncoder().encode("hello"), { transport: "unixpacket", path: lab.path });
  assertEquals(new TextDecoder().decode((await client.receive())[0]), "got hello");
  client.close();
});

Deno.test("listenForCommands() gives up a client that does not take its answers, and serves the others", async () => {
  using lab = new Lab();
  await lab.listen(echo);
  using deaf = new Client(lab, "deaf");
  using client = new Client(lab, "client");
  const queueLength = Number(Deno.readTextFileSync("/proc/sys/net/unix/max_dgram_qlen"));
  for (let index = 0; index < queueLength + 5; index++) await deaf.send(String(index));
  await client.send("me");
  assertEquals(await client.receive(), "got me");
  assertEquals(lab.log.messages("warning"), [`a client of the control socket does not take its answers: ${deaf.path}`]);
  assertEquals(await deaf.receive(), "got 0");
});

Deno.test("listenForCommands() lives on when a client is gone before its answer", async () => {
  using lab = new Lab();
  const answer = Promise.withResolvers<string>();
  await lab.listen((text) => text === "late" ? answer.promise : echo(text));
  const gone = new Client(lab, "gone");
  await gone.send("late");
  gone[Symbol.dispose]();
  answer.resolve("too late");
  using client = new Client(lab, "client");
  await client.send("me");
  assertEquals(await client.receive(), "got me");
});

Deno.test("listenForCommands() makes its directory for the group, and its socket for whoever may enter", async () => {
  using lab = new Lab();
  await lab.listen(echo);
  assertEquals(Deno.statSync(`${lab.directory}/run`).mode! & 0o777, 0o750);
  assertEquals(Deno.statSync(lab.path).mode! & 0o777, 0o666);
});

Deno.test("listenForCommands() takes the place of a dead process", async () => {
  using lab = new Lab();
  Deno.mkdirSync(`${lab.directory}/run`, { mode: 0o750 });
  for (const name of ["proxy.sock", "proxy.sock.answers"]) {
    Deno.listenDatagram({ transport: "unixpacket", path: `${lab.directory}/run/${name}` }).close(); // leaves the file
  }
  assertEquals(lab.files(), ["proxy.sock", "proxy.sock.answers"]);
  await lab.listen(echo);
  using client = new Client(lab, "client");
  await client.send("1");
  assertEquals(await client.receive(), "got 1");
});

Deno.test("listenForCommands() leaves a live process alone", async () => {
  using lab = new Lab();
  const requests: string[] = [];
  const control = controlInterface(lab, []);
  await lab.listen((text) => {
    requests.push(text);
    return control.handle(text);
  });
  const error = await assertRejects(() => listenForCommands(lab.path, echo, lab.log), SocketPathError);
  assertEquals(error.message, `Cannot listen on ${lab.path}: another process does; stop it first`);
  using client = new Client(lab, "client");
  await client.send('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  assertEquals(await client.receive(), '{"jsonrpc":"2.0","result":"pong","id":1}');
  assertEquals(requests.length, 2);
});

Deno.test("listenForCommands() refuses a path that is no socket, and a directory open to all", async () => {
  using lab = new Lab();
  Deno.mkdirSync(`${lab.directory}/run`);
  Deno.writeTextFileSync(lab.path, "precious");
  await assertRejects(() => lab.listen(echo), SocketPathError, "that is no socket");
  assertEquals(lab.files(), ["proxy.sock"]);
  Deno.removeSync(lab.path);
  Deno.chmodSync(`${lab.directory}/run`, 0o777);
  const { message } = await assertRejects(() => lab.listen(echo), SocketPathError);
  assertStringIncludes(message, `run chmod o-w ${lab.directory}/run`);
});

Deno.test("close() removes both sockets; twice is harmless", async () => {
  using lab = new Lab();
  const socket = await lab.listen(echo);
  assertEquals(lab.files(), ["proxy.sock", "proxy.sock.answers"]);
  socket.close();
  socket.close();
  assertEquals(lab.files(), []);
  assertEquals(lab.log.messages("error"), []);
});
