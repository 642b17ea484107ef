/** One side of a dialog, as a proxy in its middle sees it (RFC 3261 §12). @module */
import type { SipMessage } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name_addr.ts";
import type { Target } from "../transport/flow.ts";

/** The caller, or one of the callees that answered. */
export interface Party {
  /** As its From, or To, says: `"Alice" <sip:alice@example.com>`, without the tag. */
  readonly address: string;
  readonly tag: string;
  /** The remote target: the URI of its Contact (RFC 3261 §12.1.1). */
  contact: string;
  /** The proxies between us and it, the nearest first; values of Route. */
  routes: readonly string[];
  /** The CSeq of its latest request in the dialog; 0 before the first. */
  cseq: number;
  /** The way its latest message came: the way to it if no proxy is between. */
  target: Target;
}

/** The URI of a message's Contact; `undefined` if it has none, or one that cannot be read. */
export function contactOf(message: SipMessage): string | undefined {
  const [value] = message.headerValues("contact");
  if (value === undefined) return undefined;
  try {
    return parseNameAddr(value).uri;
  } catch {
    return undefined; // the phones have to cope with it, we only wanted to know it
  }
}

/** An address without its tag and other parameters: the display name is kept. */
export function addressOf({ displayName, uri }: { displayName: string; uri: string }): string {
  return `${displayName === "" ? "" : `${displayName} `}<${uri}>`;
}
