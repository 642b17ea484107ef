/** `ctl explain`: why there is, or is no, sound in a call, in sentences made from what its relay knows. @module */
import {
  decodeExplainAnswer,
  type ExplainAnswer,
  type Explanation,
  type PartyExplanation,
  type StreamExplanation,
} from "../control/explanation.ts";
import { partySentences, silenceSentence } from "./explain_party.ts";
import { durationText } from "./table.ts";

/** Below it many users are dissatisfied (ITU-T G.107 annex B). */
const GOOD_MOS = 3.6;
const WIDTH = 100;

/**
 * The page for a dispatcher's answer to `explain`.
 * @throws ControlSyntaxError if it is not one.
 */
export function explainPage(json: string): string {
  const answer = decodeExplainAnswer(json);
  if (answer.sessions.length === 0) return unknownPage(answer);
  const exact = answer.sessions.filter((session) => session.call_id === answer.call_id);
  return (exact.length > 0 ? exact : answer.sessions).map(sessionText).join("\n\n");
}

function unknownPage({ call_id: callId, relays }: ExplainAnswer): string {
  const asked = relays.map(({ relay, answer }) => `${relay} (${answer})`).join(", ");
  return [
    `No relay knows a call whose Call-ID is ${callId}, or begins so.`,
    relays.length === 0 ? "No relay is connected to this dispatcher." : `Asked: ${asked}.`,
    ...[
      "Look for the Call-ID in the dispatcher's log. If it is not there, the SIP server did not ask for a relay: its " +
      "script did not call engage_media_proxy() or use_media_proxy(), the message had no SDP, or it talks to another " +
      "dispatcher. If it is there with an error, the relay that refused the call says why in its own log.",
      "Each worker of a relay remembers the last 50 calls that have ended; before those, accounting tells.",
    ].map((text) => wrapped(text, "")),
  ].join("\n");
}

function sessionText(session: Explanation): string {
  const { call_id: callId, from_uri: from, to_uri: to, relay } = session;
  const [caller, callee] = [session.caller_ua, session.callee_ua].map((name) => name === "Unknown" ? "" : ` (${name})`);
  const lines = [
    `Call ${callId}, ${stateText(session)}, on relay ${relay}`,
    `${from}${caller} calls ${to}${callee}`,
    ...session.streams.length === 0 ? ["It has no streams: no SDP that a relay can carry has come."] : [],
  ];
  session.streams.forEach((stream, index) => {
    const { headline, sentences } = explained(stream, session);
    const past = pastProblems(session, index);
    lines.push("", `${stream.media_type}: ${headline}`, ...[...sentences, ...past].map((text) => wrapped(text, "  ")));
  });
  return lines.join("\n");
}

function stateText({ answered, age, ended_ago: endedAgo }: Explanation): string {
  if (endedAgo !== null) return `ended ${durationText(endedAgo)} ago after ${durationText(age)}`;
  return answered ? `up for ${durationText(age)}` : `not answered, for ${durationText(age)}`;
}

interface Explained {
  readonly headline: string;
  readonly sentences: readonly string[];
}

function explained(stream: StreamExplanation, session: Explanation): Explained {
  const { caller, callee } = stream;
  if (caller === null || callee === null) {
    return { headline: "switched off", sentences: ["It was offered with port 0, so it has no ports and no media."] };
  }
  const parties = [
    ...partySentences("caller", caller, callee, stream.ends_in === null),
    ...partySentences("callee", callee, caller, stream.ends_in === null),
    ...learningSentences(stream),
  ];
  if (stream.ends_in === null) {
    return { headline: `ended as "${stream.status}"`, sentences: [...endSentences(stream), ...parties] };
  }
  const silent = (["caller", "callee"] as const).filter((name) => stream[name]!.silence !== null);
  const timer = `If nothing changes, the stream ends in ${durationText(stream.ends_in)} as "${stream.ends_as}".`;
  if (stream.on_hold) return { headline: holdText(caller, callee), sentences: [...parties, timer] };
  const before = session.streams.slice(0, session.streams.indexOf(stream))
    .findLast(({ media_type: type }) => type === stream.media_type);
  const causes = silent.map((name) =>
    silenceSentence(name, stream[name]!, name === "caller" ? callee : caller, before?.[name] ?? undefined)
  );
  if (silent.length === 0) return { headline: heardText(stream), sentences: parties };
  const headline = silent.length === 2 ? "neither party is heard" : `the ${silent[0]} is not heard`;
  const early = session.answered ? [] : ["The call has not been answered, and who rings need not send."];
  return { headline, sentences: [...early, ...causes, ...iceSentences(stream), ...parties, timer] };
}

function holdText(caller: PartyExplanation, callee: PartyExplanation): string {
  if (caller.holds && callee.holds) return "on hold by both parties, so nobody has to send";
  return `on hold by the ${caller.holds ? "caller" : "callee"}, so the other one hears music or nothing`;
}

function heardText({ caller, callee }: StreamExplanation): string {
  const bad = ([["caller", caller], ["callee", callee]] as const)
    .filter(([, party]) => (party?.quality?.mos ?? 5) < GOOD_MOS).map(([name]) => `what the ${name} sends`);
  if (bad.length === 0) return "both parties are heard, and forwarded to each other";
  return `both parties are heard, but ${bad.join(" and ")} ${bad.length === 1 ? "arrives" : "arrive"} badly`;
}

/** Streams end alike for different reasons. */
function endSentences({ status, timeout_wait: waited }: StreamExplanation): string[] {
  switch (status) {
    case "closed":
      return ["The call was hung up, or a new SDP left the stream out."];
    case "rejected":
      return ["The answer refused it (port 0)."];
    case "no-traffic timeout":
      return [`No media came from either party within ${waited} s (stream_timeout).`];
    case "conntrack timeout":
      return [`Media stopped, and nothing came from either party for ${waited} s (idle_timeout).`];
    case "on hold timeout":
      return [`It was on hold for ${waited} s (on_hold_timeout).`];
    case "unselected ICE candidate":
      return ["Both parties do ICE and used the relay's candidate for nothing: they have found a way without it."];
    default:
      return [];
  }
}

function iceSentences({ caller, callee }: StreamExplanation): string[] {
  if (!caller?.ice || !callee?.ice) return [];
  return ["Both parties do ICE: if they have found a way without the relay, no media here is as it should be."];
}

function learningSentences({ learning, bundled, carried_by: carriedBy }: StreamExplanation): string[] {
  return [
    ...bundled ? ["It shares the ports of another stream (BUNDLE), so what is counted is of both."] : [],
    ...learning === "strict" ? ["Learning is strict: only the addresses that signalling names are believed."] : [],
    ...learning === "open" ? ["Learning is open: whoever sends first is believed."] : [],
    ...carriedBy === "userspace"
      ? []
      : [`The ${carriedBy} carries its packets: loss, jitter and MOS are those of the time before.`],
  ];
}

/** What is over, because people ask later. */
function pastProblems({ problems }: Explanation, index: number): string[] {
  return problems.filter((problem) => problem.stream === index && problem.end_time !== null)
    .map(({ causes, start_time: start, end_time: end }) => {
      const who = Object.entries(causes).map(([name, cause]) => `the ${name} (${cause})`).join(" and ");
      return `Not heard from ${durationText(start)} to ${durationText(end!)}: ${who}.`;
    });
}

/** Breaks a sentence into lines of terminal width, with a dash before the first. */
function wrapped(text: string, indent: string): string {
  const lines: string[] = [];
  let line = indent === "" ? "" : `${indent}- `;
  let isEmpty = true;
  for (const word of text.split(" ")) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent === "" ? "" : `${indent}  `;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line].join("\n");
}
