/** node:crypto: hashes that answer at once; WebCrypto's make their caller wait, and know no MD5. @module */
export { createHash, hash as hashOnce, timingSafeEqual } from "node:crypto";
