import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../deps/assert.ts";
import { FakeClock, RecordingLogger } from "../../../tests/support/fakes.ts";
import { decodeOctets, encodeOctets } from "../../sip/octets.ts";
import { DispatcherError, type DispatcherFailure } from "../dispatcher_client.ts";
import { type DispatcherClientOptions, UnixDispatcherClient } from "./dispatcher_client.ts";

/** Time enough for a request to arrive, however busy the machine is. */
const LIMIT_MS = 1000;

/** A connection as the dispatcher has it. */
class Served {
  readonly conn: Deno.UnixConn;
  /** Whether the client has closed it. */
  readonly ended: Promise<void>;
  #requests = "";
  #isAnswering = false;

  constructor(conn: Deno.UnixConn, handle: (request: string, served: Served) => void) {
    this.conn = conn;
    this.ended = this.#serve(handle).catch(() => {});
  }

  async #serve(handle: (request: string, served: Served) => void): Promise<void> {
    const buffer = new Uint8Array(4096);
    for (;;) {
      const count = await this.conn.read(buffer);
      if (count === null) break;
      this.#requests += decodeOctets(buffer.subarray(0, count));
      for (let end = this.#requests.indexOf("\r\n\r\n"); end >= 0; end = this.#requests.indexOf("\r\n\r\n")) {
        const request = this.#requests.slice(0, end + 4);
        this.#requests = this.#requests.slice(end + 4);
        assert(!this.#isAnswering, "a request came before the answer to the one before");
        this.#isAnswering = true;
        handle(request, this);
      }
    }
    this.close();
  }

  /** Writes an answer, whole, or `text` as it is. */
  async answer(text: string): Promise<void> {
    this.#isAnswering = false;
    await this.conn.write(encodeOctets(text));
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // closed already
    }
  }
}

/** A dispatcher of the test's, and a client of it. */
class Lab implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync();
  readonly path = `${this.directory}/dispatcher.sock`;
  readonly log = new RecordingLogger();
  readonly clock = new FakeClock();
  /** Every connection that there was. */
  readonly served: Served[] = [];
  readonly requests: string[] = [];
  client!: UnixDispatcherClient;
  handle: (request: string, served: Served) => void = (request, served) => void served.answer(echo(request));
  #listener: Deno.UnixListener | undefined;

  /** Without a dispatcher. */
  static alone(options: Partial<DispatcherClientOptions> = {}): Lab {
    const lab = new Lab();
    // Long enough for everything that is to be answered, however slow the machine is.
    lab.client = new UnixDispatcherClient({ path: lab.path, timeoutMs: 60_000, ...options }, lab.log, lab.clock);
    return lab;
  }

  static start(options: Partial<DispatcherClientOptions> = {}): Lab {
    const lab = Lab.alone(options);
    lab.listen();
    return lab;
  }

  listen(): void {
    const listener = this.#listener = Deno.listen({ transport: "unix", path: this.path });
    (async () => {
      for await (const conn of listener) {
        this.served.push(
          new Served(conn, (request, served) => {
            this.requests.push(request);
            this.handle(request, served);
          }),
        );
      }
    })();
  }

  /** The dispatcher's end, as if it were killed. */
  async stop(): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    await Deno.remove(this.path).catch(() => {});
    for (const served of this.served) served.close();
    await Promise.all(this.served.map(({ ended }) => ended));
  }

  async failure(request: string, kind: DispatcherFailure): Promise<string> {
    const error = await assertRejects(() => this.client.ask(request), DispatcherError);
    assertEquals([error.kind, error.message], [kind, error.message]);
    return error.message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.stop();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

function request(name: string): string {
  return `update\r\ncall_id: ${name}\r\n\r\n`;
}

function echo(text: string): string {
  return `${/call_id: (.*)\r/.exec(text)?.[1]}\r\n`;
}

Deno.test("ask() returns the answer's line, one request after the other on one connection", async () => {
  await using lab = Lab.start();
  for (const name of ["a", "b", "c"]) assertEquals(await lab.client.ask(request(name)), name);
  assertEquals([lab.served.length, lab.client.connectionCount], [1, 1]);
  assertEquals(lab.client.counters, { requests: 3, errors: 0, timeouts: 0 });
  assertEquals(lab.log.lines, []);
});

Deno.test("ask() sends octets as they are", async () => {
  await using lab = Lab.start();
  assertEquals(await lab.client.ask(request("T\xc3\xa9\xff")), "T\xc3\xa9\xff");
  assertEquals(lab.requests, [request("T\xc3\xa9\xff")]);
});

Deno.test("ask() carries 200 requests at a time over 32 connections, and each gets its own answer", async () => {
  await using lab = Lab.start();
  const held: (() => void)[] = [];
  lab.handle = (request, served) => {
    held.push(() => void served.answer(echo(request)));
    // Answered in the reverse order, once all connections have one, and at the end.
    if (held.length === 32 || lab.requests.length > 200 - 32) held.splice(0).reverse().forEach((answer) => answer());
  };
  const names = Array.from({ length: 200 }, (_, index) => `call-${index}`);
  assertEquals(await Promise.all(names.map((name) => lab.client.ask(request(name)))), names);
  assertEquals([lab.served.length, lab.client.connectionCount], [32, 32]);
});

Deno.test("ask() fails at once if nobody listens, tries again a second later, and says so once", async () => {
  await using lab = Lab.alone();
  assertStringIncludes(await lab.failure(request("a"), "unreachable"), lab.path);
  lab.listen();
  assertStringIncludes(await lab.failure(request("b"), "unreachable"), lab.path);
  assertEquals(lab.served.length, 0);
  lab.clock.advance(999);
  await lab.failure(request("c"), "unreachable");
  lab.clock.advance(1);
  assertEquals(await lab.client.ask(request("d")), "d");
  assertEquals(lab.log.lines.map(({ level }) => level), ["error", "info"]);
  assertEquals(lab.log.messages("info"), [`the dispatcher at ${lab.path} is back`]);
  assertEquals(lab.client.counters, { requests: 4, errors: 3, timeouts: 0 });
});

Deno.test("ask() fails for all who wait when a connection is refused", async () => {
  await using lab = Lab.alone({ maxConnections: 2 });
  await Promise.all(["a", "b", "c", "d"].map((name) => lab.failure(request(name), "unreachable")));
  assertEquals(lab.log.messages().length, 1);
});

Deno.test("ask() gives up on a dispatcher that never answers, while others are answered", async () => {
  await using lab = Lab.start({ timeoutMs: LIMIT_MS });
  lab.handle = (text, served) => {
    if (!text.includes("hang")) void served.answer(echo(text));
  };
  assertEquals(await lab.client.ask(request("first")), "first");
  const hanging = lab.failure(request("hang"), "timeout");
  for (const name of ["a", "b", "c"]) assertEquals(await lab.client.ask(request(name)), name);
  assertEquals(await hanging, `the dispatcher did not answer within ${LIMIT_MS} ms`);
  assertEquals(lab.client.counters, { requests: 5, errors: 0, timeouts: 1 });
});

Deno.test("ask() never takes a late answer for another request's", async () => {
  await using lab = Lab.start({ timeoutMs: LIMIT_MS });
  lab.handle = () => {};
  await lab.failure(request("slow"), "timeout");
  const [late] = lab.served;
  await late!.answer("slow\r\n").catch(() => {});
  lab.handle = (text, served) => void served.answer(echo(text));
  assertEquals(await lab.client.ask(request("next")), "next");
  await late!.ended;
  assertEquals([lab.served.length, lab.client.connectionCount], [2, 1]);
});

Deno.test("ask() counts its time limit from the beginning, waiting for a connection included", async () => {
  await using lab = Lab.start({ timeoutMs: LIMIT_MS, maxConnections: 1 });
  lab.handle = () => {};
  await Promise.all(["a", "b", "c"].map((name) => lab.failure(request(name), "timeout")));
  assertEquals(lab.client.counters.timeouts, 3);
  lab.handle = (text, served) => void served.answer(echo(text));
  assertEquals(await lab.client.ask(request("d")), "d");
  assertEquals(lab.requests, [request("a"), request("d")]);
});

Deno.test("ask() goes to a new connection, once, if one ends under a request", async () => {
  await using lab = Lab.start();
  lab.handle = (text, served) => lab.served.length === 1 ? served.close() : void served.answer(echo(text));
  assertEquals(await lab.client.ask(request("a")), "a");
  assertEquals(lab.requests, [request("a"), request("a")]);
  lab.handle = (_, served) => served.close();
  assertEquals(await lab.failure(request("b"), "unreachable"), "the dispatcher closed the connection");
  assertEquals(lab.requests.length, 4);
});

Deno.test("ask() keeps the order of requests when a connection ends", async () => {
  await using lab = Lab.start({ maxConnections: 1 });
  lab.handle = (text, served) => lab.requests.length === 1 ? served.close() : void served.answer(echo(text));
  const names = ["a", "b", "c"];
  assertEquals(await Promise.all(names.map((name) => lab.client.ask(request(name)))), names);
  assertEquals(lab.requests, ["a", "a", "b", "c"].map(request));
});

Deno.test("ask() lets requests wait for the connections that there are, if no more can be opened", async () => {
  await using lab = Lab.start();
  const arrived = Promise.withResolvers<Served>();
  lab.handle = (text, served) => text.includes("slow") ? arrived.resolve(served) : void served.answer(echo(text));
  const first = lab.client.ask(request("slow"));
  const served = await arrived.promise;
  Deno.removeSync(lab.path);
  const second = lab.client.ask(request("quick"));
  await assertRejects(() => Deno.connect({ transport: "unix", path: lab.path }), Deno.errors.NotFound);
  await served.answer("slow\r\n");
  assertEquals(await Promise.all([first, second]), ["slow", "quick"]);
  assertEquals(lab.log.lines, []);
});

Deno.test("ask() does not notice that a dispatcher was restarted", async () => {
  await using lab = Lab.start();
  await Promise.all(["a", "b", "c"].map((name) => lab.client.ask(request(name))));
  for (let round = 0; round < 20; round++) {
    await lab.stop();
    lab.listen();
    assertEquals(await lab.client.ask(request(`after-${round}`)), `after-${round}`);
  }
  assertEquals([lab.log.lines, lab.client.counters.errors], [[], 0]);
});

Deno.test("ask() takes an answer that comes in pieces, and not half of one", async () => {
  await using lab = Lab.start();
  lab.handle = async (_, served) => {
    for (const piece of ["127.0.0.1 500", "02", "\r", "\n"]) await served.answer(piece);
  };
  assertEquals(await lab.client.ask(request("a")), "127.0.0.1 50002");
  lab.handle = async (_, served) => {
    await served.answer("127.0.0.1 500");
    served.close();
  };
  await lab.failure(request("b"), "unreachable");
});

Deno.test("ask() passes garbage on as a line, and gives up on one without end", async () => {
  await using lab = Lab.start();
  lab.handle = (_, served) => void served.answer("\0\xff{}\n");
  assertEquals(await lab.client.ask(request("a")), "\0\xff{}");
  lab.handle = (_, served) => void served.answer("x".repeat(9000)).catch(() => {});
  assertEquals(await lab.failure(request("b"), "unreachable"), "the dispatcher's answer has no end");
});

Deno.test("ask() uses no connection any more on which there was more than the answer", async () => {
  await using lab = Lab.start();
  lab.handle = (text, served) => void served.answer(`${echo(text)}another's\r\n`);
  for (const name of ["a", "b", "c"]) assertEquals(await lab.client.ask(request(name)), name);
  assertEquals([lab.requests.length, lab.served.length], [3, 3]);
  lab.handle = (text, served) => void served.answer(echo(text));
  assertEquals(await lab.client.ask(request("d")), "d");
  const last = lab.served.at(-1)!;
  await last.answer("unasked\r\n");
  await last.ended;
  assertEquals(await lab.client.ask(request("e")), "e");
  assertEquals(lab.client.counters.errors, 0);
});

Deno.test("ask() does not count a connection that is closed already as one that ended under a request", async () => {
  await using lab = Lab.start({ maxConnections: 1 });
  lab.handle = (text, served) => {
    if (lab.requests.length === 2) return served.close();
    void served.answer(lab.requests.length === 1 ? `${echo(text)}another's\r\n` : echo(text));
  };
  assertEquals(await Promise.all(["a", "b"].map((name) => lab.client.ask(request(name)))), ["a", "b"]);
  assertEquals(lab.requests, ["a", "b", "b"].map(request));
});

Deno.test("ask() fails at once if too many wait", async () => {
  await using lab = Lab.start({ maxConnections: 1, maxWaiting: 2 });
  const asked = ["a", "b"].map((name) => lab.client.ask(request(name))); // they wait until the connection is up
  assertEquals(await lab.failure(request("c"), "overloaded"), "2 requests wait for the dispatcher");
  assertEquals(await Promise.all(asked), ["a", "b"]);
  assertEquals(await lab.client.ask(request("d")), "d");
});

Deno.test("close() fails what is pending and what comes, and may be called again", async () => {
  await using lab = Lab.start({ maxConnections: 1 });
  const arrived = Promise.withResolvers<void>();
  lab.handle = () => arrived.resolve();
  const pending = ["a", "b"].map((name) => lab.failure(request(name), "closed"));
  await arrived.promise;
  await lab.client.close();
  await Promise.all(pending);
  await lab.failure(request("c"), "closed");
  await lab.client.close();
  assertEquals(lab.client.connectionCount, 0);
});

Deno.test("close() leaves nothing behind while a connection is being opened", async () => {
  await using lab = Lab.start();
  const pending = lab.failure(request("a"), "closed");
  await lab.client.close();
  await pending;
  assertEquals(lab.client.connectionCount, 0);
});
