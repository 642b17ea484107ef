/** What the kernel is told to carry: the two directions of one component (RTP or RTCP) of a stream. @module */

/** A UDP endpoint. The address is a literal without a zone. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One direction: what `source` sends to `local`, an endpoint of ours, leaves from `from`, another one, for `to`. */
export interface Flow {
  readonly source: Endpoint;
  readonly local: Endpoint;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** Both directions: what the caller sends, and what the callee sends. */
export type FlowPair = readonly [caller: Flow, callee: Flow];

/** Packets, and the bytes of their UDP payload. */
export interface Counts {
  readonly packets: number;
  readonly bytes: number;
}

/** Nothing was counted. */
export const NO_COUNTS: Counts = { packets: 0, bytes: 0 };

/** An IP version. */
export type Family = 4 | 6;

/** The family of an address literal. */
export function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

/** Where a party is, and the socket of ours that it sends to. */
export interface Side {
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

/** The flows between two parties; `undefined` if packets cannot be rewritten: between address families. */
export function flowPair(caller: Side, callee: Side): FlowPair | undefined {
  const addresses = [caller.remote, caller.local, callee.remote, callee.local].map(({ address }) => address);
  if (!addresses.every((address) => isLiteral(address) && familyOf(address) === familyOf(addresses[0]!))) {
    return undefined;
  }
  return [
    { source: caller.remote, local: caller.local, from: callee.local, to: callee.remote },
    { source: callee.remote, local: callee.local, from: caller.local, to: caller.remote },
  ];
}

/** Whether the text is nothing but an address: it becomes part of a command. Zones (`fe80::1%eth0`) stay in userspace. */
function isLiteral(address: string): boolean {
  return /^[0-9a-f.:]+$/i.test(address);
}
