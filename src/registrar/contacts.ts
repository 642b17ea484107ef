/** What a REGISTER asks for: its Contacts with their parameters (RFC 3261 §10.2, §10.3). @module */
import { SipSyntaxError } from "../sip/errors.ts";
import { unquote } from "../sip/lists.ts";
import type { SipRequest } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name_addr.ts";
import type { Params } from "../sip/params.ts";
import { areUrisEqual, parseSipUri, type SipUri } from "../sip/uri.ts";
import type { Binding } from "./binding.ts";

/** One Contact. */
export interface RequestedContact {
  readonly contact: string;
  readonly uri: SipUri;
  /** What it has besides q and expires. */
  readonly contactParams: string;
  /** From 0 to 1; 1 if it says nothing. */
  readonly q: number;
  /** 0 takes it back; `undefined` if nothing is said. */
  readonly expiresSeconds: number | undefined;
  readonly instanceId: string;
  readonly regId: number;
}

/** What of a REGISTER matters: some contacts, none to ask for those that are there, or all to take them back. */
export type RequestedContacts = readonly RequestedContact[] | "all";

/** A Contact's share of the table; a phone's needs a tenth. */
const MAX_CONTACT_BYTES = 2048;
/** Of one REGISTER; the table's own limit is lower. */
const MAX_CONTACTS = 100;
const MAX_SECONDS = 2 ** 32 - 1;
/** For a value that is no number (RFC 3261 §10.2.1.1). */
const MALFORMED_SECONDS = 3600;

/** @throws SipSyntaxError if a Contact cannot be read, or `*` stands with others or without `Expires: 0` */
export function parseContacts(request: SipRequest): RequestedContacts {
  const values = request.headerValues("contact");
  const expires = request.header("expires");
  if (values.includes("*")) {
    if (values.length > 1 || expires === undefined || parseSeconds(expires) !== 0) {
      throw new SipSyntaxError("Cannot use Contact *: it stands alone, with Expires 0");
    }
    return "all";
  }
  if (values.length > MAX_CONTACTS) throw new SipSyntaxError(`Cannot use ${values.length} Contacts`);
  return values.map((value) => parseContact(value, expires));
}

function parseContact(value: string, expiresHeader: string | undefined): RequestedContact {
  if (value.length > MAX_CONTACT_BYTES) throw new SipSyntaxError(`Cannot use a Contact of ${value.length} bytes`);
  const { uri: contact, params } = parseNameAddr(value);
  const uri = parseSipUri(contact);
  const expires = params.get("expires") ?? expiresHeader;
  const rest = params.clone();
  rest.delete("expires");
  rest.delete("q");
  const instanceId = unquote(params.get("+sip.instance") ?? "");
  return {
    contact,
    uri,
    contactParams: rest.toString(),
    q: parseQ(params),
    expiresSeconds: expires === undefined ? undefined : parseSeconds(expires),
    instanceId,
    regId: instanceId === "" ? 0 : parseRegId(params),
  };
}

function parseSeconds(text: string): number {
  return /^\d+$/.test(text) ? Math.min(Number(text), MAX_SECONDS) : MALFORMED_SECONDS;
}

function parseQ(params: Params): number {
  const text = params.get("q");
  if (text === undefined) return 1;
  if (!/^(?:0(?:\.\d{0,9})?|1(?:\.0{0,9})?)$/.test(text)) {
    throw new SipSyntaxError("Cannot use a Contact: q is not 0 to 1");
  }
  return Number(text);
}

/** From 1 (RFC 5626 §11.1); 0 for what means nothing. */
function parseRegId(params: Params): number {
  const text = params.get("reg-id") ?? "";
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
}

/** What tells contacts of an address apart. */
type Identity = Pick<RequestedContact, "uri" | "instanceId" | "regId">;

/**
 * Whether two Contacts are about the same: the same flow of the same phone (RFC 5626 §6) if both say which they are, else
 * the same URI (RFC 3261 §10.2.4).
 */
export function isSameContact(one: Identity, other: Identity): boolean {
  if (one.regId > 0 && other.regId > 0) return one.regId === other.regId && one.instanceId === other.instanceId;
  return areUrisEqual(one.uri, other.uri);
}

/** Whether a binding is what a Contact is about. */
export function isContactOf({ contact, instanceId, regId }: Binding, requested: RequestedContact): boolean {
  return isSameContact({ uri: parseSipUri(contact), instanceId, regId }, requested);
}
