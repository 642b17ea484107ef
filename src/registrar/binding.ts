/** A contact that is registered for an address of record (RFC 3261 §10), and what of it outlives a restart. @module */
import { ipaddr } from "../deps/ipaddr.ts";
import { parseSipUri, type SipUri } from "../sip/uri.ts";
import {
  defaultPort,
  type Flow,
  isReliable,
  type ListenPoint,
  type Target,
  type Transport,
} from "../transport/flow.ts";

/** What a REGISTER says about a contact. Texts are octet strings. Times are wall time: they outlive the process. */
export interface BindingFields {
  /** `user@host`, the user without escapes, the host in lower case (RFC 3261 §10.3 step 5). */
  readonly aor: string;
  /** The contact's URI as its phone wrote it. */
  readonly contact: string;
  /** The Contact's other parameters, which its phone is told again: `;+sip.instance="<urn:uuid:...>";reg-id=1`. */
  readonly contactParams: string;
  /** 0 to 1. */
  readonly q: number;
  readonly registeredAtMs: number;
  readonly expiresAtMs: number;
  readonly callId: string;
  readonly cseq: number;
  /** The proxies on the way to it, the first one first (RFC 3327). */
  readonly path: readonly string[];
  /** The way that the REGISTER came. */
  readonly source: Flow;
  /** What its phone calls itself; "" if it does not. */
  readonly userAgent: string;
  /** Of +sip.instance, without quotes; "" if there is none. */
  readonly instanceId: string;
  /** Which of its flows this is, from 1; 0 if it does not say (RFC 5626 §4.2). */
  readonly regId: number;
  /** Whether it can be reached only the way that the REGISTER came. */
  readonly natted: boolean;
}

/** A contact of an address of record. It never changes: a REGISTER that refreshes it puts another in its place. */
export interface Binding extends BindingFields {
  /** Where it is reached; `undefined` if where its path or its URI leads (RFC 3263). */
  readonly target: Target | undefined;
}

/** A binding on disk. A connection does not outlive the process, nor does a listen point's identity. */
export interface StoredBinding extends Omit<BindingFields, "source"> {
  readonly transport: Transport;
  /** Where it came from. */
  readonly address: string;
  readonly port: number;
  /** The listen point that it came to. */
  readonly listenAddress: string;
  readonly listenPort: number;
}

/** A binding, with what follows from its fields. */
export function createBinding(fields: BindingFields): Binding {
  return { ...fields, target: targetOf(fields) };
}

function targetOf({ contact, path, source, natted }: BindingFields): Target | undefined {
  if (path.length > 0) return undefined;
  const { transport, address, port, listenPoint, connectionId } = source;
  const isLasting = isReliable(transport);
  if (natted) return { transport, address, port, listenPoint, connectionId, onlyExisting: isLasting };
  if (!isLasting) return undefined;
  // The connection is there already; but if it ends, the phone can be called back at its contact.
  const uri = parseSipUri(contact);
  if (!ipaddr.isValid(uri.host) || transportNamedBy(uri) !== transport) return undefined;
  return { transport, address: uri.host, port: uri.port ?? defaultPort(transport), listenPoint, connectionId };
}

function transportNamedBy(uri: SipUri): string {
  const named = uri.params.get("transport")?.toLowerCase();
  if (uri.scheme === "sip") return named ?? "udp";
  return named === "ws" || named === "wss" ? "wss" : "tls";
}

/** Whether a binding is worth nothing without the connection that it came over. */
export function needsConnection({ natted, source }: Pick<Binding, "natted" | "source">): boolean {
  return natted && isReliable(source.transport);
}

/** What of a binding is kept on disk. */
export function storedBinding(binding: Binding): StoredBinding {
  const { source, target: _, ...fields } = binding;
  const { transport, address, port, listenPoint } = source;
  return { ...fields, transport, address, port, listenAddress: listenPoint.address, listenPort: listenPoint.port };
}

/**
 * A binding from disk. Its listen point is the one that it had or, if the configuration has changed, another of the same
 * transport and family; `undefined` if there is none. Its connection is gone: a target that needs it fails until the phone
 * registers again, other phones are connected to anew.
 */
export function restoredBinding(stored: StoredBinding, listenPoints: readonly ListenPoint[]): Binding | undefined {
  const { transport, address, port, listenAddress, listenPort, ...fields } = stored;
  const family = address.includes(":") ? "IPv6" : "IPv4";
  const same = listenPoints.filter((point) => point.transport === transport);
  const listenPoint = same.find((point) => point.address === listenAddress && point.port === listenPort) ??
    same.find((point) => point.family === family) ?? same.find((point) => point.address === "::");
  if (listenPoint === undefined) return undefined;
  return createBinding({ ...fields, source: { transport, listenPoint, address, port, connectionId: 0 } });
}

/** What makes a binding the one it is: of two with the same key the later one counts. */
export function bindingKey(
  { aor, contact, instanceId, regId }: Pick<BindingFields, "aor" | "contact" | "instanceId" | "regId">,
): string {
  return JSON.stringify([aor, contact, instanceId, regId]);
}
