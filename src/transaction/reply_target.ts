/** Where a response goes (RFC 3261 §18.2, RFC 3581 §4). @module */
import type { SipRequest } from "../sip/message.ts";
import { serializeVia } from "../sip/via.ts";
import { defaultPort, type Flow, isReliable, type Target } from "../transport/flow.ts";

/**
 * Writes into the topmost Via where the request really came from: `received` if sent-by does not say it, and `rport` if
 * it is asked for (RFC 3261 §18.2.1, RFC 3581 §4). What a peer wrote there itself does not stay. The header is left as it
 * is if there is nothing to add.
 */
export function markReceived(request: SipRequest, flow: Flow): void {
  const via = request.topVia;
  const received = via.params.get("received");
  const rport = via.params.get("rport");
  const port = String(flow.port);
  if (received === flow.address && (rport === undefined || rport === port)) return;
  if (received === undefined && rport === undefined && via.host === flow.address) return;
  const params = via.params.clone();
  params.set("received", flow.address);
  if (rport !== undefined) params.set("rport", port);
  request.replaceFirstValue("via", serializeVia({ ...via, params }));
}

/**
 * Where the responses to `request` go (RFC 3261 §18.2.2, RFC 3581 §4): back through the connection; if that is gone, by
 * a new one to the port in sent-by, except for WebSockets, which only clients open. Over UDP to the source address, and
 * there to the source port if `rport` asks for it, else to the one in sent-by.
 *
 * Deviation: `maddr` (RFC 3261 §18.2.2) is for multicast, which is not served here. It would let anybody aim our responses
 * at somebody else.
 */
export function replyTarget(request: SipRequest, flow: Flow): Target {
  const { transport, listenPoint, connectionId } = flow;
  const { host, port, params } = request.topVia;
  const sentByPort = port ?? defaultPort(transport);
  if (isReliable(transport)) {
    const onlyExisting = transport === "ws" || transport === "wss";
    return {
      transport,
      address: flow.address,
      port: sentByPort,
      listenPoint,
      connectionId,
      onlyExisting,
      serverName: host,
    };
  }
  return { transport, address: flow.address, port: params.has("rport") ? flow.port : sentByPort, listenPoint };
}
