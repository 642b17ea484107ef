// deno-lint-ignore-file camelcase -- the keys are the wire's
import { assert, assertEquals, assertMatch, assertNotMatch, assertThrows } from "../deps/assert.ts";
import type { ExplainAnswer, Explanation, PartyExplanation, StreamExplanation } from "../control/explanation.ts";
import { ControlSyntaxError } from "../control/errors.ts";
import { explainPage } from "./explain_page.ts";

const QUALITY = {
  packets: 1000,
  loss_percent: 0.5,
  longest_loss_burst: 1,
  jitter_ms: 2.1,
  round_trip_ms: 40,
  reported_loss_percent: null,
  mos: 4.36,
};

/** A party that is heard: behind a NAT, in a public one's place if `fields` say so. */
function party(fields: Partial<PartyExplanation> = {}): PartyExplanation {
  return {
    signalled: "10.0.0.5:6000",
    signalled_routable: false,
    signaling_address: "203.0.113.5",
    holds: false,
    ice: false,
    told: "192.0.2.100:40000",
    learnt: "203.0.113.5:31000",
    learnt_how: "vouched for",
    rebindings: 0,
    sent_to: "203.0.113.5:31000",
    packets: 1000,
    rtcp_packets: 4,
    stun_packets: 0,
    silent_for: 0,
    silence: null,
    dropped: { no_destination: 0, wrong_source: 0 },
    refused: null,
    quality: QUALITY,
    ...fields,
  };
}

/** A party from which nothing has come, and to which nothing can be sent. */
const UNHEARD: Partial<PartyExplanation> = {
  learnt: null,
  learnt_how: null,
  sent_to: null,
  packets: 0,
  silent_for: null,
  silence: "nothing came",
  quality: null,
  told: "192.0.2.100:40002",
  signalled: "10.0.0.9:7000",
};

function stream(fields: Partial<StreamExplanation> = {}): StreamExplanation {
  return {
    media_type: "audio",
    status: "active",
    answered: true,
    on_hold: false,
    carried_by: "userspace",
    bundled: false,
    learning: "heuristic",
    ends_in: 175,
    ends_as: "conntrack timeout",
    timeout_wait: 0,
    caller: party(),
    callee: party(),
    ...fields,
  };
}

function session(streams: StreamExplanation[], fields: Partial<Explanation> = {}): Explanation {
  return {
    call_id: "3c26",
    relay: "192.0.2.100",
    from_uri: "alice@example.com",
    to_uri: "bob@example.com",
    caller_ua: "Phone/1",
    callee_ua: "Unknown",
    age: 65,
    answered: true,
    ended_ago: null,
    streams,
    problems: [],
    ...fields,
  };
}

/** The page, lines joined again. */
function page(...sessions: Explanation[]): string {
  const answer: ExplainAnswer = { call_id: "3c26", relays: [], sessions };
  return explainPage(JSON.stringify(answer));
}

/** The sentences about one stream; its headline is the first. */
function sentences(fields: Partial<StreamExplanation>, call: Partial<Explanation> = {}): string[] {
  const [, text = ""] = page(session([stream(fields)], call)).split("\n\n");
  return text.replaceAll(/\n {4}/g, " ").split("\n").map((line) => line.replace(/^ {2}- /, ""));
}

Deno.test("explainPage() begins with the call, its state, its parties and their phones", () => {
  const [first, second] = page(session([stream()])).split("\n");
  assertEquals(first, "Call 3c26, up for 1:05, on relay 192.0.2.100");
  assertEquals(second, "alice@example.com (Phone/1) calls bob@example.com");
  assertMatch(page(session([], { answered: false })), /^Call 3c26, not answered, for 1:05, .*\n.*\nIt has no streams/);
  assertMatch(page(session([], { ended_ago: 7200 })), /^Call 3c26, ended 2:00:00 ago after 1:05, /);
});

Deno.test("explainPage() says of a good call that both are heard, where they are and how it arrives", () => {
  const [headline, where, goes, quality] = sentences({});
  assertEquals(headline, "audio: both parties are heard, and forwarded to each other");
  assertEquals(
    where,
    "The caller says 10.0.0.5:6000 (private) in its SDP and sends SIP from 203.0.113.5; it has sent 1000 " +
      "packets from 203.0.113.5:31000 to 192.0.2.100:40000, the latest just now: it is behind a NAT.",
  );
  assertEquals(goes, "What the caller sends goes to 203.0.113.5:31000, where the callee sends from.");
  assertEquals(
    quality,
    "From the caller it arrives with 0.5 % loss, 2.1 ms jitter, a round trip of 40 ms, an estimated MOS of 4.36.",
  );
});

Deno.test("explainPage() says that a call sounds badly, and what the receiver reports", () => {
  assertMatch(
    sentences({
      caller: party({ quality: { ...QUALITY, mos: 2 } }),
      callee: party({ quality: { ...QUALITY, mos: 2 } }),
    })[0]!,
    /sends and what the callee sends arrive badly$/,
  );
  const bad = party({
    quality: { ...QUALITY, mos: 2.9, loss_percent: 12, longest_loss_burst: 9, reported_loss_percent: 14 },
  });
  const [headline, , , quality] = sentences({ caller: bad });
  assertEquals(headline, "audio: both parties are heard, but what the caller sends arrives badly");
  assertMatch(quality!, /12 % loss \(up to 9 in a row\).*MOS of 2\.9; the callee reports 14 % loss of it\.$/);
});

Deno.test("explainPage() says why the other one hears nothing either: there is nowhere to send to", () => {
  const caller = party({ dropped: { no_destination: 1000 } });
  const [headline, cause, , goes, , calleeWhere, timer] = sentences({ caller, callee: party(UNHEARD) });
  assertEquals(headline, "audio: the callee is not heard");
  assertEquals(
    cause,
    "Nothing has come from the callee at 192.0.2.100:40002: it does not send, a firewall on the way drops what it " +
      "sends, or the SDP with that address did not reach it.",
  );
  assertEquals(
    goes,
    "What the caller sends is dropped, 1000 packets so far: the callee has a private address in its SDP, and nothing " +
      "has come from it that would show where it is.",
  );
  assertMatch(calleeWhere!, /^The callee says 10\.0\.0\.9:7000 \(private\) in its SDP/);
  assertEquals(timer, 'If nothing changes, the stream ends in 2:55 as "conntrack timeout".');
});

Deno.test("explainPage() says why packets for a public address are dropped", () => {
  const callee = party({ ...UNHEARD, signalled: "[2001:db8::9]:7000", signalled_routable: true });
  assertMatch(
    sentences({ callee }).join("\n"),
    /the callee has an SDP address that the relay cannot send to, of another family/,
  );
  assertMatch(
    sentences({ callee: party({ ...UNHEARD, signalled: null }) }).join("\n"),
    /the callee has not sent an SDP yet, and/,
  );
});

Deno.test("explainPage() says that packets go to an SDP address from where nothing comes", () => {
  const callee = party({
    ...UNHEARD,
    signalled: "192.0.2.9:7000",
    signalled_routable: true,
    sent_to: "192.0.2.9:7000",
  });
  const text = sentences({ callee }).join("\n");
  assertMatch(text, /goes to 192\.0\.2\.9:7000, the callee's SDP address, from where nothing has come\./);
  assertNotMatch(text, /192\.0\.2\.9:7000 \(private\)/);
});

const REFUSED = { address: "198.51.100.66:5", reason: "wrong source", seconds_ago: 3 };
const CAUSES: [string, Partial<PartyExplanation>, RegExp][] = [
  ["stopped", { silent_for: 34 }, /^The callee has sent nothing for 0:34: its network has gone/],
  [
    "wrong source",
    { refused: REFUSED },
    /but from 198\.51\.100\.66:5, and it was learnt at 203\.0\.113\.5:31000: a stranger/,
  ],
  [
    "unvouched source",
    { refused: REFUSED },
    /neither its SDP \(10\.0\.0\.5:6000\) nor its signalling \(203\.0\.113\.5\) names/,
  ],
  ["obsolete source", { refused: REFUSED }, /still sends from 198\.51\.100\.66:5, .* given up for 10\.0\.0\.5:6000/],
  ["undecided", { refused: REFUSED }, /from 198\.51\.100\.66:5, which nothing in its signalling names: they wait/],
  ["loop", { refused: REFUSED }, /come from a port of the relay itself \(198\.51\.100\.66:5\)/],
  ["not media", { refused: REFUSED }, /What comes from 198\.51\.100\.66:5 for the callee is neither RTP nor/],
  ["only STUN", {}, /From the callee come ICE checks, but no media/],
  ["no RTP", {}, /DTLS-SRTP does not end/],
  ["only RTCP", {}, /comes RTCP, but no RTP: it is muted/],
  ["something new", {}, /^Nothing comes from the callee \(something new\)\.$/],
];
for (const [silence, fields, expected] of CAUSES) {
  Deno.test(`explainPage() explains the cause "${silence}"`, () => {
    const [headline, cause] = sentences({ callee: party({ silent_for: 20, ...fields, silence }) });
    assertEquals(headline, "audio: the callee is not heard");
    assertMatch(cause!, expected);
  });
}

Deno.test("explainPage() gives a cause for each if neither is heard, and says when nobody need be", () => {
  const silent = { caller: party(UNHEARD), callee: party({ ...UNHEARD, silence: "only RTCP" }) };
  const [headline, caller, callee] = sentences(silent);
  assertEquals(headline, "audio: neither party is heard");
  assertMatch(caller!, /^Nothing has come from the caller/);
  assertMatch(callee!, /^From the callee comes RTCP/);
  assertEquals(
    sentences(silent, { answered: false })[1],
    "The call has not been answered, and who rings need not send.",
  );
  const ice = { caller: party({ ...UNHEARD, ice: true }), callee: party({ ...UNHEARD, ice: true, stun_packets: 7 }) };
  const text = sentences(ice).join("\n");
  assertMatch(text, /Both parties do ICE: if they have found a way without the relay/);
  assertMatch(text, /and does ICE \(7 STUN messages came\)/);
});

Deno.test("explainPage() tells a party that sends to the other one's port", () => {
  const address = "203.0.113.5:7000";
  const caller = party({ refused: { ...REFUSED, address }, dropped: { wrong_source: 300 } });
  const [, cause] = sentences({ caller, callee: party(UNHEARD) });
  assertEquals(
    cause,
    "Nothing has come from the callee at 192.0.2.100:40002, but from 203.0.113.5:7000, which is an address of the callee, " +
      "packets come to 192.0.2.100:40000, the other party's port: it was given the wrong SDP, or a server on the way has " +
      "changed it.",
  );
  const stranger = party({ refused: REFUSED });
  assertMatch(sentences({ caller: stranger, callee: party(UNHEARD) })[1]!, /does not send, a firewall/);
});

Deno.test("explainPage() tells a party that may still send to the ports of before", () => {
  const before = stream({ status: "closed", ends_in: null, callee: party({ told: "192.0.2.100:40022" }) });
  const now = stream({ callee: party(UNHEARD) });
  const cause = (first: StreamExplanation) => page(session([first, now])).replaceAll(/\n {4}/g, " ").split("\n\n")[2]!;
  assertMatch(
    cause(before),
    /at 192\.0\.2\.100:40002\. Until the SDP changed it sent to 192\.0\.2\.100:40022: if the new SDP/,
  );
  assertNotMatch(cause({ ...before, media_type: "video" }), /Until the SDP changed/);
  assertNotMatch(
    cause({ ...before, callee: party({ ...UNHEARD, told: "192.0.2.100:40022" }) }),
    /Until the SDP changed/,
  );
});

Deno.test("explainPage() says who holds", () => {
  const held = (caller: boolean, callee: boolean) =>
    sentences({ on_hold: true, caller: party({ holds: caller }), callee: party({ ...UNHEARD, holds: callee }) });
  assertMatch(held(true, false)[0]!, /^audio: on hold by the caller, so the other one hears music or nothing$/);
  assertMatch(held(false, true)[0]!, /^audio: on hold by the callee/);
  assertMatch(held(true, true)[0]!, /^audio: on hold by both parties, so nobody has to send$/);
  assertMatch(held(true, false).at(-1)!, /^If nothing changes, the stream ends in 2:55/);
});

const ENDINGS: [string, number, RegExp][] = [
  ["closed", 0, /hung up/],
  ["rejected", 0, /refused it/],
  ["no-traffic timeout", 90, /within 90 s \(stream_timeout\)/],
  ["conntrack timeout", 180, /for 180 s \(idle_timeout\)/],
  ["on hold timeout", 7200, /for 7200 s \(on_hold_timeout\)/],
  ["unselected ICE candidate", 90, /found a way without it/],
];
for (const [status, timeout_wait, expected] of ENDINGS) {
  Deno.test(`explainPage() explains the end "${status}"`, () => {
    const [headline, end] = sentences({ status, timeout_wait, ends_in: null, ends_as: null });
    assertEquals(headline, `audio: ended as "${status}"`);
    assertMatch(end!, expected);
  });
}

Deno.test("explainPage() counts the time of a stream that has ended from its end", () => {
  const ended = (fields: Partial<PartyExplanation>) =>
    sentences({ status: "closed", ends_in: null, caller: party(fields) })[2]!;
  assertMatch(ended({}), /to 192\.0\.2\.100:40000, until the end: it is behind a NAT/);
  assertMatch(ended({ silent_for: 34 }), /, the latest 0:34 before the end/);
  assertMatch(
    sentences({ caller: party({ silent_for: 3, packets: 1 }) })[1]!,
    /has sent 1 packet from .*, the latest 0:03 ago/,
  );
});

Deno.test("explainPage() tells what was wrong before", () => {
  const problems = [
    { stream: 0, kind: "one-way", causes: { callee: "nothing came" }, start_time: 5, end_time: 25 },
    { stream: 0, kind: "one-way", causes: { callee: "stopped" }, start_time: 30, end_time: null },
    { stream: 1, kind: "silent", causes: { caller: "stopped" }, start_time: 30, end_time: 40 },
  ];
  const past = sentences({}, { problems }).filter((text) => text.startsWith("Not heard"));
  assertEquals(past, ["Not heard from 0:05 to 0:25: the callee (nothing came)."]);
});

Deno.test("explainPage() tells a stranger's address, another port, and a NAT that has moved from an ordinary NAT", () => {
  const where = (fields: Partial<PartyExplanation>) => sentences({ caller: party(fields) })[1]!;
  assertMatch(where({ learnt: "198.51.100.66:5" }), /Nothing in its signalling names that address: .* a stranger/);
  assertMatch(where({ learnt: "10.0.0.5:6002" }), /, another port than its SDP says\.$/);
  assertMatch(where({ learnt: "10.0.0.5:6000" }), /the latest just now\.$/);
  assertMatch(where({ rebindings: 1 }), /behind a NAT; its NAT has changed its mapping once\.$/);
  assertMatch(where({ rebindings: 3 }), /changed its mapping 3 times\.$/);
  assertMatch(where({ signalled: null }), /^The caller has not sent an SDP yet/);
  assertNotMatch(where({ signalled: "[2001:db8::1]:6000", signaling_address: "2001:db8::1" }), /sends SIP from/);
});

Deno.test("explainPage() lists what was refused beside the party's own packets", () => {
  const caller = party({
    dropped: { no_destination: 5, wrong_source: 300, loop: 2, undecided: 7, too_fast: 9, odd: 1 },
    refused: REFUSED,
  });
  const text = sentences({ caller }).find((sentence) => sentence.startsWith("At the caller's"));
  assertEquals(
    text,
    "At the caller's ports packets were refused: 300 came from another address than the one learnt, 2 came from the " +
      "relay itself, 9 came faster than max_packets_per_second allows, 1 odd; the last was from 198.51.100.66:5, 0:03 ago.",
  );
  const waiting = sentences({ caller: party({ ...UNHEARD, dropped: { undecided: 7 } }) });
  assertMatch(
    waiting.join("\n"),
    /At the caller's ports packets were refused: 7 came before it was clear whose they are\./,
  );
});

Deno.test("explainPage() says what is not the usual way: learning, the kernel, no ports", () => {
  assertMatch(sentences({ learning: "strict" }).join("\n"), /Learning is strict/);
  assertMatch(sentences({ learning: "open" }).join("\n"), /Learning is open/);
  assertMatch(
    sentences({ carried_by: "kernel" }).join("\n"),
    /The kernel carries its packets: loss, jitter and MOS are those of the time before\./,
  );
  assertMatch(sentences({ bundled: true }).join("\n"), /It shares the ports of another stream/);
  assertMatch(sentences({ caller: null, callee: null })[0]!, /^audio: switched off$/);
});

Deno.test("explainPage() shows all calls whose Call-ID begins so, unless one is just that", () => {
  const calls = (...ids: string[]) => page(...ids.map((call_id) => session([], { call_id }))).match(/(?<=^Call )\w+/gm);
  assertEquals(calls("3c26a", "3c26b"), ["3c26a", "3c26b"]);
  assertEquals(calls("3c26a", "3c26"), ["3c26"]);
});

Deno.test("explainPage() keeps to the width of a terminal", () => {
  const caller = party({ dropped: { wrong_source: 300, loop: 2, undecided: 4 }, refused: REFUSED });
  const text = page(session([stream({ caller, callee: party(UNHEARD) })]), session([stream()]));
  for (const line of text.split("\n")) assert(line.length <= 100, line);
});

Deno.test("explainPage() says of an unknown call who was asked, and where to look next", () => {
  const relays = [{ relay: "192.0.2.1", answer: "unknown" }, { relay: "192.0.2.2", answer: "timed out" }];
  const text = explainPage(JSON.stringify({ call_id: "3c26", relays, sessions: [] }));
  assertMatch(text, /^No relay knows a call whose Call-ID is 3c26, or begins so\.\n/);
  assertMatch(text, /Asked: 192\.0\.2\.1 \(unknown\), 192\.0\.2\.2 \(timed out\)\./);
  assertMatch(text, /engage_media_proxy\(\)/);
  assertMatch(explainPage('{"call_id":"x","relays":[],"sessions":[]}'), /No relay is connected to this dispatcher\./);
});

Deno.test("explainPage() refuses what is no answer", () => {
  for (const json of ["", "error", "[]", '{"call_id":"x","relays":[],"sessions":[{}]}']) {
    assertThrows(() => explainPage(json), ControlSyntaxError);
  }
});
