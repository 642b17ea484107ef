/**
 * The bare loop: what Deno can do at most with one receive and one send per packet. The relay is measured beside it.
 *
 * ```sh
 * deno run --allow-net --unstable-net tests/bench/bare_loop.ts FIRST_PORT [PORT,PORT,...]
 * ```
 * Opens a pair of sockets from FIRST_PORT on for each two PORTs, and sends what arrives at one of the pair from the
 * other one to its PORT of 127.0.0.1. Prints the ports that it opened, in the order of the PORTs, as JSON: a party
 * whose own port is the n-th PORT sends to the n-th port.
 * @module
 */
import { type LocalSocket, LOOPBACK, openSockets } from "./support/sockets.ts";

const BUFFER_BYTES = 1601; // the relay's

if (import.meta.main) {
  const [firstPort = "", list = ""] = Deno.args;
  const parties = list.split(",").filter(Boolean).map(Number);
  const sockets = openSockets(parties.length, Number(firstPort), 1);
  parties.forEach((_, index) => {
    const peer = index ^ 1;
    forward(sockets[index]!, sockets[peer]!, parties[peer]!);
  });
  // deno-lint-ignore no-console -- a program's output
  console.log(JSON.stringify(sockets.map(({ port }) => port)));
  setInterval(() => {}, 3_600_000); // without sockets it stays all the same, to be looked at
}

async function forward(inbound: LocalSocket, outbound: LocalSocket, port: number): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  const destination = { transport: "udp" as const, hostname: LOOPBACK, port };
  for (;;) {
    const [packet] = await inbound.conn.receive(buffer);
    await outbound.conn.send(packet, destination);
  }
}
