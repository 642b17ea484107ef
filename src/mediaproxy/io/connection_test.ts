import { assertEquals } from "../../deps/assert.ts";
import { encodeOctets } from "../../sip/octets.ts";
import { Connection, type Socket } from "./connection.ts";

/** A socket whose reads and writes end when the test says. */
class FakeSocket implements Socket {
  readonly events: string[] = [];
  /** How many bytes a write takes. */
  writable = Infinity;
  #read = Promise.withResolvers<string | null>();

  receive(text: string | null): void {
    this.#read.resolve(text);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const text = await this.#read.promise;
    this.#read = Promise.withResolvers();
    if (text === null) return null;
    buffer.set(encodeOctets(text));
    return text.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    const count = Math.min(bytes.length, this.writable);
    this.events.push(`wrote ${new TextDecoder().decode(bytes.subarray(0, count))}`);
    return count > 0 ? Promise.resolve(count) : Promise.reject(new Error("Broken pipe"));
  }

  close(): void {
    this.events.push("closed the socket");
    this.#read.reject(new Error("Interrupted"));
  }
}

function connect(): { socket: FakeSocket; connection: Connection; ended: Promise<void> } {
  const socket = new FakeSocket();
  const connection = new Connection(socket, {
    answered: (line) => void socket.events.push(`answered ${line}`),
    closed: (reason) => void socket.events.push(`ended: ${reason}`),
  });
  return { socket, connection, ended: connection.run() };
}

Deno.test("Connection writes a request whole, however little a write takes", async () => {
  const { socket, connection, ended } = connect();
  socket.writable = 2;
  connection.send(encodeOctets("abcde"));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  connection.close("enough");
  await ended;
  assertEquals(socket.events, ["wrote ab", "wrote cd", "wrote e", "closed the socket", "ended: enough"]);
});

Deno.test("Connection ends when a request cannot be written, and only once", async () => {
  const { socket, connection, ended } = connect();
  socket.writable = 0;
  connection.send(encodeOctets("a"));
  await ended;
  connection.close("again");
  assertEquals(socket.events, ["wrote ", "closed the socket", "ended: Broken pipe"]);
});

Deno.test("Connection passes no answer on that was read when it was closed", async () => {
  const { socket, connection, ended } = connect();
  connection.send(encodeOctets("a"));
  socket.receive("late\r\n");
  connection.close("time is up");
  await ended;
  assertEquals(socket.events, ["wrote a", "closed the socket", "ended: time is up"]);
});
