/** sdp-transform: reading of session descriptions (RFC 8866). @module */
// @ts-types="npm:@types/sdp-transform@3.0.0"
export { parse } from "npm:sdp-transform@3.0.0";
