/** Phones that register, for tests of the registrar and of what works with it. @module */
import type { Binding, BindingFields } from "../../src/registrar/binding.ts";
import { createBinding } from "../../src/registrar/binding.ts";
import { SipRequest } from "../../src/sip/message.ts";
import type { Flow, ListenPoint, Transport } from "../../src/transport/flow.ts";

/** A listen point of the proxy, on 198.51.100.1 or 2001:db8::1. */
export function listenPoint(transport: Transport = "udp", address = "198.51.100.1", port = 5060): ListenPoint {
  const family = address.includes(":") ? "IPv6" : "IPv4";
  return { transport, address, port, family, advertisedHost: address, advertisedPort: port };
}

const POINTS = new Map((["udp", "tcp", "tls", "ws", "wss"] as const).map((it) => [it, listenPoint(it)]));

/** The way from a phone's public address. */
export function flowFrom(address: string, port = 5060, transport: Transport = "udp", connectionId = 0): Flow {
  return { transport, listenPoint: POINTS.get(transport)!, address, port, connectionId };
}

/** What a REGISTER of alice's says; headers beside these are given by their canonical names. */
export interface RegisterFields {
  readonly contacts?: readonly string[];
  readonly expires?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly via?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A REGISTER of alice's. */
export function registerRequest(
  { contacts = [], expires, callId = "call-1", cseq = 1, via = "192.0.2.1", headers = {} }: RegisterFields,
): SipRequest {
  const request = new SipRequest("REGISTER", "sip:example.com");
  request.setHeader("via", `SIP/2.0/UDP ${via};branch=z9hG4bK1;rport`);
  request.setHeader("from", "<sip:alice@example.com>;tag=1");
  request.setHeader("to", "<sip:alice@example.com>");
  request.setHeader("call-id", callId);
  request.setHeader("cseq", `${cseq} REGISTER`);
  request.setHeaderValues("contact", contacts);
  if (expires !== undefined) request.setHeader("expires", expires);
  for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
  return request;
}

/** A binding of alice's phone at 192.0.2.1, on UDP, for an hour from wall time 0. */
export function bindingOf(fields: Partial<BindingFields> = {}): Binding {
  return createBinding({
    aor: "alice@example.com",
    contact: "sip:alice@192.0.2.1",
    contactParams: "",
    q: 1,
    registeredAtMs: 0,
    expiresAtMs: 3_600_000,
    callId: "call-1",
    cseq: 1,
    path: [],
    source: flowFrom("192.0.2.1"),
    userAgent: "",
    instanceId: "",
    regId: 0,
    natted: false,
    ...fields,
  });
}
