/** Opening many UDP sockets on the loopback interface. @module */

export const LOOPBACK = "127.0.0.1";

export interface LocalSocket {
  readonly conn: Deno.DatagramConn;
  readonly port: number;
}

const LAST_PORT = 65_534;

/**
 * Opens `count` sockets on every second port from `firstPort` on, leaving out those that are taken: the ports between
 * would be RTCP's.
 */
export function openSockets(count: number, firstPort: number, step = 2): LocalSocket[] {
  const sockets: LocalSocket[] = [];
  for (let port = firstPort; sockets.length < count; port += step) {
    if (port > LAST_PORT) throw new Error(`Cannot open ${count} sockets: ${sockets.length} ports were free`);
    try {
      sockets.push({ conn: Deno.listenDatagram({ transport: "udp", hostname: LOOPBACK, port }), port });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return sockets;
}
