/**
 * STUN (RFC 8489, RFC 5389) as far as SIP needs it: recognised among datagrams, and binding requests answered.
 *
 * | RFC 8489                        | done                                                                    |
 * | ------------------------------- | ----------------------------------------------------------------------- |
 * | §5 messages and attributes      | yes                                                                     |
 * | §12 binding, §6.3.1 code 420    | yes                                                                     |
 * | §14.7 FINGERPRINT               | yes: a wrong one is no STUN; answers have one if the request had        |
 * | §9 credentials                  | no: a keepalive has none (RFC 5626 §3.5.2)                              |
 * | RFC 3489 without magic cookie   | no: it cannot be told from other things with certainty                  |
 * @module
 */
export * from "./binding.ts";
export * from "./mapped_address.ts";
export * from "./message.ts";
