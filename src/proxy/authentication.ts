/** Who sends a request: digest authentication as routes use it (RFC 3261 §22, RFC 7616). @module */
import { octetsToUtf8 } from "../sip/octets.ts";
import type { Call } from "./call.ts";
import { refuseMerged } from "./registration.ts";
import type { ProxyServices } from "./services.ts";

/** The user of good credentials; else the request is answered, and there is none. ACK is never challenged (§22.1). */
export function authenticate(call: Call, kind: "www" | "proxy", services: ProxyServices): string | undefined {
  if (refuseMerged(call, services)) return undefined; // its credentials have been used, and would look like a copy
  const { authenticator, clock } = services;
  const { request, source } = call;
  const header = kind === "www" ? "authorization" : "proxy-authorization";
  const verdict = authenticator.verify({
    credentials: request.headerFields(header),
    method: request.method,
    requestUri: call.received.requestUri,
    body: request.body,
    sourceAddress: source.address,
  }, clock.nowMs());
  switch (verdict.result) {
    case "ok":
      request.removeHeader(header); // meant for us, and nobody else's affair (RFC 3261 §22.3)
      return verdict.username;
    case "tooMany":
      call.reply(403, "Too Many Failures");
      break;
    case "malformed":
      call.reply(400, "Bad Credentials");
      break;
    case "missing":
    case "stale":
    default:
      challenge(call, kind, verdict.result === "stale", services);
  }
  if (verdict.result !== "missing" && verdict.result !== "stale") {
    call.log.warning(`${request.method} refused: ${verdict.result}`, {
      peer: source.address,
      from: octetsToUtf8(request.from.uri),
    });
  }
  return undefined;
}

function challenge(call: Call, kind: "www" | "proxy", isStale: boolean, services: ProxyServices): void {
  const [status, name] = kind === "www" ? [401, "www-authenticate"] as const : [407, "proxy-authenticate"] as const;
  call.replyWith(
    status,
    services.authenticator.challenge(isStale, services.clock.nowMs()).map((value) => [name, value]),
  );
}
