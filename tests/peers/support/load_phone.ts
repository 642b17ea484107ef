/** Many calls at once: a sipp in the laboratory that plays one scenario again and again. @module */
import type { Lab } from "./lab.ts";
import type { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";
import { until } from "./until.ts";

const SCENARIOS = new URL("../scenarios/", import.meta.url).pathname;
const PROXY_PORT = 5060;

export type LoadScenario =
  | "register"
  | "caller_load"
  | "caller_load_plays"
  | "callee_load"
  | "callee_options"
  | "callee_load_echoes"
  | "callee_load_cancelled"
  | "callee_load_unavailable";

export interface LoadPhoneOptions {
  readonly lab: Lab;
  readonly scenario: LoadScenario;
  /** Where it is, on the public host. */
  readonly address: string;
  readonly port: number;
  /** Where it sends what has no route. */
  readonly proxyAddress: string;
  /** How many calls there will be. */
  readonly calls: number;
  /** Where its files go. */
  readonly directory: string;
  /** Who registers, or is called. */
  readonly user: string;
  /** More arguments for sipp. */
  readonly args?: readonly string[];
}

/** One sipp. It has ended well when each of its calls has gone as the scenario says. */
export class LoadPhone implements AsyncDisposable {
  readonly #options: LoadPhoneOptions;
  readonly #errorPath: string;
  readonly #process: PeerProcess;

  /** Starts it. */
  constructor(options: LoadPhoneOptions) {
    const { lab, scenario, address, port, proxyAddress, calls, directory, user, args = [] } = options;
    this.#options = options;
    this.#errorPath = `${directory}/${scenario}-${port}.errors`;
    this.#process = lab.start(`sipp ${scenario}`, programPath("sipp"), [
      ...["-sf", `${SCENARIOS}${scenario}.xml`, "-m", `${calls}`, "-i", address, "-p", `${port}`, "-mi", address],
      ...["-s", user, "-nostdin", "-trace_err", "-error_file", this.#errorPath, ...args],
      `${proxyAddress}:${PROXY_PORT}`,
    ], { cwd: directory });
  }

  /** Starts a phone that is called; resolves once it listens. */
  static async waiting(options: LoadPhoneOptions): Promise<LoadPhone> {
    await using undo = new AsyncDisposableStack();
    const phone = undo.use(new LoadPhone(options));
    await until(`${options.scenario} to listen`, async () => {
      const { stdout } = await new Deno.Command(programPath("ip"), {
        args: ["netns", "exec", options.lab.publicHost, "cat", "/proc/net/udp"],
        stdin: "null",
      }).output();
      return new TextDecoder().decode(stdout).includes(socketText(options.address, options.port));
    });
    undo.move();
    return phone;
  }

  /** Waits until all its calls are over. @throws Error if one of them has failed. */
  async finished(withinMs: number): Promise<void> {
    const { code } = await this.#process.ended(withinMs);
    if (code !== 0) {
      throw new Error(
        `Cannot finish ${this.#options.scenario}: code ${code}\n${this.#process.tail()}\n${this.#complaints()}`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.signal("SIGKILL");
    await this.#process.ended();
  }

  #complaints(): string {
    try {
      return Deno.readTextFileSync(this.#errorPath).slice(0, 3000);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}

/** An address as /proc/net/udp writes it: IPv4 as one little-endian number. */
function socketText(address: string, port: number): string {
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, "0");
  return `${address.split(".").reverse().map((byte) => hex(Number(byte), 2)).join("")}:${hex(port, 4)}`;
}
