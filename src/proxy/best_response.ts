/** Which of several failures the caller is told (RFC 3261 §16.7 steps 6 and 7). @module */
import { createResponse, type SipRequest, type SipResponse } from "../sip/message.ts";

/** Within 4xx those that tell the caller how to do better come first. */
const HELPFUL = [401, 407, 415, 420, 484];

/**
 * The best of `responses`, none of which is provisional or a success; a copy if it had to be changed. Without any it is
 * a 408.
 */
export function chooseBest(request: SipRequest, responses: readonly SipResponse[]): SipResponse {
  let best: SipResponse | undefined;
  for (const response of responses) if (best === undefined || rank(response) < rank(best)) best = response;
  if (best === undefined) return createResponse(request, 408);
  if (best.status === 503) return withStatus(best, 500, "Next Hop Unavailable"); // 503 would be said of ourselves
  if (best.status === 401 || best.status === 407) return withAllChallenges(best, responses);
  return best;
}

/** Lower is better: 6xx, then 3xx to 5xx by class, the helpful first, 408 and 487 after others of their class. */
function rank({ status }: SipResponse): number {
  if (status >= 600) return 0;
  const within = HELPFUL.includes(status) ? 0 : status === 408 || status === 487 ? 2 : 1;
  return Math.floor(status / 100) * 10 + within;
}

function withStatus(response: SipResponse, status: number, reason: string): SipResponse {
  return response.clone(status, reason);
}

/** Each branch may want its own credentials (RFC 3261 §16.7 step 7). */
function withAllChallenges(best: SipResponse, responses: readonly SipResponse[]): SipResponse {
  const challenged = responses.filter((other) => other !== best && (other.status === 401 || other.status === 407));
  if (challenged.length === 0) return best;
  const copy = best.clone();
  for (const other of challenged) {
    for (const name of ["www-authenticate", "proxy-authenticate"]) {
      for (const value of other.headerFields(name)) copy.appendHeader(name, value);
    }
  }
  return copy;
}
