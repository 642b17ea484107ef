/**
 * The mediaproxy module of OpenSIPS and Kamailio (PROTOCOL 1, 2), for a SIP proxy of one's own: media goes through a relay
 * that a dispatcher picks. One {@linkcode MediaProxy} serves all calls, over a {@linkcode DispatcherClient};
 * `io/dispatcher_client.ts` has one for the dispatcher's Unix socket.
 *
 * A message on its way:
 * 1. The routing script calls `useMediaProxy()` (`media_proxy.ts`) with the message and its AVPs (`settings.ts`).
 * 2. The SDP is found and read (`../sdp`). No SDP: -2. The end of an ICE negotiation, or nonsense: -1. No stream that a
 *    relay can carry: 1. Then all ends here.
 * 3. An `update` is written (`request.ts`), and the dispatcher is asked (`dispatcher_client.ts`).
 * 4. Its line is an address with ports (`answer.ts`), or the end, with -1 (`media_result.ts`).
 * 5. The SDP gets the address and the ports, the message gets the SDP: 1.
 * 6. When the call ends, `endMediaSession()` sends `remove`.
 * @module
 */
export * from "./dispatcher_client.ts";
export { MediaProxy } from "./media_proxy.ts";
export type { MediaCall } from "./media_proxy.ts";
export type { MediaCode, MediaResult } from "./media_result.ts";
export type { SessionName } from "./request.ts";
export * from "./settings.ts";
export type { IceCandidate } from "../sdp/mod.ts";
