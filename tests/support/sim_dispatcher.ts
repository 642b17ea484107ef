/** The dispatcher of a conversation, which gives out one port after the other. @module */
import { type DispatcherClient, DispatcherError } from "../../src/mediaproxy/dispatcher_client.ts";

/** A request that waits for its answer. */
interface Pending {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

/** See the module comment. */
export class SimDispatcher implements DispatcherClient {
  /** The requests, in a line each: `update request udp...`; told as soon as they come. */
  readonly #asked: (line: string, fields: ReadonlyMap<string, string>) => void;
  /** - `answers` at once; `holds` its answers until it is told what to say; `down`: nobody listens. */
  mode: "answers" | "holds" | "down" = "answers";
  readonly #pending: Pending[] = [];
  #nextPort = 50_000;

  constructor(asked: (line: string, fields: ReadonlyMap<string, string>) => void) {
    this.#asked = asked;
  }

  ask(request: string): Promise<string> {
    const [command = "", ...lines] = request.split("\r\n");
    const fields = new Map(
      lines.filter((line) => line !== "").map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      }),
    );
    this.#asked(command === "update" ? updateLine(fields) : removeLine(fields), fields);
    if (this.mode === "down") return Promise.reject(new DispatcherError("unreachable", "nobody listens"));
    if (this.mode === "answers") return Promise.resolve(command === "remove" ? "removed" : this.#ports(fields));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#pending.push({ resolve, reject });
    return promise;
  }

  /** Answers what has waited longest. `timeout` and `ports` are no lines, but what they say. */
  answer(line: string): void {
    const pending = this.#pending.shift();
    if (pending === undefined) throw new TypeError("the dispatcher has not been asked anything");
    if (line === "timeout") pending.reject(new DispatcherError("timeout", "no answer within 500 ms"));
    else pending.resolve(line);
  }

  #ports(fields: ReadonlyMap<string, string>): string {
    const streams = (fields.get("media") ?? "").split(",").filter((it) => it !== "");
    return ["192.0.2.200", ...streams.map(() => String((this.#nextPort += 2) - 2))].join(" ");
  }
}

/** `update request 10.0.0.1:4000`: the type, and where each stream of the SDP is. */
function updateLine(fields: ReadonlyMap<string, string>): string {
  const streams = (fields.get("media") ?? "").split(",").filter((it) => it !== "");
  const places = streams.map((stream) => stream.split(":").slice(1, 3).join(":"));
  return ["update", fields.get("type"), ...places].join(" ");
}

/** `remove alice bob`: the tags. */
function removeLine(fields: ReadonlyMap<string, string>): string {
  return ["remove", fields.get("from_tag"), fields.get("to_tag")].join(" ").trim();
}
