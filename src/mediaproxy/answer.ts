/** What a dispatcher answers to `update` (PROTOCOL 1). @module */
import { canonicalAddress } from "../control/media_header.ts";
import { isPorts } from "../control/relay_reply.ts";

/** Where the relay listens for the other party. */
export interface RelayPorts {
  /** Canonical, without brackets. */
  readonly address: string;
  /** RTP ports, one for each supported stream, or fewer; 0 for one that is refused. RTCP is the port behind. */
  readonly ports: readonly number[];
}

/** The RTCP port is one more. */
const MAX_RTP_PORT = 65534;

/** Parses an answer line; `undefined` for `error`, and for anything else that is no address with ports. */
export function parseAnswer(line: string): RelayPorts | undefined {
  if (!isPorts(line)) return undefined;
  const [text = "", ...ports] = line.split(" ");
  const address = canonicalAddress(text);
  const numbers = ports.map(Number);
  return address === undefined || numbers.some((port) => port > MAX_RTP_PORT) ? undefined : { address, ports: numbers };
}
