/** What `nft -j` answers to a listing (libnftables-json(5)), as far as the relay asks. @module */
import type { Counts } from "./flow.ts";

/** The answer is not what was asked for. */
export class NftAnswerError extends Error {
  override name = "NftAnswerError";
}

/** The counters of a map's elements by their marks; the bytes are those of the IP packets. @throws NftAnswerError */
export function markCounters(answer: string): Map<number, Counts> {
  const counters = new Map<number, Counts>();
  const map = objects(answer).find((object) => isObject(object["map"]))?.["map"];
  if (!isObject(map)) throw new NftAnswerError(`Cannot read the counters: no map in ${answer.slice(0, 80)}`);
  const elements = map["elem"] ?? []; // an empty map has none
  if (!Array.isArray(elements)) throw new NftAnswerError("Cannot read the counters: the elements are no list");
  for (const entry of elements) {
    const element: unknown = Array.isArray(entry) && isObject(entry[0]) ? entry[0]["elem"] : undefined;
    if (!isObject(element) || typeof element["val"] !== "number") {
      throw new NftAnswerError(`Cannot read the counters: unexpected element ${JSON.stringify(entry).slice(0, 80)}`);
    }
    counters.set(element["val"], counts(element["counter"]));
  }
  return counters;
}

/** The counters of a table by their names. @throws NftAnswerError */
export function namedCounters(answer: string): Map<string, Counts> {
  const counters = new Map<string, Counts>();
  for (const { counter } of objects(answer)) {
    if (isObject(counter)) counters.set(String(counter["name"]), counts(counter));
  }
  return counters;
}

function objects(answer: string): Record<string, unknown>[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer);
  } catch (cause) {
    throw new NftAnswerError(`Cannot read nft's answer: no JSON: ${answer.slice(0, 80)}`, { cause });
  }
  const list = isObject(parsed) ? parsed["nftables"] : undefined;
  if (!Array.isArray(list)) throw new NftAnswerError(`Cannot read nft's answer: no list in ${answer.slice(0, 80)}`);
  return list.filter(isObject);
}

function counts(counter: unknown): Counts {
  if (isObject(counter) && typeof counter["packets"] === "number" && typeof counter["bytes"] === "number") {
    return { packets: counter["packets"], bytes: counter["bytes"] };
  }
  throw new NftAnswerError(`Cannot read the counters: unexpected counter ${JSON.stringify(counter)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
