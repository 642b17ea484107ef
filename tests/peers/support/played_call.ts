/** A call in which sipp plays RTP itself, and the other sipp echoes it. @module */
import type { Bench } from "./bench.ts";
import type { Style } from "./kamailio.ts";
import { Phone } from "./phone.ts";

/** Where both sipp have their media. */
export const PLAYER_ADDRESS = "127.0.0.4";

/** How many packets the caller plays; 20 ms each. */
export const PLAYED_PACKETS = 40;

const G711_BYTES = 160;
const G711_SILENCE = 0xff;

/** Both phones. */
export interface PlayedCall extends AsyncDisposable {
  readonly id: string;
  readonly caller: Phone;
  readonly callee: Phone;
}

/** Starts such a call; the caller plays once the call is answered, and hangs up when its user wishes so. */
export async function playedCall(bench: Bench, style: Style): Promise<PlayedCall> {
  const callId = `${style}-played-${crypto.randomUUID().slice(0, 8)}`;
  const { directory } = bench.installation;
  await Deno.writeFile(`${directory}/played.pcmu`, new Uint8Array(PLAYED_PACKETS * G711_BYTES).fill(G711_SILENCE));
  const common = { callId, proxyPort: bench.kamailio(style).port, directory, mediaAddress: PLAYER_ADDRESS };
  await using undo = new AsyncDisposableStack();
  const callee = undo.use(await Phone.waiting({ ...common, scenario: "callee_echoes", args: ["-rtp_echo"] }));
  const caller = undo.use(Phone.calling({
    ...common,
    scenario: "caller_plays",
    keywords: { callee_port: `${callee.port}` },
  }));
  bench.watch(caller, callee);
  const phones = undo.move();
  return { id: callId, caller, callee, [Symbol.asyncDispose]: () => phones.disposeAsync() };
}
