import { assertEquals, assertThrows } from "../deps/assert.ts";
import { ConfigError, parseConfig } from "./config.ts";
import type { MediaProxyConfig } from "./mediaproxy_section.ts";

function mediaproxyOf(...lines: string[]): MediaProxyConfig {
  return parseConfig(["[MediaProxy]", ...lines].join("\n"), "c.ini").config.mediaproxy;
}

function problemsOf(line: string): readonly string[] {
  return assertThrows(() => parseConfig(`[MediaProxy]\n${line}`, "c.ini"), ConfigError, "", line).problems;
}

Deno.test("[MediaProxy] takes parameters as modparam() of OpenSIPS and Kamailio has them", () => {
  const { disabled, socketPath, timeoutMs } = mediaproxyOf(
    "disable = 1",
    'mediaproxy_socket = "/var/run/mediaproxy/dispatcher.sock"',
    "mediaproxy_timeout = 750",
  );
  assertEquals([disabled, socketPath, timeoutMs], [true, "/var/run/mediaproxy/dispatcher.sock", 750]);
});

Deno.test("[MediaProxy] names of AVPs lose their dress, and a set one is the only one", () => {
  assertEquals(mediaproxyOf("signaling_ip_avp = $avp(nat_ip)").signalingIpAvp, ["nat_ip"]);
  assertEquals(mediaproxyOf('media_relay_avp = "$avp(s:media_relay)"').mediaRelayAvp, ["media_relay"]);
  assertEquals(mediaproxyOf("ice_candidate_avp = ice").iceCandidateAvp, ["ice"]);
  assertEquals(mediaproxyOf("ice_candidate_avp = a, $avp(b), $avp(s:a)").iceCandidateAvp, ["a", "b"]);
  for (const value of ["", "$avp()", "$avp(i:15)", "$var(x)", "$avp(x", "a b", "a,"]) {
    assertEquals(problemsOf(`signaling_ip_avp = ${value}`).length, 1);
  }
});

Deno.test("[MediaProxy] ice_candidate is one of three words", () => {
  assertEquals(mediaproxyOf("ice_candidate = High-Priority").iceCandidate, "high-priority");
  assertEquals(problemsOf("ice_candidate = hi-priority"), [
    'c.ini:2: [MediaProxy] ice_candidate = hi-priority: "hi-priority" is not none, low-priority or high-priority; did you ' +
    "mean high-priority?",
  ]);
});

Deno.test("[MediaProxy] mediaproxy_timeout is in milliseconds", () => {
  assertEquals(problemsOf("mediaproxy_timeout = 0").length, 1);
  assertEquals(problemsOf("mediaproxy_timeout = 60001").length, 1);
});
