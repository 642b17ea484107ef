import { assertEquals, assertThrows } from "../deps/assert.ts";
import { ConfigError, parseConfig } from "./config.ts";
import type { ProxyConfig } from "./proxy_section.ts";

function proxyOf(...lines: string[]): ProxyConfig {
  const { config, warnings } = parseConfig(["[Proxy]", ...lines].join("\n"), "c.ini");
  assertEquals(warnings, []);
  return config.proxy;
}

function problemsOf(...lines: string[]): readonly string[] {
  return assertThrows(() => parseConfig(["[Proxy]", ...lines].join("\n"), "c.ini"), ConfigError).problems;
}

Deno.test("[Proxy] domains are host names and addresses without ports", () => {
  assertEquals(proxyOf("domains = Example.ORG., 192.0.2.1 [2001:DB8::1], example.org").domains, [
    "example.org",
    "192.0.2.1",
    "2001:db8::1",
  ]);
  assertEquals(problemsOf("domains = example.org:5060"), [
    'c.ini:2: [Proxy] domains = example.org:5060: "example.org:5060" has a port; a domain is a host name or an IP address ' +
    "alone",
  ]);
});

Deno.test("[Proxy] realm needs no escapes in its quoted string", () => {
  assertEquals(proxyOf("realm = our realm").realm, "our realm");
  assertEquals(problemsOf('realm = a"b').length, 1);
  assertEquals(problemsOf("realm = a\\b").length, 1);
});

Deno.test("[Proxy] users are in a file or in a database", () => {
  assertEquals(proxyOf("users = sub/u.txt").users, { kind: "file", path: "sub/u.txt" });
  assertEquals(proxyOf("users = SQLite:/var/u.db").users, { kind: "sqlite", path: "/var/u.db" });
  assertEquals(problemsOf("users = sqlite:").length, 1);
});

Deno.test("[Proxy] None turns the database and the control socket off", () => {
  const { database, controlSocket } = proxyOf("database = None", "control_socket = none");
  assertEquals([database, controlSocket], [undefined, undefined]);
});

Deno.test("[Proxy] tls and wss need a certificate and its key", () => {
  assertEquals(problemsOf("listen = udp:any, tls:any"), [
    "c.ini:2: [Proxy] listen = udp:any, tls:any: tls cannot be served without tls_certificate and tls_key; name the PEM file " +
    "there",
  ]);
  assertEquals(problemsOf("tls_certificate = c.pem", "listen = wss:any"), [
    "c.ini:3: [Proxy] listen = wss:any: wss cannot be served without tls_key; name the PEM file there",
  ]);
  assertEquals(
    problemsOf("listen = wss:any", "tls_certificate = c.pem", "tls_key = None").map((it) => it.slice(0, 8)),
    [
      "c.ini:4:",
    ],
  );
  assertEquals(proxyOf("listen = tls:any", "tls_certificate = c.pem", "tls_key = k.pem").listen.length, 1);
});

Deno.test("[Proxy] the expiry times stand in order; the one that is set is blamed", () => {
  assertEquals(problemsOf("max_expires = 1800"), [
    "c.ini:2: [Proxy] max_expires = 1800: min_expires 60, default_expires 3600, max_expires 1800 must stand in this order of " +
    "size",
  ]);
  assertEquals(problemsOf("min_expires = 1200", "default_expires = 600").map((it) => it.slice(0, 8)), ["c.ini:3:"]);
  assertEquals(problemsOf("min_expires = 3601").length, 1, "RFC 3261 §10.3");
  assertEquals(proxyOf("min_expires = 600", "default_expires = 600", "max_expires = 600").maxExpiresMs, 600_000);
});

Deno.test("[Proxy] invite_timeout below the three minutes of timer C is a warning (RFC 3261 §16.6)", () => {
  const { config, warnings } = parseConfig("[Proxy]\ninvite_timeout = 180", "c.ini");
  assertEquals(config.proxy.inviteTimeoutMs, 180_000);
  assertEquals(warnings, [
    "c.ini:2: [Proxy] invite_timeout = 180: RFC 3261 §16.6 wants more than 180: a call that still rings will be given up",
  ]);
  assertEquals(proxyOf("invite_timeout = 181").inviteTimeoutMs, 181_000);
  assertEquals(problemsOf("invite_timeout = 59").length >= 1, true);
});

Deno.test("[Proxy] dns_servers are addresses", () => {
  assertEquals(proxyOf("dns_servers = 192.0.2.53, [2001:db8::53]:5353").dnsServers, [
    { host: "192.0.2.53", port: 53, isAddress: true },
    { host: "2001:db8::53", port: 5353, isAddress: true },
  ]);
  assertEquals(problemsOf("dns_servers = ns.example"), [
    'c.ini:2: [Proxy] dns_servers = ns.example: "ns.example" is a name; the IP addresses of name servers are accepted',
  ]);
});

Deno.test("[Proxy] numbers have bounds", () => {
  const bad = [
    "max_forwards = 256",
    "max_forwards = 0",
    "max_contacts = 0",
    "max_transactions = 0",
    "max_connections = x",
  ];
  assertEquals(problemsOf("max_forwards = 256").length, 1);
  for (const line of bad) assertEquals(problemsOf(line).length, 1, line);
});
