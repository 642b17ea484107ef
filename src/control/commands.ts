/** The commands with their headers decoded: `update` and `remove` (PROTOCOL 1), and our own `explain`. @module */
import { ControlSyntaxError } from "./errors.ts";
import { type MediaDescription, parseMediaHeader } from "./media_header.ts";
import type { Headers } from "./headers.ts";
import { LEARNING_MODES, type LearningMode } from "./learning_mode.ts";
import { parseSignalingIp, type SignalingIp } from "./signaling_ip.ts";

/** An SDP offer or answer, or the news that a call was answered without SDP. */
export interface Update {
  /** Whether the SIP message was a request or a reply. */
  readonly type: "request" | "reply";
  readonly callId: string;
  /** The number of the message's CSeq header. */
  readonly cseq: number;
  readonly fromTag: string;
  /** Absent on an initial INVITE and, with some servers, on provisional replies. */
  readonly toTag: string | undefined;
  /** Without `sip:` and parameters. */
  readonly fromUri: string;
  readonly toUri: string;
  readonly userAgent: string;
  readonly dialogId: string | undefined;
  readonly signalingIp: SignalingIp | undefined;
  /** `undefined` if the message carried no SDP with a stream that a relay can carry. */
  readonly media: readonly MediaDescription[] | undefined;
  /** Addition: how the relay is to learn addresses in this call; `undefined`: as it is configured. */
  readonly learning: LearningMode | undefined;
}

/** The end of a call, or of one branch of it. */
export interface Remove {
  readonly callId: string;
  /** The tags stand as in the message that ended the call: swapped if the callee ended it. */
  readonly fromTag: string;
  readonly toTag: string | undefined;
}

const MAX_CSEQ = 2 ** 32 - 1;

/**
 * Decodes the headers of `update`. Only what names the call and orders its messages is needed; the rest may be absent.
 * @throws ControlSyntaxError naming the header.
 */
export function decodeUpdate(headers: Headers): Update {
  const type = needed(headers, "type");
  if (type !== "request" && type !== "reply") throw bad("type", type, "request or reply");
  const cseqText = needed(headers, "cseq");
  const cseq = /^\d{1,10}$/.test(cseqText) ? Number(cseqText) : Infinity;
  if (cseq > MAX_CSEQ) throw bad("cseq", cseqText, "a number below 2^32");
  const media = headers.get("media");
  const learningText = headers.get("learning");
  const learning = LEARNING_MODES.find((mode) => mode === learningText);
  if (learningText !== undefined && learning === undefined) {
    throw bad("learning", learningText, LEARNING_MODES.join(", ")); // a typing error must not make a call less safe
  }
  const signalingIp = headers.get("signaling_ip");
  return {
    type,
    callId: needed(headers, "call_id"),
    cseq,
    fromTag: needed(headers, "from_tag"),
    toTag: headers.get("to_tag"),
    fromUri: headers.get("from_uri") ?? "Unknown",
    toUri: headers.get("to_uri") ?? "Unknown",
    userAgent: headers.get("user_agent") ?? "Unknown",
    dialogId: headers.get("dialog_id"),
    signalingIp: signalingIp === undefined ? undefined : parseSignalingIp(signalingIp),
    media: media === undefined ? undefined : parseMediaHeader(media),
    learning,
  };
}

/**
 * Decodes the headers of `remove`.
 * @throws ControlSyntaxError naming the header.
 */
export function decodeRemove(headers: Headers): Remove {
  return {
    callId: needed(headers, "call_id"),
    fromTag: needed(headers, "from_tag"),
    toTag: headers.get("to_tag"),
  };
}

/**
 * Decodes the headers of `explain`: the Call-ID, or its beginning.
 * @throws ControlSyntaxError naming the header.
 */
export function decodeExplain(headers: Headers): string {
  return needed(headers, "call_id");
}

function needed(headers: Headers, name: string): string {
  const value = headers.get(name);
  if (value === undefined) throw new ControlSyntaxError(`Cannot decode the request: header ${name} is missing`);
  return value;
}

function bad(name: string, value: string, wanted: string): ControlSyntaxError {
  return new ControlSyntaxError(`Cannot decode ${name}: ${JSON.stringify(value.slice(0, 80))} is not ${wanted}`);
}
