/** RTP as a relay sees it: telling packets apart, reading headers and reports; payloads are never touched. @module */
export * from "./clock_rate.ts";
export * from "./codec_name.ts";
export * from "./demux.ts";
export * from "./e_model.ts";
export * from "./rtcp.ts";
export * from "./udptl.ts";
