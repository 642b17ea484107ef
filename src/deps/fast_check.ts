/** fast-check: property tests. Used by tests only. @module */
export { default as fc } from "npm:fast-check@4.10.2";
