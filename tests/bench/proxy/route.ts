/** The routing script of the benchmark: what the Kamailio beside it is told, in the same order. @module */
import type { IncomingReply, IncomingRequest, RoutingScript } from "../../../src/proxy/script.ts";
import type { Module } from "./subject.ts";

/** Sends every call to `calleeUri`, with record routing. The proxy itself looks after Max-Forwards and CANCEL. */
export function benchScript(module: Module, calleeUri: string): RoutingScript {
  const destinations = [{ uri: calleeUri }];
  if (module === "use") {
    return {
      request: (call) => routeUsing(call, destinations),
      reply: useForReply,
      failure: async (call) => void await call.endMediaSession(),
    };
  }
  return { request };

  function request(call: IncomingRequest): void {
    if (call.hasToTag) return call.looseRoute() ? call.relay() : call.drop();
    call.recordRoute();
    if (module === "engage" && call.request.method === "INVITE") call.engageMediaProxy();
    call.setDestinations(destinations);
    call.relay();
  }
}

async function routeUsing(call: IncomingRequest, destinations: readonly { readonly uri: string }[]): Promise<void> {
  const { method } = call.request;
  if (call.hasToTag) {
    if (!call.looseRoute()) return call.drop();
    if (method === "BYE") await call.endMediaSession();
    else if (call.request.body !== "") await call.useMediaProxy();
    return call.relay();
  }
  call.recordRoute();
  if (method === "INVITE") await call.useMediaProxy();
  call.setDestinations(destinations);
  call.relay();
}

async function useForReply(reply: IncomingReply): Promise<void> {
  if (reply.response.body !== "") await reply.useMediaProxy();
}
