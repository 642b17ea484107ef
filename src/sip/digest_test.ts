import { assertEquals, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import {
  answerChallenge,
  computeHa1,
  computeResponse,
  type DigestAlgorithm,
  type DigestCredentials,
  parseDigestChallenge,
  parseDigestCredentials,
  serializeDigestChallenge,
  serializeDigestCredentials,
} from "./digest.ts";
import { SipSyntaxError } from "./errors.ts";
import { utf8ToOctets } from "./octets.ts";
import { seededRandom } from "../../tests/support/fakes.ts";

const CREDENTIALS: DigestCredentials = {
  username: "bob",
  realm: "biloxi.com",
  nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
  uri: "sip:bob@biloxi.com",
  algorithm: "MD5",
  qop: "auth",
  nc: "00000001",
  cnonce: "0a4f113b",
  response: "6629fae49393a05397450978507c4ef1",
  opaque: "5ccc069c403ebaf9f0171e9517f40e41",
};
const TEXT = serializeDigestCredentials(CREDENTIALS);

function rfc7616Response(algorithm: DigestAlgorithm): string {
  return computeResponse({
    algorithm,
    ha1: computeHa1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life"),
    method: "GET",
    uri: "/dir/index.html",
    nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    nc: "00000001",
    cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    qop: "auth",
    body: "",
  });
}

Deno.test("computeResponse computes the examples (RFC 7616 §3.9.1)", () => {
  assertEquals(rfc7616Response("MD5"), "8ca523f5e9506fed4657c9700eebdbec");
  assertEquals(rfc7616Response("SHA-256"), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
});

Deno.test("computeResponse computes the example (RFC 2617 §3.5)", () => {
  const ha1 = computeHa1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life");
  assertEquals(ha1, "939e7578ed9e3c518a452acee763bce9");
  const input = { ...CREDENTIALS, ha1, method: "GET", uri: "/dir/index.html", body: "" };
  assertEquals(computeResponse(input), "6629fae49393a05397450978507c4ef1");
});

Deno.test("computeResponse takes the body into account with auth-int, byte by byte (RFC 7616 §3.4.3)", () => {
  const input = { ...CREDENTIALS, ha1: "939e7578ed9e3c518a452acee763bce9", method: "INVITE" };
  const [plain, changed] = ["v=0\xff", "v=1\xff"].map((body) => computeResponse({ ...input, qop: "auth-int", body }));
  assertEquals(plain === changed, false);
  assertEquals(computeResponse({ ...input, body: "a" }), computeResponse({ ...input, body: "b" })); // auth
  assertEquals(computeHa1("MD5", utf8ToOctets("Jäsøn"), "r", "p"), "dcdadd1dbb2eaf754d1c54683ad647eb");
});

Deno.test("parseDigestCredentials reads quoted, plain and unknown parameters in any order (RFC 3261 §25.1)", () => {
  assertEquals(parseDigestCredentials(TEXT), CREDENTIALS);
  const odd = 'digest  NC="00000001" ,qop="auth",cnonce=0a4f113b, RESPONSE=6629FAE49393A05397450978507C4EF1,' +
    `uri="sip:bob@biloxi.com", nonce="${CREDENTIALS.nonce}", realm = "biloxi.com" ,username="b\\ob",x-more="a,b=\\"c"`;
  assertEquals(parseDigestCredentials(odd), { ...CREDENTIALS, opaque: "" });
});

Deno.test("parseDigestCredentials refuses what is said twice, left out or not known", () => {
  const refused = [
    "",
    "Digest",
    "Digest ",
    "Basic Ym9iOnNlY3JldA==",
    `${TEXT},`,
    `${TEXT}, , x=1`,
    `${TEXT} x=1`,
    `${TEXT}, USERNAME="alice"`, // one server would take the first, another the last
    `${TEXT}, x="open`,
    `${TEXT}, x`,
    `${TEXT}, =1`,
    `${TEXT}, x=${"a".repeat(5000)}`,
    TEXT.replace('username="bob"', "username*=UTF-8''bob"),
    TEXT.replace("qop=auth, ", ""),
    TEXT.replace("qop=auth", "qop=token"),
    TEXT.replace("nc=00000001", "nc=1"),
    TEXT.replace("nc=00000001", "nc=0000000g"),
    TEXT.replace("algorithm=MD5", "algorithm=MD5-sess"),
    TEXT.replace("algorithm=MD5", "algorithm=SHA-256"), // the response is too short
    ...["realm", "nonce", "uri", "cnonce", "response", "nc"].map((name) => TEXT.replace(` ${name}=`, ` x-${name}=`)),
  ];
  for (const text of refused) assertThrows(() => parseDigestCredentials(text), SipSyntaxError, "", text);
});

Deno.test("parseDigestCredentials() takes what serializeDigestCredentials() writes, whatever the strings", () => {
  const text = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)) });
  fc.assert(fc.property(text, text, text, text, text, (username, realm, nonce, uri, cnonce) => {
    const credentials = { ...CREDENTIALS, username, realm, nonce, uri, cnonce };
    assertEquals(parseDigestCredentials(serializeDigestCredentials(credentials)), credentials);
  }));
});

Deno.test("parseDigestCredentials() returns or throws SipSyntaxError, whatever the text", () => {
  const mutated = fc.tuple(fc.nat(TEXT.length), fc.nat(3), fc.string()).map(([at, gone, more]) =>
    TEXT.slice(0, at) + more + TEXT.slice(at + gone)
  );
  fc.assert(fc.property(fc.oneof(mutated, fc.string().map((text) => `Digest ${text}`)), (text) => {
    try {
      parseDigestCredentials(text);
    } catch (error) {
      assertEquals(error instanceof SipSyntaxError, true);
    }
  }));
});

Deno.test("serializeDigestChallenge and parseDigestChallenge agree (RFC 7616 §3.3)", () => {
  const challenge = {
    realm: 'a "b"',
    nonce: "n",
    algorithm: "SHA-256",
    qop: "auth",
    stale: true,
    opaque: "o",
  } as const;
  const text = serializeDigestChallenge(challenge);
  assertEquals(text, 'Digest realm="a \\"b\\"", nonce="n", algorithm=SHA-256, qop="auth", stale=TRUE, opaque="o"');
  assertEquals(parseDigestChallenge(text), challenge);
  assertEquals(
    parseDigestChallenge('Digest realm="r", nonce="n", qop="token, auth-int,auth"'),
    { realm: "r", nonce: "n", algorithm: "MD5", qop: "auth", stale: false, opaque: "" },
  );
  assertThrows(() => parseDigestChallenge('Digest realm="r", nonce="n"'), SipSyntaxError);
});

Deno.test("answerChallenge answers the first challenge that it understands (RFC 8760 §2.4)", () => {
  const challenges = [
    'Digest realm="r", nonce="a", algorithm=SHA-512-256, qop="auth"',
    'Digest realm="r", nonce="b", algorithm=SHA-256, qop="auth", opaque="o"',
    'Digest realm="r", nonce="c", algorithm=MD5, qop="auth"',
  ];
  const answer = { username: "bob", password: "secret", method: "REGISTER", uri: "sip:r" };
  const credentials = parseDigestCredentials(answerChallenge(challenges, answer, seededRandom()));
  assertEquals([credentials.nonce, credentials.algorithm, credentials.opaque], ["b", "SHA-256", "o"]);
  const ha1 = computeHa1("SHA-256", "bob", "r", "secret");
  assertEquals(credentials.response, computeResponse({ ...credentials, ha1, method: "REGISTER", body: "" }));
  assertThrows(() => answerChallenge(challenges.slice(0, 1), answer, seededRandom()), SipSyntaxError);
  assertThrows(() => answerChallenge([], answer, seededRandom()), SipSyntaxError);
});
