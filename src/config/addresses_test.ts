import { assertEquals, assertThrows } from "../deps/assert.ts";
import {
  parseHostAddress,
  parseHostPort,
  parseHostPortList,
  parseListen,
  parseNetworkList,
  parsePortRange,
} from "./addresses.ts";

function refuses(parse: (text: string) => unknown, texts: readonly string[]): void {
  for (const text of texts) {
    assertThrows(() => parse(text), SyntaxError, "", `accepted ${JSON.stringify(text)}`);
  }
}

Deno.test("parseHostPort() tells addresses from names and fills in the port", () => {
  const read = (text: string) => parseHostPort(text, 25060);
  assertEquals(read("192.0.2.1"), { host: "192.0.2.1", port: 25060, isAddress: true });
  assertEquals(read("192.0.2.1:1"), { host: "192.0.2.1", port: 1, isAddress: true });
  assertEquals(read("[2001:DB8:0::1]:65535"), { host: "2001:db8::1", port: 65535, isAddress: true });
  assertEquals(read("[::1]"), { host: "::1", port: 25060, isAddress: true });
  assertEquals(read("Media.Example.ORG:99"), { host: "media.example.org", port: 99, isAddress: false });
  assertEquals(read("localhost"), { host: "localhost", port: 25060, isAddress: false });
});

Deno.test("parseHostPort() refuses what is neither", () => {
  refuses((text) => parseHostPort(text, 25060), [
    "",
    ":25060",
    "a:",
    "a:0",
    "a:65536",
    "a:b",
    "a:1:2",
    "[a]:1",
    "[192.0.2.1]",
    "[::1",
    "::1]",
    "[::1]x",
    "[fe80::1%eth0]",
    "256.0.0.1",
    "1.2.3",
    "10",
    "-a.example",
    "a..b",
    "a b",
    `${"a".repeat(64)}.example`,
    `${"abc.".repeat(64)}org`,
  ]);
  assertThrows(() => parseHostPort("2001:db8::1", 1), SyntaxError, "an IPv6 address must stand in brackets");
});

Deno.test("parseHostPortList() refuses a server that stands there twice", () => {
  assertEquals(parseHostPortList("a, b:1 [::1]:2", 9).map(({ host, port }) => `${host} ${port}`), [
    "a 9",
    "b 1",
    "::1 2",
  ]);
  assertEquals(parseHostPortList("a:1 a:2", 9).length, 2);
  assertThrows(
    () => parseHostPortList("a.example, b, A.example:9", 9),
    SyntaxError,
    "a.example port 9 stands in the list",
  );
});

Deno.test("parseListen() takes addresses and any, but no names", () => {
  const read = (text: string) => parseListen(text, 25060);
  assertEquals(read("any"), { hostname: "0.0.0.0", port: 25060 });
  assertEquals(read("ANY:1"), { hostname: "0.0.0.0", port: 1 });
  assertEquals(read("0.0.0.0:2"), { hostname: "0.0.0.0", port: 2 });
  assertEquals(read("[::]:3"), { hostname: "::", port: 3 });
  refuses(read, ["", "localhost", ":25060", "25060", "any:0", "::", "::1"]);
});

Deno.test("parseHostAddress() takes one usable address or None", () => {
  assertEquals(["", "None", "192.0.2.1", "2001:DB8::0:1"].map(parseHostAddress), [
    undefined,
    undefined,
    "192.0.2.1",
    "2001:db8::1",
  ]);
  refuses(parseHostAddress, [
    "any",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "1.2.3",
    "192.0.2.1:1",
    "[::1]",
  ]);
});

Deno.test("parsePortRange() wants even bounds in order", () => {
  assertEquals(parsePortRange("1024:65536"), { start: 1024, end: 65536 });
  assertEquals(parsePortRange("40000 : 40002"), { start: 40000, end: 40002 });
  refuses(parsePortRange, [
    "",
    "40000",
    "40000-50000",
    "1022:2000",
    "1024:65538",
    "40001:50000",
    "40000:50001",
    "40000:40000",
    "50000:40000",
    "40000:50000:60000",
  ]);
});

Deno.test("parseNetworkList() takes prefixes and single addresses, and clears the bits after the prefix", () => {
  assertEquals(parseNetworkList("10.1.2.3/8, 192.168.1.1 fd00:1::5/16,2001:db8::1 0.0.0.0/0"), [
    { address: "10.0.0.0", prefixLength: 8 },
    { address: "192.168.1.1", prefixLength: 32 },
    { address: "fd00::", prefixLength: 16 },
    { address: "2001:db8::1", prefixLength: 128 },
    { address: "0.0.0.0", prefixLength: 0 },
  ]);
  assertEquals(parseNetworkList("None"), []);
  refuses(parseNetworkList, ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "10/8", "lan", "10.0.0.0/8/8"]);
});
