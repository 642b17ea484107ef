import { assertEquals, assertStringIncludes } from "../../src/deps/assert.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { resolveDispatcher, type Resolver } from "./resolve.ts";

function zone(srv: Record<string, string[]>, hosts: Record<string, string>): Resolver {
  const find = <T>(records: Record<string, T>, name: string): Promise<T> =>
    name in records ? Promise.resolve(records[name]!) : Promise.reject(new Error("NXDOMAIN"));
  return { srvTargets: (name) => find(srv, name), address: (host) => find(hosts, host) };
}

const EXAMPLE = { host: "example.com", port: 25060, isAddress: false };

Deno.test("resolveDispatcher() takes an address as it is", async () => {
  const entry = { host: "192.0.2.1", port: 12345, isAddress: true };
  assertEquals(await resolveDispatcher(entry, zone({}, {}), new RecordingLogger()), [{
    host: "192.0.2.1",
    port: 12345,
  }]);
});

Deno.test("resolveDispatcher() follows every target of a SIP domain, with the configured port (PROTOCOL 4)", async () => {
  const resolver = zone(
    { "_sip._udp.example.com": ["a.example.com.", "b.example.com.", "twin.example.com."] },
    { "a.example.com": "192.0.2.1", "b.example.com": "192.0.2.2", "twin.example.com": "192.0.2.1" },
  );
  assertEquals(await resolveDispatcher(EXAMPLE, resolver, new RecordingLogger()), [
    { host: "192.0.2.1", port: 25060 },
    { host: "192.0.2.2", port: 25060 },
  ]);
});

Deno.test("resolveDispatcher() falls back to the host, also when the domain offers no SIP (RFC 2782)", async () => {
  const hosts = { "example.com": "192.0.2.9" };
  const expected = [{ host: "192.0.2.9", port: 25060 }];
  assertEquals(await resolveDispatcher(EXAMPLE, zone({}, hosts), new RecordingLogger()), expected);
  const notOffered = zone({ "_sip._udp.example.com": ["."] }, hosts);
  assertEquals(await resolveDispatcher(EXAMPLE, notOffered, new RecordingLogger()), expected);
});

Deno.test("resolveDispatcher() gives nothing, and a line in the log, for a name that leads nowhere", async () => {
  const log = new RecordingLogger();
  assertEquals(await resolveDispatcher(EXAMPLE, zone({}, {}), log), []);
  assertStringIncludes(log.messages("error")[0]!, "cannot resolve");
});
