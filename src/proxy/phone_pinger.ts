/** The pings of `src/registrar/keepalive.ts` as OPTIONS requests (RFC 3261 §11, RFC 5626 §3.5). @module */
import { randomHex } from "../env/random.ts";
import type { Binding } from "../registrar/binding.ts";
import type { Keepalive, KeepaliveOutput } from "../registrar/keepalive.ts";
import type { LocationTable } from "../registrar/location.ts";
import { SipRequest } from "../sip/message.ts";
import type { ProxyServices } from "./services.ts";

/** See the module comment. */
export class PhonePinger implements KeepaliveOutput {
  readonly #services: ProxyServices;
  readonly #locations: LocationTable;
  readonly #keepalive: () => Keepalive;

  constructor(services: ProxyServices, locations: LocationTable, keepalive: () => Keepalive) {
    this.#services = services;
    this.#locations = locations;
    this.#keepalive = keepalive;
  }

  /** Any answer will do: the phone is there. */
  ping(binding: Binding): void {
    const { transport, transactions } = this.#services;
    const { target } = binding;
    const leaves = target && transport.listenPointFor(target);
    if (leaves === undefined) return;
    transactions.createClient(this.#options(binding), target!, leaves, {
      response: () => this.#keepalive().answered(binding),
      failed: () => this.#keepalive().failed(binding),
    });
  }

  #options({ contact, aor }: Binding): SipRequest {
    const { random, settings } = this.#services;
    const request = new SipRequest("OPTIONS", contact);
    request.appendHeader("max-forwards", "70");
    request.appendHeader("from", `<sip:ping@${bracketedHost(settings.domains[0]!)}>;tag=${randomHex(random, 6)}`);
    request.appendHeader("to", `<sip:${encodeURI(aor)}>`);
    request.appendHeader("call-id", randomHex(random, 12));
    request.appendHeader("cseq", "1 OPTIONS");
    request.appendHeader("content-length", "0");
    return request;
  }

  lost(binding: Binding, failures: number): void {
    this.#services.log.info(`a phone of ${binding.aor} has gone: it did not answer ${failures} pings`);
    this.#locations.remove(binding, "unreachable");
  }
}

function bracketedHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
