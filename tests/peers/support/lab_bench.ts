/** What a test file in the laboratory works with: homes, phones, and the service in the middle. @module */
import { assertEquals } from "../../../src/deps/assert.ts";
import { Baresip } from "./baresip.ts";
import type { BaresipAccount } from "./baresip_files.ts";
import { BrowserPhone } from "./browser_phone.ts";
import { type Home, type HomeOptions, Lab, SERVER_ADDRESS, SERVER_ADDRESS_6 } from "./lab.ts";
import { missingLaboratory } from "./lab_commands.ts";
import { DOMAIN, type LabService } from "./lab_service.ts";
import { userOf } from "./our_service.ts";
import { findProgram, missingPrograms } from "./programs.ts";
import type { SoundSource } from "./recording.ts";
import { until } from "./until.ts";
import { WireTap } from "./wire_tap.ts";

/** Phones play tones that are this far apart; multiples of 20 Hz. */
const TONE_STEP_HZ = 140;
const LOWEST_TONE_HZ = 400;
const TONES = 12;

const QUIET_MS = 500;

/** How a phone differs from one that speaks UDP over IPv4 from its home's first address to the usual server. */
export type PhoneOptions = Partial<
  Pick<BaresipAccount, "server" | "transport" | "family" | "phone" | "ringSeconds" | "expiresSeconds">
>;

/** One test's view of the laboratory. What it made is gone after the test. */
export class LabBench<Service extends LabService = LabService> {
  readonly lab: Lab;
  readonly service: Service;
  readonly #phones: (Baresip | BrowserPhone)[] = [];
  readonly #undo = new AsyncDisposableStack();
  readonly #nextNumber: () => number;

  /** Use {@linkcode sharedLab}. */
  constructor(lab: Lab, service: Service, nextNumber: () => number) {
    this.lab = lab;
    this.service = service;
    this.#nextNumber = nextNumber;
  }

  /** Builds a home. */
  addHome(options: HomeOptions): Promise<Home> {
    return this.lab.addHome(options);
  }

  /** Starts a phone of a new user, who is registered then. */
  async startPhone(home: Home, options: PhoneOptions = {}): Promise<Baresip> {
    const number = this.#nextNumber();
    const { media } = this.service;
    const family = options.family ?? "IPv4";
    const phone = await Baresip.start(home, {
      ...userOf(number),
      directory: `${media.directory}/phone${number}`,
      domain: DOMAIN,
      server: family === "IPv6" ? `[${SERVER_ADDRESS_6}]` : SERVER_ADDRESS,
      family,
      transport: "udp",
      phone: 0,
      toneHz: LOWEST_TONE_HZ + TONE_STEP_HZ * (number % TONES),
      caFile: media.caFile,
      ...options,
    });
    this.#undo.use(phone);
    this.#phones.push(phone);
    await phone.event("REGISTER_OK");
    return phone;
  }

  /** Starts a browser as the phone of a new user, who is registered then. `server` is a WebSocket's URL. */
  async startBrowserPhone(home: Home, server: string): Promise<BrowserPhone> {
    const number = this.#nextNumber();
    const directory = `${this.service.media.directory}/phone${number}`;
    const phone = await BrowserPhone.start(home, { ...userOf(number), directory, domain: DOMAIN, server });
    this.#undo.use(phone);
    this.#phones.push(phone);
    return phone;
  }

  /** Listens to what reaches a phone from now on. */
  async tap(home: Home, phone: Baresip): Promise<WireTap> {
    const addresses = phone.account.family === "IPv6" ? home.phoneAddresses6 : home.phoneAddresses;
    const path = `${phone.account.directory}/tap-${crypto.randomUUID().slice(0, 8)}.pcap`;
    return this.#undo.use(await WireTap.start(home, addresses[phone.account.phone]!, path));
  }

  /** Has one phone call the other, and the other answer; resolves when both say that the call is up. */
  async call(caller: Baresip, callee: Baresip): Promise<void> {
    await caller.dial(callee.uri);
    await callee.event("CALL_INCOMING");
    await callee.accept();
    await Promise.all([caller.event("CALL_ESTABLISHED"), callee.event("CALL_ESTABLISHED")]);
  }

  /** Has one phone hang up, and waits until both have. */
  async disconnect(first: Baresip, other: Baresip): Promise<void> {
    await first.hangUp();
    await Promise.all([first.event("CALL_CLOSED"), other.event("CALL_CLOSED")]);
  }

  /** Has one phone hang up, and waits until both have; nothing is left of the call then. */
  async hangUp(first: Baresip, other: Baresip): Promise<void> {
    await this.disconnect(first, other);
    await this.nothingLeft();
  }

  /** Has one party put the call on hold, until neither gets sound, and resume it, until both hear each other. */
  async holdAndResume([holder, holdersHome]: [Baresip, Home], [other, othersHome]: [Baresip, Home]): Promise<void> {
    // What the phones decode is not recorded any more once they were on hold: the wire tells.
    const [atHolder, atOther] = await Promise.all([this.tap(holdersHome, holder), this.tap(othersHome, other)]);
    const from = other.process.lines.length;
    await holder.hold();
    await holder.event("CALL_REMOTE_SDP");
    await other.process.line(/^a=sendonly/, from);
    await Promise.all([silence(atHolder), silence(atOther)]);
    await holder.resume();
    await holder.event("CALL_REMOTE_SDP");
    await Promise.all([
      holder.hears(other.account.toneHz, 300, atHolder),
      other.hears(holder.account.toneHz, 300, atOther),
    ]);
  }

  /** Waits until no relay has a session of this test's phones, and the SIP server no dialog. */
  async nothingLeft(withinMs?: number): Promise<void> {
    let left: unknown[] = [];
    await until(() => `the end of ${JSON.stringify(left)}`, async () => {
      const all = [...await this.service.media.sessions(), ...await this.service.dialogs()];
      left = all.filter((it) => this.#phones.some(({ address }) => JSON.stringify(it).includes(address)));
      return left.length === 0;
    }, withinMs);
  }

  /** The addresses that the relay sends the parties' media to, caller first, of the only session there is. */
  async remotes(): Promise<[caller: string, callee: string]> {
    const sessions = await this.service.media.sessions();
    assertEquals(sessions.length, 1);
    const [stream] = sessions[0]!.streams;
    return [stream!.caller_remote, stream!.callee_remote];
  }

  /** What phones and programs wrote last. */
  logs(): string {
    return [...this.#phones, ...this.service.media.programs].map((source) => source.tail()).join("\n");
  }

  /** Stops the phones. */
  async end(): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

/** Waits until nothing has come for half a second. */
export async function silence(source: SoundSource): Promise<void> {
  let length = -1;
  let sinceMs = 0;
  await until("silence", () => {
    const { samples } = source.sound();
    if (samples.length !== length) sinceMs = performance.now();
    length = samples.length;
    return performance.now() - sinceMs >= QUIET_MS;
  });
}

/** Both parties hear each other, by what their phones decode. */
export async function hearEachOther(one: Baresip, other: Baresip): Promise<void> {
  await Promise.all([one.hears(other.account.toneHz), other.hears(one.account.toneHz)]);
}

/**
 * Registers a test that needs a laboratory, and perhaps `more` programs. Where none can be built it fails in CI (environment variable `CI`), and is
 * ignored elsewhere, with the reason in its name.
 */
export function laboratoryTest(name: string, body: () => Promise<void>, more: readonly string[] = []): void {
  const missing = missingForPhones(more);
  const ignore = missing !== undefined && !Deno.env.get("CI");
  Deno.test({
    name: ignore ? `${name} (ignored: missing ${missing}; see scripts/install_peers.sh)` : name,
    ignore,
    // The programs' output is read all the time, not within one test.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      if (missing !== undefined) throw new Error(`Cannot build the laboratory: missing ${missing}`);
      await body();
    },
  });
}

/** A test file's laboratory: built by the first test that runs, gone after the last. */
export interface SharedLab<Service extends LabService> {
  /** Registers a test, see {@linkcode laboratoryTest}. A failure shows what phones and programs wrote last. */
  test(name: string, body: (bench: LabBench<Service>) => Promise<void>, more?: readonly string[]): void;
}

/** Creates the laboratory of a test file around one service. */
export function sharedLab<Service extends LabService>(
  start: (lab: Lab) => Promise<Service>,
): SharedLab<Service> {
  const undo = new AsyncDisposableStack();
  let started: Promise<[Lab, Service]> | undefined;
  let numbers = 0;
  Deno.test.afterAll(() => undo.disposeAsync());
  const build = async (): Promise<[Lab, Service]> => {
    const lab = undo.use(await Lab.start());
    return [lab, undo.use(await start(lab))];
  };
  return {
    test(name, body, more) {
      const run = async () => {
        const bench = new LabBench(...await (started ??= build()), () => ++numbers);
        try {
          await body(bench);
        } catch (error) {
          if (error instanceof Error) error.message += `\n${bench.logs()}`;
          throw error;
        } finally {
          await bench.end();
        }
      };
      laboratoryTest(name, run, more);
    },
  };
}

/** Asked once in a test file: finding out takes a moment. */
let missingThings: { what: string | undefined } | undefined;

function missingForPhones(more: readonly string[]): string | undefined {
  missingThings ??= { what: missingPrograms() ?? missingLaboratory() };
  return missingThings.what ?? more.find((name) => findProgram(name) === undefined);
}
