import { assertEquals } from "../deps/assert.ts";
import { SipRequest } from "../sip/message.ts";
import { play } from "../../tests/support/conversation.ts";
import { breadthOf, splitByBreadth } from "./max_breadth.ts";
import type { RoutingScript } from "./script.ts";

Deno.test("breadthOf() is 60 for a request that does not say, or says nonsense (RFC 5393 §5.3.1)", () => {
  const request = new SipRequest("INVITE", "sip:a@example.com");
  assertEquals(breadthOf(request), 60);
  for (const [text, breadth] of [["7", 7], ["0", 0], ["", 60], ["-1", 60], ["9999999999", 60]] as const) {
    request.setHeader("max-breadth", text);
    assertEquals(breadthOf(request), breadth, text);
  }
});

Deno.test("splitByBreadth() lets no more go at once than may, and gives away no more than there is", () => {
  assertEquals(splitByBreadth(["a", "b", "c"], 60), [{ part: ["a", "b", "c"], share: 20 }]);
  assertEquals(splitByBreadth(["a", "b", "c"], 3), [{ part: ["a", "b", "c"], share: 1 }]);
  assertEquals(splitByBreadth(["a", "b", "c"], 2), [{ part: ["a", "b"], share: 1 }, { part: ["c"], share: 2 }]);
  assertEquals(splitByBreadth([], 2), []);
});

const FORK: RoutingScript = {
  request(call) {
    call.setDestinations(["20", "30", "40"].map((host) => ({ uri: `sip:x@203.0.113.${host}` })));
    call.relay();
  },
};

Deno.test("Forks share Max-Breadth (RFC 5393 §5.3.3)", async () => {
  await play(
    `
    alice > MESSAGE sip:x@example.com
    bob < MESSAGE | Max-Breadth: 20
    carol < MESSAGE | Max-Breadth: 20
    dave < MESSAGE | Max-Breadth: 20
    dave > 200
    alice < 200
    `,
    { script: FORK },
  );
});

Deno.test("Forks go one after the other where Max-Breadth does not allow more, and not at all at 0 (RFC 5393 §5.3.3.1)", async () => {
  await play(
    `
    alice > MESSAGE sip:x@example.com | Max-Breadth: 1
    bob < MESSAGE | Max-Breadth: 1
    bob > 404
    carol < MESSAGE | Max-Breadth: 1
    carol > 404
    dave < MESSAGE | Max-Breadth: 1
    dave > 200
    alice < 200
    alice > MESSAGE sip:x@example.com | Max-Breadth: 0
    alice < 440 Max-Breadth Exceeded
    `,
    { script: FORK },
  );
});
