/**
 * A program for a phone's place: asks each mirror in turn, from one socket, where it seems to be, and writes one line of
 * JSON for each answer, asked for or not.
 *
 * Arguments: the own `address:port`, then those of the mirrors (IPv4).
 * @module
 */

const [own, ...mirrors] = Deno.args.map((text) => {
  const [hostname, port] = text.split(":");
  return { transport: "udp" as const, hostname: hostname!, port: Number(port) };
});
const socket = Deno.listenDatagram(own!);
for (const mirror of mirrors) {
  await socket.send(new Uint8Array(1), mirror);
  for (;;) {
    const [bytes, from] = await socket.receive();
    const { hostname, port } = from as Deno.NetAddr;
    const seen = new TextDecoder().decode(bytes);
    // deno-lint-ignore no-console -- a program's output
    console.log(JSON.stringify({ asked: `${mirror.hostname}:${mirror.port}`, from: `${hostname}:${port}`, seen }));
    if (hostname === mirror.hostname && port === mirror.port) break;
  }
}
socket.close();
