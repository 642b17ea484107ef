/** What the module's functions did, as numbers for scripts and as reasons for people. @module */

/** 1: done, or nothing to do. -1: an error, and the message is as it was. -2: no SDP. */
export type MediaCode = 1 | -1 | -2;

/** What became of a message. */
export interface MediaResult {
  readonly code: MediaCode;
  /** In words: the cause of a -1, and what was done for a 1. */
  readonly reason: string;
}

/** The media goes through a relay. */
export const RELAYED: MediaResult = { code: 1, reason: "the media goes through the relay" };
/** No stream that a relay can carry. */
export const NOTHING_TO_RELAY: MediaResult = { code: 1, reason: "the SDP has no stream that a relay can carry" };
/** A 200 without SDP. */
export const ANSWER_TOLD: MediaResult = { code: 1, reason: "the dispatcher was told that the call was answered" };
/** `remove` was answered. */
export const REMOVED: MediaResult = { code: 1, reason: "the session was removed" };
/** No SDP, and nothing to tell. */
export const NO_SDP: MediaResult = { code: -2, reason: "the message has no SDP" };
/** `remove` for a session that is not there: ended before, or never relayed. */
export const NO_SESSION: MediaResult = { code: -1, reason: "the dispatcher has no such session" };
/** Relayed media would undo what the parties agreed on. */
export const END_OF_ICE: MediaResult = { code: -1, reason: "the SDP ends an ICE negotiation" };
/** The parameter `disable`. */
export const DISABLED: MediaResult = { code: -1, reason: "the module is disabled" };

/** What comes with every day's traffic, and is no fault. */
const EXPECTED: ReadonlySet<MediaResult> = new Set([NO_SESSION, END_OF_ICE, DISABLED]);

/** Whether an operator should hear of it. */
export function isFault(result: MediaResult): boolean {
  return result.code === -1 && !EXPECTED.has(result);
}

/** An error with its cause. */
export function failure(reason: string): MediaResult {
  return { code: -1, reason };
}
