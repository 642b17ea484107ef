/**
 * `deno bundle` takes JsSIP's `require("events")` for Node's own module, which no browser has: this is npm's in its place.
 * To be imported before JsSIP.
 * @module
 */
import EventEmitter from "npm:events@3.3.0";

globalThis.require = (name) => {
  if (name === "node:events") return EventEmitter;
  throw new Error(`Cannot require ${name}: browsers have no such module`);
};
