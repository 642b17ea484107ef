/**
 * SIP transactions (RFC 3261 §17): requests and responses that belong together, sent again where the transport loses
 * them, and passed up once. Machines without sockets, timers or chance of their own.
 *
 * A call's life in a proxy:
 * 1. An INVITE comes to `TransactionLayer.handleMessage` (`layer.ts`). `reply_target.ts` writes into its Via where it came
 *    from, `matching.ts` makes its key; none has it, so it becomes a server transaction (`server_transaction.ts`).
 * 2. Its machine (`invite_server.ts`) sends 100; the user, the proxy core, gets the transaction. When the INVITE comes
 *    again, the machine answers with what was sent last.
 * 3. The core calls `createClient` for each place that the INVITE is to go to: `branch.ts` makes a branch, which names the
 *    client transaction (`client_transaction.ts`); its machine (`invite_client.ts`) sends until somebody responds.
 * 4. Responses find their client transaction by branch and method, and go up to the core's handler, which responds with
 *    them on the server transaction. What belongs to none is dropped.
 * 5. A 2xx leaves both machines accepted: repeated 2xx, and those of other branches, pass, repeated INVITEs do not. Its
 *    ACK belongs to no transaction: it goes up by itself and on by `sendRequestStateless`.
 *    Any other final response the client's machine acknowledges (`ack.ts`), and the server's machine repeats until it is
 *    acknowledged.
 * 6. A CANCEL is a transaction of its own; the core gets it with that of the INVITE, and calls `cancel` on the client
 *    transactions.
 * 7. BYE and all other requests: the same with `non_invite_server.ts` and `non_invite_client.ts`.
 * 8. Timers (`timers.ts`) wait in one queue (`src/env/deadlines.ts`); `src/io/deadline_driver.ts` wakes the layer. The
 *    last one ends the transaction, and nothing is left of it.
 *
 * | RFC  | what                                   | state                                                                  |
 * | ---- | -------------------------------------- | ---------------------------------------------------------------------- |
 * | 3261 | §17 transactions                       | done; timer C is the core's                                            |
 * | 3261 | §9 CANCEL                              | done                                                                   |
 * | 3261 | §17.2.3 matching, RFC 2543 peers too   | done                                                                   |
 * | 3261 | §18.2 where responses go               | done, without `maddr` and `ttl`: no multicast                          |
 * | 3261 | §16.11 stateless forwarding            | for requests without responses; §8.2.7 for responses                   |
 * | 3581 | `rport`                                | done                                                                   |
 * | 6026 | INVITE answered by 2xx                 | done                                                                   |
 * | 4320 | non-INVITE                             | the core's: no 1xx but a late 100, no 408                              |
 * | 3326 | Reason in CANCEL                       | done                                                                   |
 * | 3263 | §4.3 another server after a failure    | the core's: `failed("transport")` and `failed("timeout")` tell when    |
 * @module
 */
export { createAck, createCancel } from "./ack.ts";
export { BRANCH_COOKIE, createBranch, stableBranch } from "./branch.ts";
export type { ClientHandler, ClientTransaction, ClientTransactionState } from "./client_transaction.ts";
export {
  type TransactionCounts,
  type TransactionEnvironment,
  TransactionLayer,
  type TransactionOptions,
  type TransactionUser,
} from "./layer.ts";
export type { ClientFailure } from "./outputs.ts";
export { markReceived, replyTarget } from "./reply_target.ts";
export type { ServerTransaction, ServerTransactionState } from "./server_transaction.ts";
export { DEFAULT_TIMERS, type Timers } from "./timers.ts";
