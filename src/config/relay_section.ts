/** `[Relay]`. @module */

import { LEARNING_MODES, type LearningMode } from "../control/learning_mode.ts";
import { type LogLevel, quoted } from "../env/log.ts";
import type { Passport } from "../tls/passport.ts";
import { parsePassport } from "../tls/passport.ts";
import {
  type HostPort,
  type Network,
  parseHostAddress,
  parseHostPortList,
  parseNetworkList,
  parsePortRange,
  type PortRange,
} from "./addresses.ts";
import { parseDscp } from "./dscp.ts";
import { suggestion } from "./nearest.ts";
import { parseRelayAddresses, type RelayAddress } from "./relay_addresses.ts";
import { key, section } from "./section.ts";
import {
  type LogFormat,
  parseBoolean,
  parseLogFormat,
  parseLogLevel,
  parseSeconds,
  parseSecondsOrZero,
  parseWholeNumber,
} from "./values.ts";

/** The port on which a dispatcher waits for relays. */
export const DISPATCHER_PORT = 25060;

/** The values of `kernel`. */
export const KERNEL_MODES = ["auto", "off", "on"] as const;

/** How much of the kernel path is wanted. */
export type KernelMode = (typeof KERNEL_MODES)[number];

/** What a relay is told. Durations are at most 2^31 - 1 ms. */
export interface RelayConfig {
  /** Served at the same time; none is twice in the list. */
  readonly dispatchers: readonly HostPort[];
  /** What a dispatcher's certificate must say; `undefined`: any certificate of the CA will do. */
  readonly passport: Passport | undefined;
  /** Where the media sockets are bound; empty: the address of the interface with the default route. */
  readonly addresses: readonly RelayAddress[];
  /** What parties are told instead of the first address; `undefined`: that address, or what `addresses` says. */
  readonly advertisedIp: string | undefined;
  /** Where media ports are taken from. */
  readonly portRange: PortRange;
  /** A stream without a first packet ends after this time; at least 1000. */
  readonly streamTimeoutMs: number;
  /** A stream on hold ends after this time; at least 1000. */
  readonly onHoldTimeoutMs: number;
  /** A stream that falls silent ends after this time; at least 1000. */
  readonly idleTimeoutMs: number;
  /** How the addresses of parties are learnt, unless a call has a mode of its own. */
  readonly learning: LearningMode;
  /** Whether a NAT's new mapping is followed without signalling. */
  readonly rebinding: boolean;
  /** m= lines of one SDP; 1 to 32. */
  readonly maxStreamsPerSession: number;
  /** Of each party, to each of its ports; Infinity: as many as come. */
  readonly maxPacketsPerSecond: number;
  /** A party that is not heard for this time is noticed; 0: not. */
  readonly oneWayAfterMs: number;
  /** Between two look-ups of the dispatchers' names; at least 1000. */
  readonly dnsCheckIntervalMs: number;
  /** Between two pings; at least 1000. */
  readonly keepaliveIntervalMs: number;
  /** Before a dispatcher that could not be reached is tried again; at least 1000. */
  readonly reconnectDelayMs: number;
  /** Over which the relayed bit rate is measured; 0: not measured. */
  readonly trafficSamplingPeriodMs: number;
  /** Private networks whose addresses in SDP can be reached all the same. */
  readonly routablePrivateRanges: readonly Network[];
  /** How long a freed port rests; may be 0. */
  readonly portRestTimeMs: number;
  /** Isolates that carry media, 1 to 256; `undefined`: one for each core. */
  readonly workers: number | undefined;
  /** Sessions at the same time; 0: no limit but the ports. */
  readonly maxSessions: number;
  /** On average over a second; 0: no limit. */
  readonly maxNewSessionsPerSecond: number;
  /** Whether the kernel carries learnt streams: where it can, where it must, or never. */
  readonly kernel: KernelMode;
  /** How long userspace carries a stream whose parties have been learnt; may be 0. */
  readonly kernelAfterMs: number;
  /** The DSCP of all packets that the relay sends, 0 to 63; `undefined`: the system's. */
  readonly dscp: number | undefined;
  /** Of the relay's own log. */
  readonly logLevel: LogLevel;
  /** Of the relay's own log. */
  readonly logFormat: LogFormat;
}

export const RELAY_SECTION = section(
  {
    dispatchers: key("", (text) => parseHostPortList(text, DISPATCHER_PORT)),
    passport: key("None", parsePassport),
    relay_ip: key("None", parseRelayAddresses),
    advertised_ip: key("None", parseHostAddress),
    port_range: key("40000:60000", parsePortRange),
    stream_timeout: key("90", parseSeconds),
    on_hold_timeout: key("7200", parseSeconds),
    idle_timeout: key("180", parseSeconds),
    one_way_after: key("10", parseSecondsOrZero),
    learning: key("heuristic", parseLearningMode),
    rebinding: key("yes", parseBoolean),
    max_streams_per_session: key("32", (text) => parseWholeNumber(text, 1, 32, "a number of streams")),
    max_packets_per_second: key("10000", parseLimit),
    dns_check_interval: key("60", parseSeconds),
    keepalive_interval: key("10", parseSeconds),
    reconnect_delay: key("10", parseSeconds),
    traffic_sampling_period: key("15", parseSecondsOrZero),
    routable_private_ranges: key("None", parseNetworkList),
    port_rest_time: key("5", parseSecondsOrZero),
    workers: key("auto", parseWorkers),
    max_sessions: key("0", parseLimit),
    max_new_sessions_per_second: key("0", parseLimit),
    kernel: key("auto", parseKernelMode),
    kernel_after: key("5", parseSecondsOrZero),
    dscp: key("None", parseDscp),
    log_level: key("INFO", parseLogLevel),
    log_format: key("text", parseLogFormat),
  },
  (values): RelayConfig => ({
    dispatchers: values.dispatchers,
    passport: values.passport,
    addresses: values.relay_ip.map((it, index) =>
      index === 0 ? { ...it, advertised: it.advertised ?? values.advertised_ip } : it
    ),
    advertisedIp: values.advertised_ip,
    portRange: values.port_range,
    streamTimeoutMs: values.stream_timeout,
    onHoldTimeoutMs: values.on_hold_timeout,
    idleTimeoutMs: values.idle_timeout,
    oneWayAfterMs: values.one_way_after,
    learning: values.learning,
    rebinding: values.rebinding,
    maxStreamsPerSession: values.max_streams_per_session,
    maxPacketsPerSecond: values.max_packets_per_second || Infinity,
    dnsCheckIntervalMs: values.dns_check_interval,
    keepaliveIntervalMs: values.keepalive_interval,
    reconnectDelayMs: values.reconnect_delay,
    trafficSamplingPeriodMs: values.traffic_sampling_period,
    routablePrivateRanges: values.routable_private_ranges,
    portRestTimeMs: values.port_rest_time,
    workers: values.workers,
    maxSessions: values.max_sessions,
    maxNewSessionsPerSecond: values.max_new_sessions_per_second,
    kernel: values.kernel,
    kernelAfterMs: values.kernel_after,
    dscp: values.dscp,
    logLevel: values.log_level,
    logFormat: values.log_format,
  }),
  {
    retired: new Map([
      [
        "userspace_transmit_every",
        "the relay's counters do not slow it down, so none of its packets are left uncounted",
      ],
      ["up_ports", "the relay has one range of ports, port_range"],
    ]),
  },
);

function parseLearningMode(text: string): LearningMode {
  const mode = LEARNING_MODES.find((known) => known === text.toLowerCase());
  if (mode === undefined) {
    throw new SyntaxError(`${quoted(text)} is not heuristic, strict or open${suggestion(text, LEARNING_MODES)}`);
  }
  return mode;
}

function parseKernelMode(text: string): KernelMode {
  const mode = KERNEL_MODES.find((known) => known === text.toLowerCase());
  if (mode === undefined) throw new SyntaxError(`${quoted(text)} is not auto, off or on`);
  return mode;
}

/** Far more than any host has cores. */
const MAX_WORKERS = 256;

function parseWorkers(text: string): number | undefined {
  return text.toLowerCase() === "auto" ? undefined : parseWholeNumber(text, 1, MAX_WORKERS, "auto or a whole number");
}

function parseLimit(text: string): number {
  return parseWholeNumber(text, 0, 1_000_000, "a whole number");
}
