/** The version of all programs; deno.json has the same. @module */

export const VERSION = "0.1.0";
