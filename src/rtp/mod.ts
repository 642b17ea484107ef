/** RTP as a relay sees it: telling packets apart and reading headers; payloads are never touched. @module */
export * from "./codec_name.ts";
export * from "./demux.ts";
