/** REGISTER and the contacts that it brings, as routes use them (RFC 3261 §10). @module */
import type { UserStore } from "../registrar/users.ts";
import type { Binding } from "../registrar/binding.ts";
import { parseSipUri, type SipUri, userOf } from "../sip/uri.ts";
import type { Call } from "./call.ts";
import type { Destination } from "./script.ts";
import type { ProxyServices } from "./services.ts";

/** The address by which contacts are kept: `user@host`, aliases replaced by the user that they belong to. */
export function addressOfRecord(uri: SipUri, users: UserStore): string {
  const name = userOf(uri);
  return `${users.canonical(name) ?? name}@${uri.host}`;
}

/** The address in canonical form, without a look at the users (RFC 3261 §10.3 step 5). */
export function aorOf(uri: SipUri): string {
  return `${userOf(uri)}@${uri.host}`;
}

/** Where a registered contact is reached: by the flow it registered with if it is behind a NAT. */
export function destinationOf({ contact, q, path, target }: Binding): Destination {
  return { uri: contact, q, path, ...target !== undefined ? { target } : {} };
}

/** Answers a REGISTER that is served already, as it came by another way too (RFC 3261 §8.2.2.2). Whether it was one. */
export function refuseMerged(call: Call, { merged, clock }: ProxyServices): boolean {
  const { received, server } = call;
  if (received.method !== "REGISTER" || server === undefined) return false;
  if (!merged.isMerged(received, server, clock.nowMs())) return false;
  call.reply(482, "Merged Request");
  return true;
}

/** Serves a REGISTER for the address of its To, and answers it. */
export function registerRequest(call: Call, services: ProxyServices): void {
  const { registrar, users, clock } = services;
  if (refuseMerged(call, services)) return;
  let aor: string;
  try {
    aor = addressOfRecord(parseSipUri(call.request.to.uri), users);
  } catch {
    return call.reply(400, "Bad Address In To");
  }
  const { status, reason, headers } = registrar.register(call.request, aor, call.source, clock.wallMs());
  call.replyWith(status, headers, reason);
}
