import { assertEquals, assertStringIncludes } from "../deps/assert.ts";
import { play } from "../../tests/support/conversation.ts";
import type { RoutingScript } from "./script.ts";

const BUSY = `
  alice > INVITE sip:bob@203.0.113.20
  alice < 100
  bob < INVITE
  bob > 180
  alice < 180
  bob > 486
  bob < ACK
  alice < 486
`;

Deno.test("AVPs and flags are the same in all routes of a request, and others in the next request", async () => {
  const seen: unknown[] = [];
  const note = (route: string, { avps, flags }: { avps: Map<string, string>; flags: Set<string> }) => {
    seen.push([route, [...avps.keys()].join(), [...flags].join()]);
    avps.set(route, "1");
    flags.add(route);
  };
  const script: RoutingScript = {
    request(call) {
      note("request", call);
      call.relay();
    },
    branch: (branch) => note("branch", branch),
    reply: (reply) => note(`${reply.status}`, reply),
    failure: (call) => note("failure", call),
  };
  await play(BUSY + BUSY.replace("alice < 486", "alice < 486\n    alice > ACK"), { script });
  const once = [
    ["request", "", ""],
    ["branch", "request", "request"],
    ["180", "request,branch", "request,branch"],
    ["486", "180,request,branch", "request,branch,180"],
    ["failure", "180,486,request,branch", "request,branch,180,486"],
  ];
  assertEquals(seen.map(sorted), [...once, ...once].map(sorted));
});

function sorted(row: unknown): unknown {
  const [route, ...names] = row as string[];
  return [route, ...names.map((text) => text.split(",").toSorted().join())];
}

Deno.test("onBranch(), onReply() and onFailure() take the place of the script's routes for one request", async () => {
  const seen: string[] = [];
  const script: RoutingScript = {
    request(call) {
      if (call.request.hasHeader("x-own")) {
        call.onBranch(() => void seen.push("own branch"));
        call.onReply(({ status }) => void seen.push(`own ${status}`));
        call.onFailure(() => void seen.push("own failure"));
      }
      call.relay();
    },
    branch: () => void seen.push("branch"),
    reply: ({ status }) => void seen.push(`${status}`),
    failure: () => void seen.push("failure"),
  };
  await play(
    `
    alice > MESSAGE sip:bob@203.0.113.20 | X-Own: yes
    bob < MESSAGE
    bob > 404
    alice < 404
    alice > MESSAGE sip:bob@203.0.113.20
    bob < MESSAGE
    bob > 404
    alice < 404
    `,
    { script },
  );
  assertEquals(seen, ["own branch", "own 404", "own failure", "branch", "404", "failure"]);
});

Deno.test("What a branch route changes goes to that branch alone; what the request route changes goes to all", async () => {
  const script: RoutingScript = {
    request(call) {
      call.request.setHeader("x-all", "1");
      call.setDestinations([{ uri: "sip:b@203.0.113.20" }, { uri: "sip:c@203.0.113.30" }]);
      call.relay();
    },
    branch(branch) {
      branch.request.setHeader("x-branch", branch.destination.uri);
    },
  };
  await play(
    `
    alice > MESSAGE sip:x@example.com
    bob < MESSAGE | X-All: 1 | X-Branch: sip:b@203.0.113.20
    carol < MESSAGE | X-All: 1 | X-Branch: sip:c@203.0.113.30
    carol > 200
    alice < 200 | X-All: none
    `,
    { script },
  );
});

Deno.test("A reply route may change what the caller gets, and keep provisional responses back", async () => {
  const script: RoutingScript = {
    request: (call) => call.relay(),
    reply(reply) {
      if (reply.status === 183) reply.drop();
      if (reply.status === 486) reply.drop(); // the caller must have an answer
      reply.response.setHeader("server", "us");
    },
  };
  const { log } = await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 183
    bob > 180
    alice < 180 | Server: us
    bob > 486
    bob < ACK
    alice < 486 | Server: us
    `,
    { script },
  );
  assertEquals(log.messages("warning"), ["the script cannot drop a 486: the caller waits for a final response"]);
});

Deno.test("The local route sees what the proxy sends by itself", async () => {
  const script: RoutingScript = {
    request(call) {
      if (!call.hasToTag) call.engageMediaProxy();
      call.recordRoute();
      call.relay();
    },
    local: ({ request }) => request.setHeader("x-local", request.method),
  };
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 200
    relay < update reply
    alice < 200
    +60s
    relay < remove alice bob
    alice < BYE | X-Local: BYE
    bob < BYE | X-Local: BYE
    alice > 200
    bob > 200
    `,
    { script, settings: { dialogTimeoutMs: 60_000 } },
  );
});

Deno.test("routeParam() gives back what recordRoute() noted", async () => {
  const seen: unknown[] = [];
  const script: RoutingScript = {
    request(call) {
      if (call.looseRoute()) seen.push(call.routeParam("id"), call.routeParam("other"));
      call.recordRoute(";id=7");
      call.relay();
    },
  };
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE | Record-Route: <sip:192.0.2.1;lr;id=7;sig=*>
    bob > 200
    alice < 200
    alice > ACK
    bob < ACK
    bob > BYE
    alice < BYE
    alice > 200
    bob < 200
    `,
    { script },
  );
  assertEquals(seen, ["7", undefined, "7", undefined]);
});

Deno.test("What a route throws is logged with its stack, and answered 500 where nobody has answered yet", async () => {
  const script: RoutingScript = {
    request(call) {
      if (call.request.hasHeader("x-early")) throw new Error("early");
      call.relay();
      throw new Error("late");
    },
    reply() {
      throw new Error("in reply");
    },
    failure: () => Promise.reject(new Error("in failure")),
  };
  const { core, log } = await play(
    `
    alice > MESSAGE sip:bob@203.0.113.20 | X-Early: yes
    alice < 500
    alice > MESSAGE sip:bob@203.0.113.20
    bob < MESSAGE
    bob > 404
    alice < 404
    `,
    { script },
  );
  const errors = log.messages("error");
  assertEquals(errors.map((line) => line.split("\n")[0]), [
    "the script's request route failed: Error: early",
    "the script's request route failed: Error: late",
    "the script's reply route failed: Error: in reply",
    "the script's failure route failed: Error: in failure",
  ]);
  assertStringIncludes(errors[0]!, "routed_request_test.ts");
  assertEquals(core.statistics().scriptErrors, 2);
});

Deno.test("A branch route that throws costs its branch, and no other", async () => {
  const script: RoutingScript = {
    request(call) {
      call.setDestinations([{ uri: "sip:b@203.0.113.20" }, { uri: "sip:c@203.0.113.30" }]);
      call.relay();
    },
    branch({ destination }) {
      if (destination.uri.includes("203.0.113.20")) throw new Error("not that one");
    },
  };
  const { log } = await play(
    `
    alice > MESSAGE sip:x@example.com
    carol < MESSAGE
    carol > 200
    alice < 200
    `,
    { script },
  );
  assertEquals(log.messages("error").map((line) => line.split("\n")[0]), [
    "the script's branch route failed: Error: not that one",
  ]);
});

Deno.test("A script that does nothing answers 500; one that does two things is told of the second", async () => {
  const script: RoutingScript = {
    request(call) {
      if (call.request.method === "MESSAGE") return;
      call.reply(404);
      call.relay();
      call.reply(200);
    },
  };
  const { log } = await play(
    `
    alice > MESSAGE sip:bob@203.0.113.20
    alice < 500 Not Routed
    alice > OPTIONS sip:bob@203.0.113.20
    alice < 404
    `,
    { script },
  );
  assertEquals(log.messages("warning"), [
    "the script neither answered nor relayed MESSAGE",
    "the script cannot relay OPTIONS: it was relayed or answered already",
    "the script cannot reply OPTIONS: it was relayed or answered already",
  ]);
});

Deno.test("A route that asks for what cannot be read answers 400 (RFC 3261 §21.4.1)", async () => {
  const script: RoutingScript = {
    request(call) {
      call.isUser("nonsense");
      call.relay();
    },
  };
  const { core } = await play(
    `
    alice > OPTIONS sip:bob@203.0.113.20
    alice < 400
    `,
    { script },
  );
  assertEquals(core.statistics().scriptErrors, 0);
});

Deno.test("A provisional reply of the script's own may be followed by anything", async () => {
  const script: RoutingScript = {
    request(call) {
      call.reply(182, "Queued");
      call.relay();
    },
  };
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    alice < 182 Queued
    bob < INVITE
    bob > 200
    alice < 200
    `,
    { script },
  );
});
