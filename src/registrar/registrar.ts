/**
 * The registrar (RFC 3261 §10.3): a REGISTER to changes of the location table, all of them or none. Who may register for
 * which address is decided before.
 *
 * | RFC       | done                                                                                                 |
 * | --------- | ---------------------------------------------------------------------------------------------------- |
 * | 3261 §10  | all; contacts of other schemes than sip and sips are refused, since nothing here could reach them     |
 * | 3327      | Path is kept and used, and told to phones that support it (§5.3)                                      |
 * | 5626      | a phone's new flow takes the place of its old one; `outbound` itself is not offered                   |
 * | 5627      | not                                                                                                  |
 * @module
 */
import type { Logger } from "../env/log.ts";
import { SipSyntaxError } from "../sip/errors.ts";
import type { SipRequest } from "../sip/message.ts";
import { octetsToUtf8 } from "../sip/octets.ts";
import type { Flow } from "../transport/flow.ts";
import { type Binding, createBinding } from "./binding.ts";
import {
  isContactOf,
  isSameContact,
  parseContacts,
  type RequestedContact,
  type RequestedContacts,
} from "./contacts.ts";
import type { LocationTable } from "./location.ts";
import { isNattedContact, isNattedVia } from "./nat.ts";

/** What a registrar is told. */
export interface RegistrarOptions {
  /** For contacts that do not say how long. */
  readonly defaultExpiresMs: number;
  /** Shorter ones are refused, at most one hour (RFC 3261 §10.3 step 7). */
  readonly minExpiresMs: number;
  /** Longer ones are cut. */
  readonly maxExpiresMs: number;
  /** Of one address of record. */
  readonly maxContacts: number;
}

/** What the REGISTER is to be answered with. */
export interface RegisterResult {
  readonly status: number;
  /** `undefined` for the usual one. */
  readonly reason: string | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Extensions that a request may require. */
const SUPPORTED = new Set(["path"]);
/** What one binding may hold besides its Contact. */
const MAX_PATH_BYTES = 4096;
const MAX_CALL_ID_BYTES = 512;
const MAX_USER_AGENT_BYTES = 255;
/** A full table empties as phones go; until then there is no use in asking again at once. */
const FULL_RETRY_SECONDS = "60";

/** A REGISTER that changes nothing. */
class Refusal extends Error {
  readonly result: RegisterResult;

  constructor(status: number, reason?: string, headers: RegisterResult["headers"] = []) {
    super();
    this.result = { status, reason, headers };
  }
}

/** See the module comment. */
export class Registrar {
  readonly #table: LocationTable;
  readonly #options: RegistrarOptions;
  readonly #log: Logger;

  constructor(table: LocationTable, options: RegistrarOptions, log: Logger) {
    this.#table = table;
    this.#options = options;
    this.#log = log;
  }

  /** The bindings of an address, as a call should try them. `wallMs` is wall time. */
  lookup(aor: string, wallMs: number): Binding[] {
    return this.#table.lookup(aor, wallMs);
  }

  /**
   * Serves a REGISTER for `aor`, that of its To in canonical form. Never throws. `wallMs` is wall time, by which bindings
   * expire: they outlive the process.
   */
  register(request: SipRequest, aor: string, flow: Flow, wallMs: number): RegisterResult {
    try {
      refuseUnsupported(request);
      const contacts = parseContacts(request);
      this.#update(request, aor, flow, contacts, wallMs);
    } catch (error) {
      if (error instanceof Refusal) return error.result;
      if (error instanceof SipSyntaxError) return { status: 400, reason: "Bad Contact", headers: [] };
      throw error;
    }
    const bindings = this.#table.bindingsOf(aor, wallMs);
    const headers = bindings.map((binding): readonly [string, string] => ["contact", contactText(binding, wallMs)]);
    const path = supportsPath(request) ? request.headerValues("path") : [];
    return { status: 200, reason: undefined, headers: [...headers, ...path.map((it) => ["path", it] as const)] };
  }

  #update(request: SipRequest, aor: string, flow: Flow, contacts: RequestedContacts, wallMs: number): void {
    const before = this.#table.bindingsOf(aor, wallMs);
    const requested = contacts === "all" ? [] : contacts;
    const gone = contacts === "all"
      ? before
      : before.filter((binding) => requested.some((contact) => isContactOf(binding, contact)));
    refuseDisorder(request, gone);
    const added = requested.flatMap((contact, index) => {
      const lifetimeMs = this.#lifetimeMs(contact);
      const isRepeated = requested.slice(index + 1).some((later) => isSameContact(contact, later)); // the last one counts
      return lifetimeMs === 0 || isRepeated ? [] : [createdBinding(request, aor, flow, contact, wallMs, lifetimeMs)];
    });
    const more = added.length - gone.length;
    if (more > 0) this.#refuseTooMany(before.length + more, more);
    this.#table.update(gone, added);
    this.#logChanges(request, aor, flow, gone, added);
  }

  /** 0 for a contact that is taken back. */
  #lifetimeMs({ expiresSeconds }: RequestedContact): number {
    const { defaultExpiresMs, minExpiresMs, maxExpiresMs } = this.#options;
    if (expiresSeconds === undefined) return defaultExpiresMs;
    const wantedMs = expiresSeconds * 1000;
    if (wantedMs > 0 && wantedMs < minExpiresMs) {
      throw new Refusal(423, undefined, [["min-expires", String(Math.ceil(minExpiresMs / 1000))]]);
    }
    return Math.min(wantedMs, maxExpiresMs);
  }

  #refuseTooMany(ofAor: number, more: number): void {
    if (ofAor > this.#options.maxContacts) throw new Refusal(403, "Too Many Contacts");
    if (more > this.#table.room) {
      throw new Refusal(503, "Too Many Registrations", [["retry-after", FULL_RETRY_SECONDS]]);
    }
  }

  #logChanges(
    { callId }: SipRequest,
    aor: string,
    flow: Flow,
    gone: readonly Binding[],
    added: readonly Binding[],
  ): void {
    const fields = { callId, peer: flow.address };
    for (const { contact, natted } of added) {
      const isRefresh = gone.some((binding) => binding.contact === contact);
      const text = () => `${octetsToUtf8(contact)} is ${octetsToUtf8(aor)}${natted ? ", behind a NAT" : ""}`;
      this.#log[isRefresh ? "debug" : "info"](text, fields);
    }
    if (added.length > 0) return;
    for (const { contact } of gone) {
      this.#log.info(() => `${octetsToUtf8(contact)} is no more ${octetsToUtf8(aor)}: unregistered`, fields);
    }
  }
}

/** RFC 3261 §10.3 step 2, §8.2.2.3. */
function refuseUnsupported(request: SipRequest): void {
  const unsupported = request.headerValues("require").filter((option) => !SUPPORTED.has(option.toLowerCase()));
  if (unsupported.length > 0) throw new Refusal(420, undefined, [["unsupported", unsupported.join(", ")]]);
}

/** A request that was overtaken by a later one of the same phone must not undo that (RFC 3261 §10.3 step 7). */
function refuseDisorder({ callId, cseq }: SipRequest, bindings: readonly Binding[]): void {
  if (bindings.some((binding) => binding.callId === callId && binding.cseq >= cseq.sequence)) {
    throw new Refusal(500, "Out Of Order");
  }
}

function createdBinding(
  request: SipRequest,
  aor: string,
  flow: Flow,
  { uri, expiresSeconds: _, ...contact }: RequestedContact,
  wallMs: number,
  lifetimeMs: number,
): Binding {
  const path = request.headerValues("path");
  const { callId } = request;
  if (path.join().length > MAX_PATH_BYTES || callId.length > MAX_CALL_ID_BYTES) throw new Refusal(513);
  return createBinding({
    ...contact,
    aor,
    registeredAtMs: wallMs,
    expiresAtMs: wallMs + lifetimeMs,
    callId,
    cseq: request.cseq.sequence,
    path,
    source: flow,
    userAgent: (request.header("user-agent") ?? "").slice(0, MAX_USER_AGENT_BYTES),
    natted: path.length === 0 && (isNattedContact(uri, flow) || isNattedVia(request, flow)),
  });
}

/** A Contact as the response says it: q only if it is not the usual one. */
function contactText({ contact, contactParams, q, expiresAtMs }: Binding, wallMs: number): string {
  const expiresSeconds = Math.ceil((expiresAtMs - wallMs) / 1000);
  return `<${contact}>${q === 1 ? "" : `;q=${q}`};expires=${expiresSeconds}${contactParams}`;
}

function supportsPath(request: SipRequest): boolean {
  return [...request.headerValues("supported"), ...request.headerValues("require")]
    .some((option) => option.toLowerCase() === "path");
}
