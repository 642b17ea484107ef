/** `@std/assert`, from npm because not every network reaches JSR. Used by tests only. @module */
// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
