/**
 * Both mediaproxy wires: what a SIP server says to a dispatcher, and what a dispatcher and a relay say to each other.
 * Text to values and back; no state beyond a half-read line, no time, no sockets.
 *
 * A request on its way:
 * 1. `line_framer.ts`: bytes to lines, with limits.
 * 2. `request.ts`: lines to a command with `headers.ts`.
 * 3. `commands.ts`: the headers of `update` and `remove`, with `media_header.ts` and `signaling_ip.ts`.
 * 4. `relay_reply.ts`: a relay's lines, and the answer with the ports.
 * 5. `statistics.ts`: the JSON of sessions and relays, with `quality.ts` and `problem.ts`.
 * 6. `explanation.ts`: what a relay knows of a call, for operators.
 * @module
 */
export * from "./commands.ts";
export * from "./errors.ts";
export * from "./explanation.ts";
export * from "./headers.ts";
export * from "./line_framer.ts";
export * from "./media_header.ts";
export * from "./problem.ts";
export * from "./quality.ts";
export * from "./relay_reply.ts";
export * from "./request.ts";
export * from "./signaling_ip.ts";
export * from "./statistics.ts";
