/** valibot: schemas for configuration values and for JSON that comes from a peer. @module */
export * from "npm:valibot@1.5.0";
