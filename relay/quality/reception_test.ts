import { assertEquals } from "../../src/deps/assert.ts";
import { rtp } from "../../tests/support/rtp_packets.ts";
import { Reception } from "./reception.ts";

Deno.test("Reception keeps the sources of a bundle apart, so that neither loses what the other sends (RFC 9143 §9)", () => {
  const reception = new Reception();
  for (let index = 0; index < 100; index++) {
    reception.receive(rtp({ ssrc: 0xdeadbeef, sequenceNumber: index }), "rtp", index * 20);
    for (let part = 0; part < 3; part++) {
      reception.receive(
        rtp({ ssrc: 7, sequenceNumber: 60_000 + index * 3 + part, payloadType: 34 }),
        "rtp",
        index * 20,
      );
    }
  }
  assertEquals(reception.sources.map(({ received, lost }) => [received, lost]), [[100, 0], [300, 0]]);
  assertEquals([reception.sourceChanges, reception.main?.ssrc], [1, 7]);
});

Deno.test("Reception has nothing to say before the first packet", () => {
  const reception = new Reception();
  assertEquals([reception.main, reception.sourceChanges, reception.sources.length], [undefined, 0, 0]);
});

Deno.test("Reception forgets the source that has been silent for longest when there are too many", () => {
  const reception = new Reception();
  for (let ssrc = 1; ssrc <= 8; ssrc++) reception.receive(rtp({ ssrc }), "rtp", ssrc);
  reception.receive(rtp({ ssrc: 1, sequenceNumber: 2 }), "rtp", 100);
  reception.receive(rtp({ ssrc: 9 }), "rtp", 101);
  assertEquals(reception.sources.map(({ ssrc }) => ssrc), [1, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(reception.sourceChanges, 8);
});
