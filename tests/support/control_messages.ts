/** The requests of a SIP server, as its module writes them (PROTOCOL 1). @module */
import type { Headers } from "../../src/control/headers.ts";

export interface UpdateFields {
  readonly type?: "request" | "reply";
  readonly dialogId?: string;
  readonly callId?: string;
  readonly cseq?: number | string;
  readonly fromTag?: string;
  readonly toTag?: string;
  readonly userAgent?: string;
  /** "" leaves the header out. */
  readonly signalingIp?: string;
  readonly mediaRelay?: string;
  /** "" leaves the header out. */
  readonly media?: string;
  readonly learning?: string;
}

/** The headers of `update`: an initial INVITE of `caller` in call `c1`, unless told otherwise. Empty ones are left out. */
export function updateHeaders(fields: UpdateFields = {}): Headers {
  const { type = "request", callId = "c1", cseq = 1, fromTag = "caller", signalingIp = "192.0.2.9" } = fields;
  return present([
    ["type", type],
    ["dialog_id", fields.dialogId ?? ""],
    ["call_id", callId],
    ["cseq", `${cseq}`],
    ["from_uri", "alice@example.com"],
    ["to_uri", "bob@example.net"],
    ["from_tag", fromTag],
    ["to_tag", fields.toTag ?? ""],
    ["user_agent", fields.userAgent ?? "UA"],
    ["signaling_ip", signalingIp],
    ["media_relay", fields.mediaRelay ?? ""],
    ["media", fields.media ?? "audio:192.0.2.1:6000:sendrecv:ice=no"],
    ["learning", fields.learning ?? ""],
  ]);
}

/** The headers of `remove`, as the caller's BYE has them unless told otherwise. */
export function removeHeaders(callId = "c1", fromTag = "caller", toTag = "callee"): Headers {
  return present([["call_id", callId], ["from_tag", fromTag], ["to_tag", toTag]]);
}

function present(headers: [string, string][]): Headers {
  return new Map(headers.filter(([, value]) => value !== ""));
}
