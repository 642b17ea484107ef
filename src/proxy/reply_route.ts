/** What is done with a response before it goes upstream: the media of an engaged dialog, then the script's `reply` route. @module */
import type { SipResponse } from "../sip/message.ts";
import type { Flow } from "../transport/flow.ts";
import type { Call } from "./call.ts";
import { ReplyScope } from "./route_scopes.ts";
import type { ProxyServices } from "./services.ts";

/**
 * Changes `response`, which has no Via of ours, and tells whether it is to go on; `undefined` if there is nothing to wait
 * for, and it is.
 */
export function routeReply(
  call: Call,
  response: SipResponse,
  source: Flow,
  services: ProxyServices,
): Promise<boolean> | undefined {
  const media = services.media.handleReply(call, response, source);
  if (media === undefined && call.replyRoute === undefined) return undefined;
  return waitForRoute(media, call, new ReplyScope(call, response, source, services));
}

async function waitForRoute(media: Promise<void> | undefined, call: Call, scope: ReplyScope): Promise<boolean> {
  await media;
  try {
    await call.replyRoute?.(scope);
  } catch (error) {
    call.logScriptError("reply", error);
  }
  return !scope.isDropped;
}
