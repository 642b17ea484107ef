/** Header names: their compact forms and their usual spelling (RFC 3261 §7.3.3, §20). @module */

/** One-letter names (RFC 3261 §7.3.3, and the RFCs that added theirs). */
const COMPACT: Readonly<Record<string, string>> = {
  a: "accept-contact",
  b: "referred-by",
  c: "content-type",
  d: "request-disposition",
  e: "content-encoding",
  f: "from",
  i: "call-id",
  j: "reject-contact",
  k: "supported",
  l: "content-length",
  m: "contact",
  n: "identity-info",
  o: "event",
  r: "refer-to",
  s: "subject",
  t: "to",
  u: "allow-events",
  v: "via",
  x: "session-expires",
  y: "identity",
};

const USUAL = [
  "Accept",
  "Accept-Encoding",
  "Accept-Language",
  "Alert-Info",
  "Allow",
  "Allow-Events",
  "Authentication-Info",
  "Authorization",
  "Call-ID",
  "Call-Info",
  "Contact",
  "Content-Disposition",
  "Content-Encoding",
  "Content-Language",
  "Content-Length",
  "Content-Type",
  "CSeq",
  "Date",
  "Error-Info",
  "Event",
  "Expires",
  "Flow-Timer",
  "From",
  "In-Reply-To",
  "Max-Forwards",
  "MIME-Version",
  "Min-Expires",
  "Min-SE",
  "Organization",
  "P-Asserted-Identity",
  "Path",
  "Priority",
  "Privacy",
  "Proxy-Authenticate",
  "Proxy-Authorization",
  "Proxy-Require",
  "RAck",
  "Reason",
  "Record-Route",
  "Refer-To",
  "Referred-By",
  "Reply-To",
  "Require",
  "Retry-After",
  "Route",
  "RSeq",
  "Server",
  "Service-Route",
  "Session-Expires",
  "Subject",
  "Subscription-State",
  "Supported",
  "Timestamp",
  "To",
  "Unsupported",
  "User-Agent",
  "Via",
  "Warning",
  "WWW-Authenticate",
];

const SPELLINGS = new Map(USUAL.map((name) => [name.toLowerCase(), name]));
/** From a name as peers usually write it, without a search and without making a string. */
const KNOWN = new Map([
  ...USUAL.flatMap((
    name,
  ): [string, string][] => [[name, name.toLowerCase()], [name.toLowerCase(), name.toLowerCase()]]),
  ...Object.entries(COMPACT).flatMap(([letter, name]): [string, string][] => [[letter, name], [
    letter.toUpperCase(),
    name,
  ]]),
]);

/** The name by which a header is known here: lower case, never compact. */
export function canonicalName(name: string): string {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  return KNOWN.get(lower) ?? lower;
}

/** The usual spelling of a canonical name; words are capitalised if there is none. */
export function spelledName(canonical: string): string {
  return SPELLINGS.get(canonical) ?? canonical.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
