/**
 * Commands to a running proxy: JSON-RPC 2.0, one request and one answer a datagram. Names, parameters and results are
 * those of OpenSIPS's management interface, so that its clients (this project's dispatcher among them) work unchanged.
 *
 * | method            | params                                        | result                                          |
 * | ----------------- | --------------------------------------------- | ----------------------------------------------- |
 * | `dlg_end_dlg`     | `dialog_id`                                   | `"OK"`, or error 404                            |
 * | `dlg_list`        | nothing, `callid`, or `index` and `counter`   | `{ Dialogs: [...] }`; of one Call-ID: or error 404 |
 * | `ul_show_contact` | `aor`, or `table_name` and `aor`              | `{ AOR, Contacts: [...] }`, or error 404        |
 * | `ul_dump`         |                                               | `{ Domains: [{ name, AORs: [...] }] }`          |
 * | `statistics`      |                                               | an object of numbers                            |
 * | `script_reload`   |                                               | `"OK"`, or error 500 with what is wrong         |
 * | `ping`            |                                               | `"pong"`                                        |
 *
 * Parameters stand in an array, in this order, or in an object under these names. A list that would make the answer longer
 * than 64 KiB is cut, and `truncated: true` stands beside it.
 * @module
 */
import * as v from "../deps/valibot.ts";
import { parseJson } from "../control/signaling_ip.ts";
import type { Logger } from "../env/log.ts";
import { octetsToUtf8, utf8ToOctets } from "../sip/octets.ts";

/** A dialog, for a list. Texts are octet strings, as in messages. */
export interface DialogListing {
  readonly id: string;
  readonly state: "early" | "confirmed";
  readonly callId: string;
  readonly fromUri: string;
  readonly toUri: string;
  readonly callerTag: string;
  readonly callerContact: string;
  readonly callees: readonly { readonly tag: string; readonly contact: string }[];
  readonly startedAtWallMs: number;
  readonly expiresAtWallMs: number;
}

/** A contact of an address of record, for a list. Texts are octet strings; those that are not known are "". */
export interface ContactListing {
  readonly uri: string;
  readonly expiresInMs: number;
  /** From 0 to 1. */
  readonly q: number;
  readonly callId: string;
  readonly cseq: number;
  readonly userAgent: string;
  /** The address behind which it is reached, as a URI. */
  readonly received: string;
  /** Values of Path. */
  readonly path: readonly string[];
  /** The listen point that it registered at. */
  readonly socket: string;
  /** Its +sip.instance. */
  readonly instance: string;
}

/** An address of record with its contacts. */
export interface LocationListing {
  readonly aor: string;
  readonly contacts: readonly ContactListing[];
}

/** What the commands are done with. */
export interface ControlOperations {
  /** Resolves when the BYEs are on their way: the dispatcher waits 3 s for the answer, a phone may need longer. */
  endDialog(dialogId: string): Promise<"ended" | "unknown">;
  dialogs(): Iterable<DialogListing>;
  /** The contacts of `aor`, which is `user@domain` or `user`, or a URI, as an octet string; empty if there is none. */
  contacts(aor: string): readonly ContactListing[];
  locations(): Iterable<LocationListing>;
  statistics(): Readonly<Record<string, number>>;
  /** Rejects with what is wrong with the new script; the old one stays then. */
  reloadScript(): Promise<void>;
}

type Params = readonly unknown[] | Readonly<Record<string, unknown>>;
type Method = (params: Params) => unknown;

const Request = v.object({
  jsonrpc: v.literal("2.0"),
  method: v.string(),
  params: v.optional(v.union([v.array(v.unknown()), v.record(v.string(), v.unknown())]), []),
  id: v.optional(v.nullable(v.union([v.pipe(v.string(), v.maxLength(200)), v.number()]))),
});

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;
const NOT_FOUND = 404;
const FAILED = 500;

/** Leaves the rest of 64 KiB to what stands around a list. */
const MAX_LIST_BYTES = 60 * 1024;
const MAX_REASON = 2_000;
/** OpenSIPS's numbers. */
const DIALOG_STATES = { early: 2, confirmed: 4 } as const;
/** OpenSIPS's name for the table of the registrar. */
const TABLE = "location";

/** What an error answer says. */
class CommandError extends Error {
  override name = "CommandError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** See the module comment. */
export class ControlInterface {
  readonly #operations: ControlOperations;
  readonly #log: Logger;
  readonly #methods: ReadonlyMap<string, Method>;

  constructor(operations: ControlOperations, log: Logger) {
    this.#operations = operations;
    this.#log = log;
    this.#methods = new Map<string, Method>([
      ["dlg_end_dlg", (params) => this.#endDialog(params)],
      ["dlg_list", (params) => this.#listDialogs(params)],
      ["ul_show_contact", (params) => this.#showContact(params)],
      ["ul_dump", () => this.#dumpLocations()],
      ["statistics", () => operations.statistics()],
      ["script_reload", () => this.#reloadScript()],
      ["ping", () => "pong"],
    ]);
  }

  /** The answer to a datagram; `undefined` for a notification, which wants none. Never rejects. */
  async handle(text: string): Promise<string | undefined> {
    const json = parseJson(text);
    if (json === undefined) return answer(null, { error: { code: PARSE_ERROR, message: "Parse error" } });
    const { success, output } = v.safeParse(Request, json);
    if (!success) return answer(null, { error: { code: INVALID_REQUEST, message: "Invalid Request" } });
    const { id, method, params } = output;
    const outcome = await this.#run(method, params);
    return id === undefined ? undefined : answer(id, outcome);
  }

  async #run(method: string, params: Params): Promise<Outcome> {
    try {
      const command = this.#methods.get(method);
      if (command === undefined) throw new CommandError(METHOD_NOT_FOUND, "Method not found");
      return { result: await command(params) };
    } catch (error) {
      if (error instanceof CommandError) return { error: { code: error.code, message: error.message } };
      this.#log.error(`internal error in the control command ${method}: ${(error as Error).stack}`);
      return { error: { code: INTERNAL_ERROR, message: "Internal error" } };
    }
  }

  async #endDialog(params: Params): Promise<string> {
    const outcome = await this.#operations.endDialog(textParam(params, 0, "dialog_id"));
    if (outcome === "unknown") throw new CommandError(NOT_FOUND, "Requested Dialog not found");
    return "OK";
  }

  #listDialogs(params: Params): unknown {
    const callId = param(params, 0, "callid");
    if (typeof callId === "string") {
      const octets = utf8ToOctets(callId);
      const list = cutList(this.#operations.dialogs(), (it) => it.callId === octets ? dialogJson(it) : undefined);
      if (list.items.length === 0) throw new CommandError(NOT_FOUND, "No such dialog");
      return { Dialogs: list.items, ...list.note };
    }
    const first = countParam(params, 0, "index", 0);
    const { items, note } = cutList(this.#operations.dialogs(), dialogJson, {
      first,
      end: first + countParam(params, 1, "counter", Infinity),
    });
    return { Dialogs: items, ...note };
  }

  #showContact(params: Params): unknown {
    const hasTable = Array.isArray(params) ? params.length > 1 : Object.hasOwn(params, "table_name");
    if (hasTable && textParam(params, 0, "table_name") !== TABLE) throw new CommandError(NOT_FOUND, "Table not found");
    const aor = textParam(params, hasTable ? 1 : 0, "aor");
    const contacts = this.#operations.contacts(utf8ToOctets(aor));
    if (contacts.length === 0) throw new CommandError(NOT_FOUND, "AOR not found");
    const { items, note } = cutList(contacts, contactJson);
    return { AOR: aor, Contacts: items, ...note };
  }

  #dumpLocations(): unknown {
    const { items, note } = cutList(
      this.#operations.locations(),
      ({ aor, contacts }) => ({ AOR: octetsToUtf8(aor), Contacts: contacts.map(contactJson) }),
    );
    return { Domains: [{ name: TABLE, AORs: items, ...note }] };
  }

  async #reloadScript(): Promise<string> {
    try {
      await this.#operations.reloadScript();
    } catch (error) {
      throw new CommandError(FAILED, (error as Error).message.slice(0, MAX_REASON));
    }
    return "OK";
  }
}

type Outcome =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } };

function answer(id: string | number | null, outcome: Outcome): string {
  return JSON.stringify({ jsonrpc: "2.0", ...outcome, id });
}

function param(params: Params, position: number, name: string): unknown {
  if (Array.isArray(params)) return params[position];
  return Object.hasOwn(params, name) ? (params as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** A number will do, as long as it is exact: a dialog id has up to 64 bits. @throws CommandError */
function textParam(params: Params, position: number, name: string): string {
  const value = param(params, position, name);
  if (typeof value === "string" && value !== "") return value;
  if (Number.isSafeInteger(value)) return String(value);
  throw new CommandError(INVALID_PARAMS, `Invalid params: ${name} must be a text`);
}

function countParam(params: Params, position: number, name: string, absent: number): number {
  const value = param(params, position, name);
  if (value === undefined) return absent;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new CommandError(INVALID_PARAMS, `Invalid params: ${name} must be a whole number`);
}

interface CutList {
  readonly items: readonly unknown[];
  /** What stands beside the list if it was cut. */
  readonly note: { readonly truncated?: true };
}

/** The items from `first` to before `end`, as JSON, as far as an answer can hold them; those without JSON do not count. */
function cutList<T>(
  all: Iterable<T>,
  toJson: (item: T) => unknown,
  { first, end }: { first: number; end: number } = { first: 0, end: Infinity },
): CutList {
  const items: unknown[] = [];
  let index = 0;
  let bytes = 0;
  for (const item of all) {
    if (index >= end) break;
    const json = index++ < first ? undefined : toJson(item);
    if (json === undefined) continue;
    bytes += utf8ToOctets(JSON.stringify(json)).length + 1;
    if (bytes > MAX_LIST_BYTES) return { items, note: { truncated: true } };
    items.push(json);
  }
  return { items, note: {} };
}

function dialogJson(dialog: DialogListing): unknown {
  return {
    ID: dialog.id,
    state: DIALOG_STATES[dialog.state],
    timestart: Math.floor(dialog.startedAtWallMs / 1000),
    timeout: Math.floor(dialog.expiresAtWallMs / 1000),
    callid: octetsToUtf8(dialog.callId),
    from_uri: octetsToUtf8(dialog.fromUri),
    to_uri: octetsToUtf8(dialog.toUri),
    caller_tag: octetsToUtf8(dialog.callerTag),
    caller_contact: octetsToUtf8(dialog.callerContact),
    CALLEES: dialog.callees.map(({ tag, contact }) => ({
      callee_tag: octetsToUtf8(tag),
      callee_contact: octetsToUtf8(contact),
    })),
  };
}

function contactJson(contact: ContactListing): unknown {
  return {
    Contact: octetsToUtf8(contact.uri),
    Expires: Math.max(0, Math.ceil(contact.expiresInMs / 1000)),
    Q: String(contact.q),
    Callid: octetsToUtf8(contact.callId),
    Cseq: contact.cseq,
    ...known("User-agent", contact.userAgent),
    ...known("Received", contact.received),
    ...known("Path", contact.path.join(", ")),
    ...known("Socket", contact.socket),
    ...known("SIP_instance", contact.instance),
  };
}

function known(name: string, octets: string): Record<string, string> {
  return octets === "" ? {} : { [name]: octetsToUtf8(octets) };
}
