/** What `ctl` asks a proxy, and shows of its answers. @module */
import * as v from "../deps/valibot.ts";
import { parseJson } from "../control/signaling_ip.ts";
import { AnswerError } from "./pages.ts";
import { durationText, table } from "./table.ts";

const Contact = v.looseObject({
  Contact: v.string(),
  Expires: v.number(),
  "User-agent": v.optional(v.string(), "-"),
  Received: v.optional(v.string()),
});

const Locations = v.object({
  Domains: v.array(v.looseObject({
    AORs: v.array(v.looseObject({ AOR: v.string(), Contacts: v.array(Contact) })),
    truncated: v.optional(v.boolean(), false),
  })),
});

const Dialogs = v.looseObject({
  Dialogs: v.array(v.looseObject({
    state: v.number(),
    timestart: v.number(),
    callid: v.string(),
    from_uri: v.string(),
    to_uri: v.string(),
  })),
  truncated: v.optional(v.boolean(), false),
});

const Answer = v.looseObject({
  result: v.optional(v.unknown()),
  error: v.optional(v.looseObject({ message: v.string() })),
});

/** As OpenSIPS numbers them. */
const CONFIRMED = 4;
const TRUNCATED = "... and more: a datagram holds no longer list";

/** The request for `method`, one datagram. */
export function proxyQuestion(method: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [] });
}

/** The result in an answer, as JSON. @throws AnswerError if there is none */
export function proxyResult(answer: string): string {
  const { result, error } = parsed(Answer, answer);
  if (error !== undefined) throw new AnswerError(`The proxy refuses: ${error.message}`);
  if (result === undefined) throw notUnderstood(answer);
  return JSON.stringify(result);
}

/** The registered phones, one a line. */
export function phonesPage(json: string): string {
  const domains = parsed(Locations, json).Domains;
  const phones = domains.flatMap(({ AORs }) =>
    AORs.flatMap(({ AOR, Contacts }) => Contacts.map((contact) => ({ aor: AOR, contact })))
  );
  if (phones.length === 0) return "No phone is registered.";
  return withNote(domains.some(({ truncated }) => truncated), [
    table(phones, [
      { title: "USER", text: ({ aor }) => aor },
      { title: "CONTACT", text: ({ contact }) => contact.Contact },
      { title: "REACHED AT", text: ({ contact }) => contact.Received?.replace(/^sips?:/, "") ?? "its contact" },
      { title: "EXPIRES", align: "right", text: ({ contact }) => durationText(contact.Expires) },
      { title: "PHONE", text: ({ contact }) => contact["User-agent"] },
    ]),
  ]);
}

/** The calls whose media the proxy has engaged, one a line. `nowSeconds` is the wall time. */
export function callsPage(json: string, nowSeconds: number): string {
  const { Dialogs: calls, truncated } = parsed(Dialogs, json);
  if (calls.length === 0) return "No calls are up.";
  return withNote(truncated, [
    table(calls, [
      { title: "CALL-ID", text: ({ callid }) => callid },
      { title: "FROM", text: ({ from_uri: uri }) => uri },
      { title: "TO", text: ({ to_uri: uri }) => uri },
      { title: "STATE", text: ({ state }) => state === CONFIRMED ? "answered" : "ringing" },
      { title: "TIME", align: "right", text: ({ timestart }) => durationText(Math.max(0, nowSeconds - timestart)) },
    ]),
  ]);
}

function withNote(truncated: boolean, lines: readonly string[]): string {
  return (truncated ? [...lines, TRUNCATED] : lines).join("\n");
}

function parsed<S extends v.GenericSchema>(schema: S, json: string): v.InferOutput<S> {
  const { success, output } = v.safeParse(schema, parseJson(json));
  if (!success) throw notUnderstood(json);
  return output;
}

function notUnderstood(answer: string): AnswerError {
  return new AnswerError(`The proxy's answer is not understood: ${answer.slice(0, 80)}`);
}
