/** What an offer or answer says of its streams. @module */
import type { Update } from "../src/control/commands.ts";
import type { Interfaces } from "./interfaces.ts";
import type { Signalled } from "./stream.ts";

/** Its streams, in their order. */
export function signalledBy({ media, signalingIp }: Update, interfaces: Interfaces): Signalled[] {
  const signalingAddress = signalingIp?.source ?? "";
  return (media ?? []).map((it) => ({
    media: { ...it, address: interfaces.local(it.address, it.port) },
    signalingAddress,
  }));
}

/**
 * The index of the first stream whose m= line has the same address and port; -1 if there is none. Fax is left out, as
 * nobody can tell its packets from others.
 */
export function bundledIndex(streams: readonly Signalled[], index: number): number {
  const { address, port, type } = streams[index]!.media;
  if (port === 0 || type === "image") return -1;
  const first = streams.findIndex(({ media }) =>
    media.address === address && media.port === port && media.type !== "image"
  );
  return first === index ? -1 : first;
}
