/** What a relay says to a dispatcher: answers to commands, expired sessions, keepalives (PROTOCOL 3). @module */
import { ControlSyntaxError } from "./errors.ts";

export type RelayLine =
  | { readonly kind: "answer"; readonly sequence: number; readonly body: string }
  | { readonly kind: "expired"; readonly statistics: string }
  | { readonly kind: "ping" };

const ANSWER = /^(\d{1,15}) (.*)$/s;

/**
 * Parses one line of a relay.
 * @throws ControlSyntaxError if it is none of the three.
 */
export function parseRelayLine(line: string): RelayLine {
  if (line === "ping") return { kind: "ping" };
  if (line.startsWith("expired ")) return { kind: "expired", statistics: line.slice("expired ".length) };
  const [, sequence, body] = ANSWER.exec(line) ?? [];
  if (sequence === undefined || body === undefined) {
    throw new ControlSyntaxError(`Cannot parse ${JSON.stringify(line.slice(0, 80))} as a line of a relay`);
  }
  return { kind: "answer", sequence: Number(sequence), body };
}

/** The answer to `update`: the relay's address and one RTP port per stream, 0 for a stream that has none. */
export function serializePorts(address: string, ports: readonly number[]): string {
  return ports.length === 0 ? address : `${address} ${ports.join(" ")}`;
}

const PORTS = /^(?=\S*[.:])[0-9A-Fa-f.:]+( \d{1,5})*$/;

/** Whether `body` is an answer to `update` that a SIP server can use. `None`, which old relays say, is not. */
export function isPorts(body: string): boolean {
  return PORTS.test(body);
}
