/** The relay's kernel path alone, in a namespace of its own, commanded by a test. @module */
import { KernelService } from "../../../relay/io/kernel_service.ts";
import type { KernelPair } from "../../../relay/kernel/gate.ts";
import type { Counts, FlowPair } from "../../../relay/kernel/flow.ts";
import type { TableOptions } from "../../../relay/kernel/table.ts";
import type { Logger } from "../../../src/env/log.ts";
import { serve } from "./agent_server.ts";

/** What became of a pair. */
export interface PairState {
  readonly entered: boolean;
  readonly caller: Counts;
  readonly callee: Counts;
  readonly left: string | null;
}

const NONE: Counts = { packets: 0, bytes: 0 };
interface Pair {
  pair: KernelPair | undefined;
  entered: boolean;
  caller: Counts;
  callee: Counts;
  left: string | null;
}

const pairs: Pair[] = [];
const seen = new Map<number, number>();
const sockets = new Map<number, Deno.DatagramConn>();
const log: string[] = [];
const note = (message: string | (() => string)) => void log.push(typeof message === "string" ? message : message());
const logger: Logger = { isEnabled: () => true, debug: note, info: note, warning: note, error: note };
let service: KernelService;

function plus(a: Counts, b: Counts): Counts {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}

await serve({
  async start(options: TableOptions & { maxLines?: number }) {
    service = new KernelService({ maxLines: Infinity, ...options, maxPollMs: 4000 }, logger, {
      changed() {},
      read() {},
    });
    return await service.start();
  },
  /** Binds a socket of the relay, which counts what comes to it. */
  bind({ hostname, port }: { hostname: string; port: number }) {
    const conn = Deno.listenDatagram({ transport: "udp", hostname, port });
    seen.set(port, 0);
    sockets.set(port, conn);
    (async () => {
      for (;;) {
        await conn.receive();
        seen.set(port, seen.get(port)! + 1);
      }
    })();
  },
  reply: ({ port, to }: { port: number; to: { hostname: string; port: number } }) =>
    sockets.get(port)!.send(new Uint8Array(172), { transport: "udp", ...to }),
  seen: ({ port }: { port: number }) => seen.get(port),
  enter(flows: FlowPair) {
    const state: Pair = { pair: undefined, entered: false, caller: NONE, callee: NONE, left: null };
    state.pair = service.enter(flows, {
      entered: () => void (state.entered = true),
      counted(caller, callee) {
        state.caller = plus(state.caller, caller);
        state.callee = plus(state.callee, callee);
      },
      left: (why) => void (state.left = why),
    });
    return state.pair === undefined ? null : pairs.push(state) - 1;
  },
  leave: ({ id }: { id: number }) => pairs[id]!.pair!.leave("asked"),
  pair: ({ id }: { id: number }): PairState => ({ ...pairs[id]!, pair: undefined } as PairState),
  summary: () => service.summary,
  log: () => log,
  close: () => service.close(),
});
await service!.close();
Deno.exit();
