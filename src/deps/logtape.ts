/** LogTape: the log behind `src/io/log.ts`. @module */
export { configureSync, getLogger, resetSync } from "npm:@logtape/logtape@2.4.2";
export type { LogRecord, Sink } from "npm:@logtape/logtape@2.4.2";
