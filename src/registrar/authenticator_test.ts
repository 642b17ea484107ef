import { assertEquals, assertNotEquals } from "../deps/assert.ts";
import {
  answerChallenge,
  parseDigestChallenge,
  parseDigestCredentials,
  serializeDigestCredentials,
} from "../sip/digest.ts";
import { computeHa1, computeResponse, type DigestCredentials } from "../sip/digest.ts";
import { seededRandom } from "../../tests/support/fakes.ts";
import { type AuthenticationRequest, Authenticator } from "./authenticator.ts";
import { UserTable } from "./users.ts";
import { parseUsers } from "./users_file.ts";

const REALM = "example.com";
const URI = "sip:example.com";

class Lab {
  readonly authenticator: Authenticator;
  readonly random = seededRandom(7);

  constructor(users = "alice:wonder\nbob:builder", maxUsedNonces = 100) {
    this.authenticator = new Authenticator({
      realm: REALM,
      nonceLifetimeMs: 300_000,
      users: new UserTable(parseUsers(users, "users.txt")),
      random: seededRandom(),
      maxUsedNonces,
    });
  }

  /** What a phone would send that was challenged at `nowMs`. */
  request(username: string, password: string, nowMs: number, sourceAddress = "192.0.2.1"): AuthenticationRequest {
    const answer = { username, password, method: "REGISTER", uri: URI };
    const credentials = answerChallenge(this.authenticator.challenge(false, nowMs), answer, this.random);
    return { credentials: [credentials], method: "REGISTER", requestUri: URI, body: "", sourceAddress };
  }

  result(request: AuthenticationRequest, nowMs: number): string {
    return this.authenticator.verify(request, nowMs).result;
  }

  attempt(username: string, password: string, nowMs: number, sourceAddress?: string): string {
    return this.result(this.request(username, password, nowMs, sourceAddress), nowMs);
  }
}

/** The same credentials with some things changed, and the response made right again. */
function changed(request: AuthenticationRequest, changes: Partial<DigestCredentials>, password = "wonder") {
  const credentials = { ...parseDigestCredentials(request.credentials[0]!), ...changes };
  const { algorithm, username, realm } = credentials;
  const ha1 = computeHa1(algorithm, username, realm, password);
  const response = computeResponse({ ...credentials, ha1, method: request.method, body: request.body });
  return { ...request, credentials: [serializeDigestCredentials({ ...credentials, response })] };
}

Deno.test("Authenticator.challenge offers SHA-256, then MD5, with the same fresh nonce (RFC 8760 §2.4)", () => {
  const { authenticator } = new Lab();
  const [first, second, ...more] = authenticator.challenge(false, 0).map(parseDigestChallenge);
  assertEquals([first!.algorithm, second!.algorithm, more.length], ["SHA-256", "MD5", 0]);
  assertEquals([first!.realm, first!.stale, first!.qop, first!.nonce], [REALM, false, "auth", second!.nonce]);
  const [stale] = authenticator.challenge(true, 0).map(parseDigestChallenge);
  assertEquals(stale!.stale, true);
  assertNotEquals(stale!.nonce, first!.nonce);
});

Deno.test("Authenticator.challenge offers nothing that some user's secrets are not good for", () => {
  const ha1 = computeHa1("MD5", "carol", REALM, "piano");
  const lab = new Lab(`alice:wonder\ncarol:{MD5}${ha1}`);
  assertEquals(lab.authenticator.challenge(false, 0).map((text) => parseDigestChallenge(text).algorithm), ["MD5"]);
  assertEquals([lab.attempt("alice", "wonder", 0), lab.attempt("carol", "piano", 0)], ["ok", "ok"]);
  const sha256 = changed(lab.request("carol", "piano", 0), { algorithm: "SHA-256" }, "piano");
  assertEquals(lab.result(sha256, 0), "wrongPassword"); // not asked for, and nothing there to check it with
});

Deno.test("Authenticator.verify lets users in, with either algorithm", () => {
  const lab = new Lab();
  const request = lab.request("alice", "wonder", 0);
  assertEquals(lab.authenticator.verify(request, 0), { result: "ok", username: "alice", realm: REALM });
  assertEquals(lab.result(changed(request, { algorithm: "MD5", nc: "00000002" }), 0), "ok");
  const withBody = changed({ ...request, body: "v=0" }, { qop: "auth-int", nc: "00000003" });
  assertEquals(lab.result({ ...withBody, body: "v=1" }, 0), "wrongPassword");
  assertEquals(lab.result(withBody, 0), "ok");
});

Deno.test("Authenticator.verify says why it lets nobody in", () => {
  const lab = new Lab();
  const good = lab.request("alice", "wonder", 0);
  const other = changed(good, { realm: "other.example" });
  assertEquals(lab.result({ ...good, credentials: [] }, 0), "missing");
  assertEquals(lab.result(other, 0), "wrongRealm");
  assertEquals(lab.result({ ...good, credentials: ["Digest nothing"] }, 0), "malformed");
  assertEquals(lab.result({ ...good, credentials: ["Basic YTpi"] }, 0), "missing"); // it is another server's affair
  assertEquals(lab.result({ ...good, method: "INVITE" }, 0), "wrongPassword");
  assertEquals(lab.attempt("alice", "Wonder", 0), "wrongPassword");
  assertEquals(lab.attempt("mallory", "", 0), "unknownUser");
  assertEquals(lab.result({ ...good, credentials: ["Digest x", ...other.credentials, ...good.credentials] }, 0), "ok");
});

Deno.test("Authenticator.verify takes no response twice, and answers of one nonce in whatever order (RFC 7616 §3.4)", () => {
  const lab = new Lab();
  const first = lab.request("alice", "wonder", 0);
  const [second, third] = ["00000002", "00000003"].map((nc) => changed(first, { nc }));
  const results = [third!, first, first, second!, third!].map((request) => lab.result(request, 0));
  assertEquals(results, ["ok", "ok", "replayed", "ok", "replayed"]);
});

Deno.test("Authenticator.verify does not use up a count that came with a wrong response", () => {
  const lab = new Lab();
  const good = lab.request("alice", "wonder", 0);
  assertEquals(lab.result(changed(good, {}, "guess"), 0), "wrongPassword");
  assertEquals(lab.result(good, 0), "ok");
});

Deno.test("Authenticator.verify finds old and unknown nonces stale (RFC 7616 §3.3)", () => {
  const lab = new Lab();
  const request = lab.request("alice", "wonder", 0);
  assertEquals(lab.result(request, 300_000), "stale");
  assertEquals(lab.result(changed(request, { nonce: "of another run" }), 0), "stale");
  const small = new Lab("alice:wonder", 1);
  const [early, late] = [small.request("alice", "wonder", 0), small.request("alice", "wonder", 1)];
  assertEquals([small.result(early, 1), small.result(late, 1), small.result(early, 1)], ["ok", "ok", "stale"]);
});

Deno.test("Authenticator.verify wants the digest-uri to lead where the Request-URI does (RFC 7616 §3.4.6)", () => {
  const lab = new Lab();
  const request = lab.request("alice", "wonder", 0);
  const withUri = (requestUri: string) => lab.result({ ...request, requestUri }, 0);
  const wrong = ["sip:bob@example.com", "sip:example.org", "sip:example.com:5062", "tel:+31"];
  assertEquals(wrong.map(withUri), Array(4).fill("wrongUri"));
  assertEquals(withUri("SIP:EXAMPLE.com;transport=tcp"), "ok");
});

Deno.test("Authenticator shuts out an address that guesses, for a minute, then for two", () => {
  const lab = new Lab();
  const guesses = Array.from({ length: 20 }, (_, index) => lab.attempt(`user${index}`, "guess", 0));
  assertEquals(new Set(guesses), new Set(["unknownUser"]));
  assertEquals(lab.attempt("alice", "wonder", 59_999), "tooMany");
  assertEquals(lab.attempt("alice", "wonder", 0, "192.0.2.2"), "ok");
  assertEquals(lab.attempt("alice", "wonder", 60_000), "ok");
  for (let index = 0; index < 20; index++) lab.attempt("bob", "guess", 60_000);
  assertEquals([lab.attempt("bob", "builder", 179_999), lab.attempt("bob", "builder", 180_000)], ["tooMany", "ok"]);
});

Deno.test("Authenticator does not let one phone's wrong password shut out the others behind its address", () => {
  const lab = new Lab();
  assertEquals(lab.attempt("alice", "wonder", 0), "ok");
  for (let index = 0; index < 20; index++) lab.attempt("bob", "typo", 1);
  assertEquals([lab.attempt("bob", "builder", 2), lab.attempt("alice", "wonder", 2)], ["tooMany", "ok"]);
  for (let index = 0; index < 20; index++) lab.attempt("alice", "guess", 3); // nor may they guess for ever
  assertEquals(lab.attempt("alice", "wonder", 4), "tooMany");
});

Deno.test("Authenticator counts what an IPv6 subscriber does as one, whatever addresses are used", () => {
  const lab = new Lab();
  for (let index = 0; index < 20; index++) lab.attempt("x", "guess", 0, `2001:db8::${index.toString(16)}`);
  assertEquals(lab.attempt("alice", "wonder", 0, "2001:db8:0:0:1:2:3:4"), "tooMany");
  assertEquals(lab.attempt("alice", "wonder", 0, "2001:db8:0:1::1"), "ok");
});

Deno.test("Authenticator counts neither first requests nor stale nonces as failures", () => {
  const lab = new Lab();
  const stale = lab.request("alice", "wonder", 0);
  for (let index = 0; index < 50; index++) {
    lab.result({ ...stale, credentials: [] }, 400_000);
    lab.result(stale, 400_000);
  }
  assertEquals(lab.attempt("alice", "wonder", 400_000), "ok");
});
