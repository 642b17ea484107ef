/**
 * SIP messages (RFC 3261 §7, §25): octets to values and back. No state, no time, no sockets.
 *
 * A message on its way:
 * 1. `octets.ts`: bytes to an octet string, which keeps every byte; `stream_framer.ts` first cuts a stream into messages.
 * 2. `parse_message.ts`: the octet string to a `SipRequest` or `SipResponse`, with limits; what cannot be understood is a
 *    `SipSyntaxError` that knows the status that answers it.
 * 3. `message.ts`: its headers, as they came (`header_field.ts`) and, when asked for, as values: `via.ts`, `name_addr.ts`,
 *    `uri.ts`, `params.ts`, `lists.ts`, `digest.ts`.
 * 4. `message.ts` again: `serialize()` writes what was not touched as it came.
 *
 * | RFC        | what                  | done                                                                            |
 * | ---------- | --------------------- | ------------------------------------------------------------------------------- |
 * | 3261 §7    | messages              | all that a proxy meets; what it does not understand stays as it came, byte for byte |
 * | 3261 §18.3 | framing               | datagrams and streams, with limits                                              |
 * | 3261 §19.1 | URIs                  | sip and sips; others are kept as text                                           |
 * | 3261 §20   | headers               | Via, From, To, CSeq, Contact, Route and lists as values; the rest as text       |
 * | 3261 §22, 7616, 8760 | digest      | MD5 and SHA-256; `auth` and `auth-int`, no `-sess`                               |
 * | 3966       | tel URIs              | partly: kept as text                                                            |
 * | 4475, 5118 | torture messages      | all, in `tests/conformance`                                                     |
 * | 3261 §23   | S/MIME                | not: bodies are nothing to a proxy                                              |
 * @module
 */
export * from "./digest.ts";
export * from "./errors.ts";
export * from "./lists.ts";
export * from "./message.ts";
export * from "./name_addr.ts";
export * from "./octets.ts";
export * from "./params.ts";
export * from "./parse_message.ts";
export * from "./status.ts";
export * from "./stream_framer.ts";
export * from "./uri.ts";
export * from "./via.ts";
