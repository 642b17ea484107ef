/**
 * How a SIP server is told to end a call whose media has stopped: JSON-RPC 2.0 over a Unix datagram socket.
 *
 * | server   | dialog_id            | method        | params             |
 * | -------- | -------------------- | ------------- | ------------------ |
 * | OpenSIPS | `h_entry << 32 \| h_id` in decimal | `dlg_end_dlg` | `["<dialog_id>"]` |
 * | Kamailio | `h_entry:h_id`       | `dlg.end_dlg` | `[h_entry, h_id]`  |
 * @module
 */
import * as v from "../deps/valibot.ts";
import { parseJson } from "../control/signaling_ip.ts";

export type SipServer = "opensips" | "kamailio";

export interface EndDialogRequest {
  readonly server: SipServer;
  /** One datagram. */
  readonly json: string;
}

/** The request for a dialog, or `undefined` if no server writes its dialog ids so. */
export function endDialogRequest(dialogId: string, requestId: string): EndDialogRequest | undefined {
  const [, entry, id] = /^(\d{1,10}):(\d{1,10})$/.exec(dialogId) ?? [];
  if (entry !== undefined && id !== undefined) {
    return { server: "kamailio", json: jsonRpc("dlg.end_dlg", [Number(entry), Number(id)], requestId) };
  }
  if (!/^\d{1,20}$/.test(dialogId)) return undefined;
  return { server: "opensips", json: jsonRpc("dlg_end_dlg", [dialogId], requestId) };
}

function jsonRpc(method: string, params: unknown[], id: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

const Answer = v.looseObject({
  error: v.optional(v.looseObject({ code: v.optional(v.number()), message: v.optional(v.string()) })),
});

/** Why the server refused, or `undefined` if it did not. */
export function endDialogRefusal(answer: string): string | undefined {
  const { success, output } = v.safeParse(Answer, parseJson(answer));
  if (!success) return `its answer ${JSON.stringify(answer.slice(0, 80))} is not JSON-RPC`;
  if (output.error === undefined) return undefined;
  return `${output.error.message ?? "error"} (${output.error.code ?? "no code"})`;
}
