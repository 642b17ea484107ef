/** Sentences about one party of a stream, for `ctl explain`. @module */
import type { PartyExplanation } from "../control/explanation.ts";
import { durationText } from "./table.ts";

export type PartyName = "caller" | "callee";

/**
 * Why nothing comes from a party that is silent, and what to do about it. `before` is what was known of it in a stream of
 * the same type that this one replaced.
 */
export function silenceSentence(
  name: PartyName,
  party: PartyExplanation,
  other: PartyExplanation,
  before: PartyExplanation | undefined,
): string {
  const { told, silence, refused, signalled, signaling_address: signaling, learnt, silent_for: silentFor } = party;
  const from = refused === null ? "elsewhere" : refused.address;
  switch (silence) {
    case "nothing came":
      if (isOf(other.refused?.address, party)) {
        return `Nothing has come from the ${name} at ${told}, but from ${
          other.refused!.address
        }, which is an address of ` +
          `the ${name}, packets come to ${other.told}, the other party's port: it was given the wrong SDP, or a server ` +
          `on the way has changed it.`;
      }
      if (before !== undefined && before.packets > 0 && before.told !== told) {
        return `Nothing has come from the ${name} at ${told}. Until the SDP changed it sent to ${before.told}: if the new ` +
          `SDP did not reach the phone, or it did not take it, it still sends there.`;
      }
      return `Nothing has come from the ${name} at ${told}: it does not send, a firewall on the way drops what it ` +
        `sends, or the SDP with that address did not reach it.`;
    case "stopped":
      return `The ${name} has sent nothing for ${durationText(silentFor ?? 0)}: its network has gone, or it is muted ` +
        `and sends nothing, or it hung up and its BYE did not reach the SIP server.`;
    case "wrong source":
      return `Packets come for the ${name}, but from ${from}, and it was learnt at ${learnt ?? "another address"}: a ` +
        `stranger, or a device that sends from two addresses.`;
    case "unvouched source":
      return `Packets come for the ${name} from ${from}, but learning is strict, and neither its SDP ` +
        `(${signalled ?? "none yet"}) nor its signalling (${
          signaling ?? "unknown"
        }) names that address: if it is the ` +
        `party's, such calls need learning = heuristic.`;
    case "obsolete source":
      return `The ${name} still sends from ${from}, the address that its new SDP has given up for ${signalled}: the ` +
        `phone did not move as it said.`;
    case "undecided":
      return `Packets come for the ${name} from ${from}, which nothing in its signalling names: they wait until they ` +
        `prove to be a steady flow, its SDP is there, and nobody better sends.`;
    case "loop":
      return `Packets for the ${name} come from a port of the relay itself (${from}): its SDP names the relay, so two ` +
        `servers on the way use it, or one does twice.`;
    case "not media":
      return `What comes from ${from} for the ${name} is neither RTP nor RTCP, DTLS or STUN.`;
    case "only STUN":
      return `From the ${name} come ICE checks, but no media: ICE has not chosen the relay's candidate, or the other ` +
        `party's answers do not reach it.`;
    case "no RTP":
      return `From the ${name} comes DTLS or something else, but no RTP: the handshake of DTLS-SRTP does not end.`;
    case "only RTCP":
      return `From the ${name} comes RTCP, but no RTP: it is muted and sends nothing, or a firewall lets only ` +
        `the RTCP port through.`;
    default:
      return `Nothing comes from the ${name} (${silence}).`;
  }
}

/** Whether a source has the host of the party's SDP or signalling. */
function isOf(source: string | undefined, { signalled, signaling_address: signaling }: PartyExplanation): boolean {
  return source !== undefined && (host(source) === signaling || host(source) === host(signalled));
}

/** Where a party is, what it sends, what becomes of that, and how it arrives. */
export function partySentences(
  name: PartyName,
  party: PartyExplanation,
  other: PartyExplanation,
  ended: boolean,
): string[] {
  const otherName: PartyName = name === "caller" ? "callee" : "caller";
  return [
    whereSentence(name, party, ended),
    ...party.packets > 0 ? [destinationSentence(name, party, otherName, other)] : [],
    ...qualitySentences(name, party, otherName),
    ...refusedSentences(name, party),
  ];
}

function whereSentence(name: PartyName, party: PartyExplanation, ended: boolean): string {
  const { signalled, signalled_routable: routable, signaling_address: signaling, learnt, told, ice } = party;
  const sdp = signalled === null
    ? "has not sent an SDP yet"
    : `says ${signalled}${routable ? "" : " (private)"} in its SDP`;
  const sip = signaling === null || signaling === host(signalled) ? "" : ` and sends SIP from ${signaling}`;
  const doesIce = ice ? `, and does ICE (${party.stun_packets} STUN messages came)` : "";
  if (learnt === null) return `The ${name} ${sdp}${sip}${doesIce}.`;
  const seconds = party.silent_for ?? 0;
  const latest = !ended
    ? `the latest ${agoText(seconds)}`
    : seconds < 2
    ? "until the end"
    : `the latest ${durationText(seconds)} before the end`;
  const sent = `sent ${packetsText(party.packets)} from ${learnt} to ${told}, ${latest}`;
  return `The ${name} ${sdp}${sip}${doesIce}; it has ${sent}${natText(party)}.`;
}

function natText({ signalled, signaling_address: signaling, learnt, rebindings }: PartyExplanation): string {
  const moved = rebindings === 0
    ? ""
    : `; its NAT has changed its mapping ${rebindings === 1 ? "once" : `${rebindings} times`}`;
  if (learnt === signalled) return moved;
  if (host(learnt) === host(signalled)) return `, another port than its SDP says${moved}`;
  if (host(learnt) === signaling) return `: it is behind a NAT${moved}`;
  return `. Nothing in its signalling names that address: if it is not the party's, a stranger has the stream, which ` +
    `learning = strict prevents${moved}`;
}

function destinationSentence(
  name: PartyName,
  party: PartyExplanation,
  otherName: PartyName,
  other: PartyExplanation,
): string {
  const lost = party.dropped["no_destination"] ?? 0;
  if (other.sent_to === null) {
    const why = other.signalled === null
      ? "has not sent an SDP yet"
      : other.signalled_routable
      ? "has an SDP address that the relay cannot send to, of another family"
      : "has a private address in its SDP";
    return `What the ${name} sends is dropped, ${
      packetsText(lost)
    } so far: the ${otherName} ${why}, and nothing has come ` +
      `from it that would show where it is.`;
  }
  const early = lost === 0 ? "" : `; before that was known, ${packetsText(lost)} had to be dropped`;
  if (other.learnt === null) {
    return `What the ${name} sends goes to ${other.sent_to}, the ${otherName}'s SDP address, from where nothing has ` +
      `come${early}.`;
  }
  return `What the ${name} sends goes to ${other.sent_to}, where the ${otherName} sends from${early}.`;
}

function qualitySentences(name: PartyName, { quality }: PartyExplanation, otherName: PartyName): string[] {
  if (quality === null) return [];
  const burst = quality.longest_loss_burst > 1 ? ` (up to ${quality.longest_loss_burst} in a row)` : "";
  const parts = [
    `${quality.loss_percent} % loss${burst}`,
    ...quality.jitter_ms === null ? [] : [`${quality.jitter_ms} ms jitter`],
    ...quality.round_trip_ms === null ? [] : [`a round trip of ${quality.round_trip_ms} ms`],
    ...quality.mos === null ? [] : [`an estimated MOS of ${quality.mos}`],
  ];
  const reported = quality.reported_loss_percent === null
    ? ""
    : `; the ${otherName} reports ${quality.reported_loss_percent} % loss of it`;
  return [`From the ${name} it arrives with ${parts.join(", ")}${reported}.`];
}

/** In words that go with a number of packets. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["not_media", "were no media"],
  ["wrong_source", "came from another address than the one learnt"],
  ["obsolete_source", "came from where the party no longer is"],
  ["unvouched_source", "came from an address that signalling does not name"],
  ["undecided", "came before it was clear whose they are"],
  ["loop", "came from the relay itself"],
  ["too_fast", "came faster than max_packets_per_second allows"],
]);

function refusedSentences(name: PartyName, { dropped, refused, learnt }: PartyExplanation): string[] {
  const counts = Object.entries(dropped).filter(([reason, count]) =>
    count > 0 && reason !== "no_destination" && !(reason === "undecided" && learnt !== null) // it is decided
  );
  if (counts.length === 0) return [];
  const texts = counts.map(([reason, count]) => `${count} ${REFUSALS.get(reason) ?? reason}`);
  const last = refused === null ? "" : `; the last was from ${refused.address}, ${agoText(refused.seconds_ago)}`;
  return [`At the ${name}'s ports packets were refused: ${texts.join(", ")}${last}.`];
}

function packetsText(count: number): string {
  return count === 1 ? "1 packet" : `${count} packets`;
}

function agoText(seconds: number): string {
  return seconds < 2 ? "just now" : `${durationText(seconds)} ago`;
}

/** The address without its port and brackets. */
function host(address: string | null): string {
  return address?.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "") ?? "";
}
