/** The smaller sections: `[TLS]`, `[OpenSIPS]`, `[Kamailio]`, `[Accounting]`, `[Database]` and `[Radius]`. @module */

import { key, section } from "./section.ts";
import { parseAbsolutePath, parsePath, parseSeconds, parseSqlName, parseText } from "./values.ts";

/** Certificates, for dispatcher and relay alike. */
export interface TlsConfig {
  /** Directory of the certificates and keys; relative to the configuration directory. */
  readonly certsPath: string;
  /** Between two checks of the connected peers' certificates; 1000 to 2^31 - 1 ms. */
  readonly verifyIntervalMs: number;
}

/** How to ask a SIP server to end a call. */
export interface SipServerConfig {
  /** Absolute path of its Unix datagram socket for JSON-RPC. */
  readonly socketPath: string;
}

/** Accounting into a file, used when `dispatcher.accounting` holds `jsonl`. */
export interface AccountingConfig {
  /** Absolute path of a file with one JSON object for each ended call. */
  readonly jsonlPath: string;
}

/** Accounting into a database. */
export interface DatabaseConfig {
  /** `scheme://user:password@host/database`, or empty. A credential: never log it. */
  readonly dburi: string;
  /** The table. It and the columns are names that are safe in SQL without quotes. */
  readonly sessionsTable: string;
  /** Column of the Call-ID. */
  readonly callidColumn: string;
  /** Column of the From tag. */
  readonly fromtagColumn: string;
  /** Column of the To tag. */
  readonly totagColumn: string;
  /** Column of the statistics as JSON. */
  readonly infoColumn: string;
}

/** Accounting over RADIUS. */
export interface RadiusConfig {
  /** The client's configuration, in the format of freeradius-client. */
  readonly configFile: string;
  /** Dictionary with our attributes; relative to the configuration directory. */
  readonly additionalDictionary: string;
}

export const TLS_SECTION = section(
  { certs_path: key("tls", parsePath), verify_interval: key("300", parseSeconds) },
  (values): TlsConfig => ({ certsPath: values.certs_path, verifyIntervalMs: values.verify_interval }),
);

export const OPENSIPS_SECTION = section(
  { socket_path: key("/run/opensips/socket", parseAbsolutePath) },
  (values): SipServerConfig => ({ socketPath: values.socket_path }),
  {
    retired: new Map([
      ["location_table", "the SIP server's location table is not read"],
      ["max_connections", "the SIP server's socket takes datagrams, so there are no connections to limit"],
    ]),
  },
);

export const KAMAILIO_SECTION = section(
  { socket_path: key("/run/kamailio/kamailio_rpc.sock", parseAbsolutePath) },
  (values): SipServerConfig => ({ socketPath: values.socket_path }),
);

export const ACCOUNTING_SECTION = section(
  { jsonl_path: key("/var/log/mediaproxy/sessions.jsonl", parseAbsolutePath) },
  (values): AccountingConfig => ({ jsonlPath: values.jsonl_path }),
);

export const DATABASE_SECTION = section(
  {
    dburi: key("", parseText),
    sessions_table: key("media_sessions", parseSqlName),
    callid_column: key("call_id", parseSqlName),
    fromtag_column: key("from_tag", parseSqlName),
    totag_column: key("to_tag", parseSqlName),
    info_column: key("info", parseSqlName),
  },
  (values): DatabaseConfig => ({
    dburi: values.dburi,
    sessionsTable: values.sessions_table,
    callidColumn: values.callid_column,
    fromtagColumn: values.fromtag_column,
    totagColumn: values.totag_column,
    infoColumn: values.info_column,
  }),
);

export const RADIUS_SECTION = section(
  {
    config_file: key("/etc/opensips/radius/client.conf", parsePath),
    additional_dictionary: key("radius/dictionary", parsePath),
  },
  (values): RadiusConfig => ({ configFile: values.config_file, additionalDictionary: values.additional_dictionary }),
);
