/** What a proxy looks at before it does anything with a request (RFC 3261 §16.3). @module */
import { SipSyntaxError } from "../sip/errors.ts";
import { createResponse, type SipRequest, type SipResponse } from "../sip/message.ts";

/** Extensions that Proxy-Require may name here. */
export const PROXY_EXTENSIONS: readonly string[] = ["path"];

/**
 * The response that refuses a request which no proxy may forward; `undefined` if there is no such reason. Loops are found
 * in `loop_detection.ts`.
 */
export function refuse(request: SipRequest): SipResponse | undefined {
  return refuseScheme(request) ?? refuseHops(request) ?? refuseExtensions(request);
}

function refuseScheme(request: SipRequest): SipResponse | undefined {
  if (/^tel:/i.test(request.requestUri)) return undefined; // a script may know what to do with a number (RFC 3966)
  try {
    // They would become headers of whoever sends to this URI; a Request-URI has none (RFC 3261 §19.1.1).
    return request.uri.headers === "" ? undefined : createResponse(request, 400, "Headers In Request-URI");
  } catch (error) {
    if (!(error instanceof SipSyntaxError)) throw error;
    return createResponse(request, error.statusHint);
  }
}

function refuseHops(request: SipRequest): SipResponse | undefined {
  // Without the header any number of hops is left (RFC 3261 §16.3 step 3). OPTIONS may be answered by us: the traceroute
  // that §11 wants.
  return /^0+$/.test(request.header("max-forwards") ?? "") ? createResponse(request, 483) : undefined;
}

function refuseExtensions(request: SipRequest): SipResponse | undefined {
  if (!request.hasHeader("proxy-require")) return undefined;
  const unknown = request.headerValues("proxy-require").filter((option) => !PROXY_EXTENSIONS.includes(option));
  if (unknown.length === 0) return undefined;
  const response = createResponse(request, 420);
  response.setHeader("unsupported", unknown.join(", "));
  return response;
}
