import { assertEquals, assertThrows } from "../deps/assert.ts";
import { parseAvpSpec } from "./settings.ts";

Deno.test("parseAvpSpec() reads the spellings of OpenSIPS and Kamailio, and the bare name", () => {
  for (const text of ["$avp(mp_media_relay)", "$avp(s:mp_media_relay)", "mp_media_relay", " $avp(mp_media_relay) "]) {
    assertEquals([text, parseAvpSpec(text)], [text, "mp_media_relay"]);
  }
});

Deno.test("parseAvpSpec() refuses what is no AVP", () => {
  for (const text of ["", "$avp()", "$var(x)", "$avp(x", "a b", "$avp(i:7)"]) {
    assertThrows(() => parseAvpSpec(text), SyntaxError);
  }
});
