/**
 * Where our answers differ from the original's, on purpose. A difference that is not here fails the replay, and so does
 * a line here that no longer occurs. "mistake" is one of PROTOCOL 6.
 * @module
 */
import type { Difference } from "./compare.ts";

export interface Deviation extends Difference {
  readonly reason: string;
}

type SectionDeviations = Readonly<Record<string, readonly Deviation[]>>;

function deviation(where: string, theirs: string, ours: string, reason: string): Deviation {
  return { where, theirs, ours, reason };
}

const KAMAILIO = deviation(
  "ended dialog 1",
  'dlg_end_dlg ["10:20"]',
  "dlg.end_dlg [10,20]",
  "the dialog id is Kamailio's, which has no dlg_end_dlg",
);

function alreadyHungUp(count: number): Deviation {
  const reason = "the first four are calls that mistake 7 has left over; the SIP server itself has ended the fifth";
  return deviation(`ended dialog ${count}`, 'dlg_end_dlg ["10:20"]', "nothing", reason);
}

function reportedLate(callId: string): Deviation[] {
  const statistics = `${callId} from ft-${callId}: audio no-traffic timeout`;
  const reason =
    "a report of an expired call waits until its dispatcher is back, where the original lost it (mistake 3)";
  return [
    deviation(`statistics of ${callId}`, "nothing", statistics, reason),
    deviation("ended dialog 1", "nothing", "dlg.end_dlg [10,20]", reason),
  ];
}

/** The call with audio, held video, disabled video and refused fax. */
function multi(callId: string, theirOrder: string, theirPorts: readonly [number, number]): SectionDeviations {
  const streams = `statistics of ${callId} streams`;
  const disabled = "a stream that is offered disabled takes no ports";
  return {
    call: [
      deviation(
        streams,
        theirOrder,
        "audio closed, video closed, video closed, image rejected",
        "the original's order is by chance, ours that of the SDP",
      ),
      deviation(`${streams} 2 caller_local`, `127.0.0.1:${theirPorts[0]}`, "Unknown", disabled),
      deviation(`${streams} 2 callee_local`, `127.0.0.1:${theirPorts[1]}`, "Unknown", disabled),
    ],
  };
}

const NO_SESSION_LEFT = "nothing to relay is an error, and leaves no session (mistake 7)";
const REFUSED_ANSWER = "an answer that is refused changes nothing; the original has taken half of it";

/** By file and section, in the order in which they occur. */
export const DEVIATIONS: Readonly<Record<string, SectionDeviations>> = {
  "eng_multi.txt": multi(
    "1-30575@127.0.0.1",
    "video closed, audio closed, image rejected, video closed",
    [50088, 50090],
  ),
  "use_multi.txt": multi(
    "1-26390@127.0.0.1",
    "video closed, video closed, audio closed, image rejected",
    [50016, 50018],
  ),
  "events_expiry.txt": {
    "A. offer only, nothing else; stream_timeout=6": [
      deviation("answer 2", "error", "removed", "that a call expired is remembered, so that its removal is no error"),
      deviation("statistics of exA timed_out", "false", "true", "it did time out, and ICE was not used (mistake 6)"),
      deviation("statistics of exA all_streams_ice", "true", "false", "ICE was not used (mistake 6)"),
    ],
    "B. offer+answer, no media": [KAMAILIO],
    "D. on hold (sendonly/recvonly) 10 s on_hold_timeout, one way of media before, then no media": [KAMAILIO],
    "E. media flowed, then stopped (kernel conntrack rule of the relay expires after its 60 s initial timeout)": [
      deviation(
        "statistics of exE streams 0 timeout_wait",
        "120",
        "60",
        "the limit that ended the stream, where the original names another than the kernel's (mistake 4)",
      ),
      KAMAILIO,
    ],
  },
  "events_lifecycle.txt": {
    "1. relay killed with SIGKILL while a call is up": [1, 2, 3, 4, 5].map(alreadyHungUp),
    "2. relay stopped with SIGTERM while a call is up": [KAMAILIO],
    "4. relay frozen (SIGSTOP), relay_timeout=5": [
      deviation(
        "statistics of lz4",
        "nothing",
        "lz4 from ft-lz4: none",
        "the recording's logs end before this removal",
      ),
      KAMAILIO,
    ],
    "5. dispatcher SIGTERM and start again while a call is up": reportedLate("ld1"),
    "6. dispatcher SIGKILL and start again": reportedLate("ldk"),
  },
  "events_protocol.txt": {
    "no signaling_ip": [
      deviation("answer 1", "error", "127.0.0.1 40002", "signaling_ip is not needed (mistake 2)"),
    ],
    "bad media": [deviation("answer 1", "None", "error", NO_SESSION_LEFT)],
    "media absent in a new request": [deviation("answer 1", "None", "error", NO_SESSION_LEFT)],
    "media absent in a new reply": [deviation("answer 1", "None", "error", NO_SESSION_LEFT)],
    "IPv6 media address": [
      deviation("answer 1", "None", "127.0.0.1 40006", "IPv6 addresses are understood (mistake 7)"),
    ],
    "old cseq after new one": [
      deviation(
        "answer 2",
        "None",
        "127.0.0.1 40022",
        "an old message is told the ports as they are; None is no answer",
      ),
    ],
    "answer with other media type": [
      deviation("statistics of mt to_tag", "tt-mt", "null", REFUSED_ANSWER),
      deviation("statistics of mt start_time", "1795367926.9699333", "null", REFUSED_ANSWER),
      deviation("statistics of mt callee_ua", "UA", "Unknown", REFUSED_ANSWER),
      deviation("statistics of mt streams", "audio closed", "none", REFUSED_ANSWER),
    ],
    "second from_tag under one call_id (forked/new INVITE with same Call-ID)": [
      deviation("answer 4", "error", "removed", "both sessions under one Call-ID are known (mistake 8)"),
      deviation("statistics of ff", "nothing", "ff from ft-ff: none", "the first session does not leak (mistake 8)"),
    ],
    "LF only line ends": [deviation("answer 1", "", "error", "a bare LF ends a line, so that there is an answer")],
    "non UTF-8 header": [
      deviation("answer 1", "<EOF>", "error", "a bad byte does not cost the SIP server its connection (mistake 9)"),
    ],
    "20000 byte header line": [
      deviation("answer 1", "<EOF>", "error", "a long header does not cost the SIP server its connection (mistake 9)"),
    ],
  },
};
