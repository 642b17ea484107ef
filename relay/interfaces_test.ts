import { assertEquals } from "../src/deps/assert.ts";
import { parseRelayAddresses } from "../src/config/relay_addresses.ts";
import { FakeSockets } from "../tests/support/fake_sockets.ts";
import { RecordingLogger } from "../tests/support/fakes.ts";
import { Interfaces } from "./interfaces.ts";
import { PortPool } from "./port_pool.ts";

/** Interfaces as in a configuration. */
function interfaces(text: string): Interfaces {
  return new Interfaces(
    parseRelayAddresses(text),
    40000,
    40100,
    () =>
      new PortPool(
        { firstPort: 40000, endPort: 40100, restMs: 0 },
        new FakeSockets().openSocket,
        new RecordingLogger(),
        { descriptorLimit() {} },
      ),
  );
}

const SEVERAL =
  "203.0.113.10, 10.0.0.5 for 10.0.0.0/8 192.168.0.0/16, 10.9.9.9 as 198.51.100.1 for 198.51.0.0/16, 2001:db8::5";

const CHOICES: [sdp: string, signaling: string, address: string | undefined][] = [
  ["", "", undefined],
  ["8.8.8.8", "", "203.0.113.10"],
  ["8.8.8.8", "8.8.8.9", "203.0.113.10"],
  ["10.1.1.1", "8.8.8.8", "203.0.113.10"], // behind a NAT of its own, with an address that looks like ours
  ["10.1.1.1", "10.1.1.1", "10.0.0.5"],
  ["10.1.1.1", "", "10.0.0.5"],
  ["", "192.168.1.1", "10.0.0.5"],
  ["198.51.100.7", "198.51.100.7", "10.9.9.9"],
  ["2001:db8:1::1", "8.8.8.8", "2001:db8::5"], // media by IPv6, signalling by IPv4
  ["8.8.8.8", "2001:db8:1::1", "203.0.113.10"],
  ["10.1.1.1", "2001:db8:1::1", "10.0.0.5"],
  ["0.0.0.0", "2001:db8:1::1", "2001:db8::5"],
  ["::", "8.8.8.8", "203.0.113.10"],
  ["0.0.0.0", "", undefined],
];
for (const [sdp, signaling, address] of CHOICES) {
  Deno.test(`Interfaces.choose() gives ${address} to a party with SDP address "${sdp}", signalling "${signaling}"`, () => {
    assertEquals(interfaces(SEVERAL).choose({ sdp, signaling })?.address, address);
  });
}

Deno.test("Interfaces.choose() gives a party of a family that the relay has not the first address", () => {
  assertEquals(interfaces("203.0.113.10").choose({ sdp: "2001:db8::1", signaling: "" })?.address, "203.0.113.10");
  assertEquals(interfaces("2001:db8::5").choose({ sdp: "8.8.8.8", signaling: "" })?.address, "2001:db8::5");
});

Deno.test("Interfaces.choose() gives a party for whom no address is meant the first of its family", () => {
  const only = interfaces("2001:db8::5, 10.0.0.5 for 10.0.0.0/8");
  assertEquals(only.choose({ sdp: "8.8.8.8", signaling: "" })?.address, "10.0.0.5");
});

Deno.test("Interfaces tell parties the advertised address, and know their own ports by either", () => {
  const one = interfaces("10.0.0.5 as 203.0.113.5");
  assertEquals([one.first.address, one.first.advertised], ["10.0.0.5", "203.0.113.5"]);
  for (
    const [hostname, port, own] of [
      ["10.0.0.5", 40000, true],
      ["203.0.113.5", 40099, true],
      ["10.0.0.5", 40100, false],
      ["10.0.0.5", 39999, false],
      ["10.0.0.6", 40000, false],
    ] as const
  ) {
    assertEquals([hostname, port, one.isOwn(hostname, port)], [hostname, port, own]);
  }
});
