import { assert, assertEquals, assertThrows } from "../src/deps/assert.ts";
import { fc } from "../src/deps/fast_check.ts";
import { FakeSockets } from "../tests/support/fake_sockets.ts";
import { RecordingLogger } from "../tests/support/fakes.ts";
import { type PortPair, PortPool, PortsExhaustedError } from "./port_pool.ts";

const REST_MS = 2000;
const BAD_PORT_MS = 60_000;

function pool({ firstPort = 40000, endPort = 40008, descriptorLimit = () => {} } = {}) {
  const sockets = new FakeSockets();
  const log = new RecordingLogger();
  const options = { firstPort, endPort, restMs: REST_MS };
  return { sockets, log, ports: new PortPool(options, sockets.openSocket, log, { descriptorLimit }) };
}

Deno.test("PortPool.lease() gives pairs of an even port and the next, all of the range and nothing beyond (RFC 3550 §11)", () => {
  const { ports, sockets } = pool();
  const leased = [1, 2, 3, 4].map(() => ports.lease(0).port);
  assertEquals(leased.toSorted(), [40000, 40002, 40004, 40006]);
  assertEquals([...sockets.open.keys()].toSorted(), [40000, 40001, 40002, 40003, 40004, 40005, 40006, 40007]);
  assertEquals(ports.leasedPairs, 4);
});

Deno.test("PortPool.lease() opens no socket before it is needed", () => {
  const { ports, sockets } = pool({ firstPort: 10000, endPort: 60000 });
  assertEquals(sockets.open.size, 0);
  ports.lease(0);
  assertEquals(sockets.open.size, 2);
});

Deno.test("PortPool.lease() says how the ports are used when none is left", () => {
  const { ports, sockets } = pool();
  sockets.taken.add(40001);
  const pairs = [ports.lease(0), ports.lease(0), ports.lease(0)];
  ports.release(pairs[0]!, 0);
  const error = assertThrows(() => ports.lease(1), PortsExhaustedError);
  assertEquals(
    error.message,
    "Cannot lease a pair of ports: of 4 pairs in port_range 40000:40008 2 are in use, 1 rest for port_rest_time, " +
      "1 could not be bound",
  );
  assertEquals(ports.leasedPairs, 2);
});

Deno.test("PortPool.release() lets a pair rest, bound, before it is leased again", () => {
  const { ports, sockets } = pool({ endPort: 40002 });
  const pair = ports.lease(0);
  ports.release(pair, 1000);
  assertEquals(sockets.open.size, 2);
  assertThrows(() => ports.lease(1000 + REST_MS - 1), PortsExhaustedError);
  assertEquals(ports.lease(1000 + REST_MS), pair);
});

Deno.test("PortPool.lease() prefers pairs that have rested to binding more, the longest rested first", () => {
  const { ports, sockets } = pool();
  const [first, second] = [ports.lease(0), ports.lease(0)];
  ports.release(second, 0);
  ports.release(first, 1);
  assertEquals([ports.lease(REST_MS + 1), ports.lease(REST_MS + 1)], [second, first]);
  assertEquals(sockets.open.size, 4);
});

Deno.test("PortPool.lease() sets aside a pair of which another process has one port, and tries it again later", () => {
  for (const taken of [40000, 40001]) {
    const { ports, sockets, log } = pool({ endPort: 40004 });
    sockets.taken.add(taken);
    assertEquals(ports.lease(0).port, 40002);
    assertEquals(sockets.open.size, 2, "the other port of the bad pair must be closed again");
    assertEquals(log.messages("warning"), [
      `Cannot use ports 40000 and 40001, setting them aside: another process has ${taken}`,
    ]);
    sockets.taken.clear();
    assertThrows(() => ports.lease(BAD_PORT_MS - 1), PortsExhaustedError);
    assertEquals(ports.lease(BAD_PORT_MS).port, 40000);
  }
});

Deno.test("PortPool.lease() stays away from the descriptor limit once it has seen it", () => {
  const { ports, sockets, log } = pool({ endPort: 40200 });
  sockets.maxOpen = 81; // 40 pairs and a socket
  const pairs = Array.from({ length: 40 }, () => ports.lease(0));
  const error = assertThrows(() => ports.lease(0), PortsExhaustedError);
  assertEquals(
    error.message,
    "Cannot open more media sockets: the descriptor limit allows 24 pairs of ports; raise it (LimitNOFILE= of the " +
      "service, or ulimit -n)",
  );
  assertEquals(sockets.open.size, 80, "the socket that was opened before the limit was hit must be closed again");
  assertEquals(log.messages("error"), [
    "The process has reached its limit of open descriptors with 80 media sockets; from now on it keeps to 48 (raise " +
    "LimitNOFILE= of the service, or ulimit -n)",
  ]);
  for (const pair of pairs) ports.release(pair, 0);
  const again = Array.from({ length: 24 }, () => ports.lease(REST_MS));
  assertThrows(() => ports.lease(REST_MS), PortsExhaustedError);
  assertEquals(sockets.open.size, 48);
  assertEquals(new Set(again.map(({ port }) => port)).size, 24);
});

Deno.test("PortPool.lease() closes resting sockets when the descriptor limit is hit", () => {
  const { ports, sockets } = pool({ endPort: 40200 });
  sockets.maxOpen = 80;
  const pairs = Array.from({ length: 40 }, () => ports.lease(0));
  const released = pairs.splice(0, 30);
  for (const pair of released) ports.release(pair, 0);
  assertThrows(() => ports.lease(0), PortsExhaustedError);
  assertEquals(sockets.open.size, 48);
  assertEquals(ports.leasedPairs, 10);
  const next = ports.lease(0);
  assert(!released.some(({ port }) => port === next.port), "a port whose socket was closed rests all the same");
  assertEquals(sockets.open.size, 48);
  assertEquals(ports.leasedPairs, 11);
});

Deno.test("PortPool.lease() keeps to the limit that it learnt, also when closed sockets are freed late", () => {
  const { ports, sockets, log } = pool({ endPort: 40200 });
  sockets.maxOpen = 80;
  const pairs = Array.from({ length: 40 }, () => ports.lease(0));
  assertThrows(() => ports.lease(0), PortsExhaustedError);
  for (const pair of pairs) ports.release(pair, 0);
  sockets.maxOpen = 40; // as it looks while the descriptors of closed sockets are still taken
  for (let call = 0; call < 10; call++) assertThrows(() => ports.lease(0), PortsExhaustedError);
  sockets.maxOpen = 80;
  assertEquals(Array.from({ length: 24 }, () => ports.lease(0)).length, 24);
  assertEquals(log.messages("error").length, 1);
});

Deno.test("PortPool.lease() refuses no call for sockets that rest, as long as there are other ports", () => {
  const { ports, sockets } = pool({ endPort: 40200 });
  sockets.maxOpen = 80;
  const first = Array.from({ length: 40 }, () => ports.lease(0));
  assertThrows(() => ports.lease(0), PortsExhaustedError); // the limit is known now: 24 pairs
  for (const pair of first) ports.release(pair, 0);
  const second = Array.from({ length: 24 }, () => ports.lease(1));
  assertEquals(second.filter(({ port }) => first.some((pair) => pair.port === port)), []);
  assertEquals(sockets.open.size, 48);
});

Deno.test("PortPool.close() closes what rests and leaves what is leased; twice is harmless", () => {
  const { ports, sockets } = pool();
  const [kept, resting] = [ports.lease(0), ports.lease(0)];
  ports.release(resting, 0);
  ports.close();
  ports.close();
  assertEquals([...sockets.open.keys()].toSorted(), [kept.port, kept.port + 1]);
});

for (const [maxOpen, endPort] of [[Infinity, 40024], [44, 40080]] as const) {
  Deno.test(`PortPool.lease() never leases a pair twice, nor before its rest is over (${maxOpen} descriptors)`, () => {
    const step = fc.record({ release: fc.boolean(), which: fc.nat(20), waitMs: fc.nat(REST_MS) });
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { ports, sockets } = pool({ endPort });
      sockets.taken.add(40005);
      sockets.maxOpen = maxOpen;
      const leased: PortPair[] = [];
      const releasedAtMs = new Map<number, number>();
      let nowMs = 0;
      for (const { release, which, waitMs } of steps) {
        nowMs += waitMs;
        if (release && leased.length > 0) {
          const [pair] = leased.splice(which % leased.length, 1);
          releasedAtMs.set(pair!.port, nowMs);
          ports.release(pair!, nowMs);
          continue;
        }
        try {
          const pair = ports.lease(nowMs);
          assertEquals(pair.port % 2, 0);
          assert(pair.port !== 40004);
          assert(!leased.some(({ port }) => port === pair.port), `${pair.port} is leased twice`);
          assert(nowMs - (releasedAtMs.get(pair.port) ?? -Infinity) >= REST_MS, `${pair.port} has not rested`);
          assert(sockets.open.has(pair.port) && sockets.open.has(pair.port + 1));
          leased.push(pair);
        } catch (error) {
          if (!(error instanceof PortsExhaustedError)) throw error;
        }
        assertEquals(ports.leasedPairs, leased.length);
      }
    }));
  });
}

Deno.test("PortPool.lease() lets the ports of an isolate that is gone rest, and takes those that it never used", () => {
  const sockets = new FakeSockets();
  const resting = { below: 40004, untilMs: 5000 };
  const options = { firstPort: 40000, endPort: 40008, restMs: REST_MS, resting };
  const ports = new PortPool(options, sockets.openSocket, new RecordingLogger(), { descriptorLimit() {} });
  assertEquals([ports.lease(0).port, ports.lease(0).port], [40004, 40006]);
  assertThrows(() => ports.lease(4999), PortsExhaustedError, "2 rest for port_rest_time");
  assertEquals([ports.lease(5000).port, ports.lease(5000).port].toSorted(), [40000, 40002]);
});

Deno.test("PortPool.usedBelow is above all ports that were ever bound", () => {
  const { ports } = pool();
  assertEquals(ports.usedBelow, 0);
  const pair = ports.lease(0);
  ports.lease(0);
  ports.release(pair, 0);
  assertEquals(ports.usedBelow, 40004);
});

Deno.test("PortPool tells of the descriptor limit once, and stops growing when another pool has met it", () => {
  let told = 0;
  const { ports, sockets } = pool({ descriptorLimit: () => void told++ });
  const first = ports.lease(0);
  ports.stopGrowing();
  assertThrows(() => ports.lease(0), PortsExhaustedError, "the descriptor limit allows 1 pairs");
  ports.release(first, 0);
  assertEquals(ports.lease(REST_MS), first);
  assertEquals(told, 0);
  const other = pool({ descriptorLimit: () => void told++ });
  other.sockets.maxOpen = 2;
  other.ports.lease(0);
  assertThrows(() => other.ports.lease(0), PortsExhaustedError);
  assertThrows(() => other.ports.lease(0), PortsExhaustedError);
  assertEquals([told, sockets.open.size], [1, 2]);
});

Deno.test("PortPool.lease() binds no more pairs than it may, and takes those that have rested", () => {
  const sockets = new FakeSockets();
  const options = { firstPort: 40000, endPort: 40008, restMs: REST_MS, maxPairs: 1 };
  const ports = new PortPool(options, sockets.openSocket, new RecordingLogger(), { descriptorLimit() {} });
  const pair = ports.lease(0);
  assertThrows(() => ports.lease(0), PortsExhaustedError, "the descriptor limit allows 1 pairs");
  ports.release(pair, 0);
  assertEquals(ports.lease(REST_MS), pair);
});
