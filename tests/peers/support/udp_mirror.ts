/**
 * A program for the public host: tells whoever sends it a datagram where that came from (RFC 5389 calls it binding), first
 * from the addresses that were not asked, then from the one that was. As all of them take the same way, who has the
 * last answer has those of the others, too, or his NAT has kept them away.
 *
 * Arguments: the addresses to listen on, each as `address:port` (IPv4).
 * @module
 */

const places = Deno.args.map((text) => ({ hostname: text.split(":")[0]!, port: Number(text.split(":")[1]) }));
const sockets = places.map((place) => Deno.listenDatagram({ transport: "udp", ...place }));
// deno-lint-ignore no-console -- a program's output
console.log("mirror ready");
await Promise.all(sockets.map(async (socket) => {
  for await (const [, from] of socket) {
    const { hostname, port } = from as Deno.NetAddr;
    const answer = new TextEncoder().encode(`${hostname}:${port}`);
    for (const other of [...sockets.filter((it) => it !== socket), socket]) await other.send(answer, from);
  }
}));
