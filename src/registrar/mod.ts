/**
 * Who the users are, and where they are.
 *
 * A REGISTER on its way:
 * 1. `authenticator.ts` says who sent it, or why it does not know: nonces (`nonce.ts`) that are good for each request once,
 *    users (`users.ts`) from a file (`users_file.ts`, `io/users_file.ts`) or a database (`io/user_database.ts`), and a
 *    limit for those who guess (`failure_limit.ts`).
 * 2. `registrar.ts` reads its Contacts (`contacts.ts`), finds those that are there already, and makes bindings (`binding.ts`)
 *    of them, or refuses all of it.
 * 3. `location.ts` holds the bindings until they expire, or their connection closes, and tells `io/location_database.ts`,
 *    which keeps them across restarts.
 * 4. `keepalive.ts` pings those behind NATs, which `nat.ts` has found out.
 * 5. A call for the user finds them with `lookup`, each with the target that leads to it.
 *
 * | RFC        | done                                                                                 |
 * | ---------- | ------------------------------------------------------------------------------------ |
 * | 3261 §10   | all (`registrar.ts` has the details)                                                 |
 * | 3261 §22   | all that servers do, but for Authentication-Info                                     |
 * | 7616, 8760 | MD5 and SHA-256, qop auth and auth-int; no -sess, no userhash                        |
 * | 3327       | registrar                                                                            |
 * | 5626       | flows by instance-id and reg-id; not offered as `outbound`                           |
 * @module
 */
export * from "./authenticator.ts";
export * from "./binding.ts";
export * from "./keepalive.ts";
export * from "./location.ts";
export * from "./nat.ts";
export * from "./registrar.ts";
export * from "./users.ts";
export * from "./users_file.ts";
