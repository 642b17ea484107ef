/**
 * The script that runs if `[Proxy] script` names no other: a complete service for the users of one's own domains.
 * Phones register and call each other across NATs; calls end when media stops; other domains can be called, and may call
 * our users.
 *
 * It is an example too: copy it, change it, and name the copy in the configuration.
 * @module
 */
import type { FailedRequest, IncomingReply, IncomingRequest, RoutingScript, ScriptSettings } from "./script.ts";

const ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, UPDATE, PRACK, INFO, MESSAGE, REFER, NOTIFY, SUBSCRIBE";

/** What says anew where a party to a dialog is (RFC 3261 §12.2, RFC 6665). */
const REFRESHING: ReadonlySet<string> = new Set(["INVITE", "SUBSCRIBE"]);

/** The residential service. */
export function residentialScript({ authenticate, ringTimeoutMs }: ScriptSettings): RoutingScript {
  return { request, reply, failure };

  function request(call: IncomingRequest): void {
    const { method } = call.request;
    if (call.hasToTag) return inDialog(call);
    if (method === "ACK") return call.drop(); // of a response that we sent; its transaction is gone
    if (method === "REGISTER") return register(call);
    if (!admit(call)) return;
    if (call.isNatted) call.aliasContact();
    if (!call.isLocal(call.request.requestUri)) return outward(call);
    if (method === "OPTIONS" && call.request.uri.user === undefined) return call.reply(200, "OK", { allow: ALLOWED });
    inward(call);
  }

  /** Requests in a dialog follow the route that was recorded when it began; others are admitted as if they began one. */
  function inDialog(call: IncomingRequest): void {
    const isAck = call.request.method === "ACK";
    if (!call.looseRoute()) return isAck ? call.drop() : call.reply(481);
    if (!call.isOnRecordedRoute) { // a stranger may have written our Route, and the tag in To
      if (isAck) return call.drop();
      if (!admit(call)) return;
      if (call.isLocal(call.request.requestUri) && !call.lookup()) return call.reply(404);
    }
    if (call.isNatted) call.aliasContact();
    call.resolveAlias();
    if (REFRESHING.has(call.request.method)) call.recordRoute(); // for a phone that has forgotten its dialog (§16.6 step 4)
    call.relay();
  }

  function register(call: IncomingRequest): void {
    const { to } = call.request;
    if (!call.isLocal(call.request.requestUri)) return call.reply(403, "Not Our Domain");
    if (authenticate) {
      const user = call.authenticate("www");
      if (user === undefined) return;
      if (!call.isAddressOf(user, to.uri)) return call.reply(403, "Not Your Address");
    }
    call.register();
  }

  /** Whoever claims to be one of our users proves it; others may call our users, and nobody else. */
  function admit(call: IncomingRequest): boolean {
    const isOurs = call.isLocal(call.request.from.uri);
    if (!authenticate || call.isTrusted) return true;
    if (isOurs) {
      const user = call.authenticate("proxy");
      if (user !== undefined && !call.isAddressOf(user, call.request.from.uri)) call.reply(403, "Not Your Address");
      return !call.isHandled;
    }
    if (!call.isLocal(call.request.requestUri)) call.reply(403, "No Relaying");
    return !call.isHandled;
  }

  function outward(call: IncomingRequest): void {
    begin(call);
    call.relay({ ringMs: ringTimeoutMs });
  }

  function inward(call: IncomingRequest): void {
    if (!call.lookup()) return call.isUser() ? call.reply(480) : call.reply(404);
    begin(call);
    call.relay({ ringMs: ringTimeoutMs });
  }

  function begin(call: IncomingRequest): void {
    if (call.request.method === "INVITE") call.engageMediaProxy();
    call.recordRoute();
  }

  function reply(reply: IncomingReply): void {
    if (reply.isNatted) reply.aliasContact();
  }

  /** Phones that are gone are no servers that failed: the caller is told what people know. */
  function failure(call: FailedRequest): void {
    if (call.isCanceled) return;
    if (call.status === 430 || (call.status === 500 && call.isLocal(call.request.requestUri))) call.reply(480);
  }
}
