/**
 * Session descriptions (RFC 8866) as a proxy with a media relay needs them: octet strings to values, and edited in place.
 * No state, no time, no sockets.
 *
 * A body on its way:
 * 1. `multipart.ts`: where in the body the SDP is.
 * 2. `lines.ts`, `layout.ts`: its lines with their ends, and which of them matter.
 * 3. `description.ts`: its streams, with `media_line.ts`, and sdp-transform for the attributes.
 * 4. `rewrite.ts`: the relay's address and ports put in, and with `relay_candidate.ts` an ICE candidate for it.
 *
 * | RFC  | what                          | done                                                                          |
 * | ---- | ----------------------------- | ----------------------------------------------------------------------------- |
 * | 8866 | SDP                           | c=, m=, direction; one session, 32 streams; no multicast, names or port ranges |
 * | 3264 | offer and answer              | port 0, hold (0.0.0.0, and :: likewise)                                       |
 * | 3605 | a=rtcp                        | yes                                                                           |
 * | 8839 | ICE in SDP                    | credentials, candidates, remote-candidates; a candidate for the relay         |
 * | 2046 | multipart bodies              | found and kept, one within another; no transfer encodings                      |
 * @module
 */
export * from "./description.ts";
export * from "./errors.ts";
export type { Layout, Section } from "./layout.ts";
export type { SdpLine } from "./lines.ts";
export * from "./multipart.ts";
export * from "./relay_candidate.ts";
export * from "./rewrite.ts";
