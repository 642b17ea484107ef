/** What the commands of `control.ts` do to a running proxy. @module */
import type { DialogTable } from "../dialog/dialog_table.ts";
import type { Dialog } from "../dialog/dialog.ts";
import type { Clock } from "../env/clock.ts";
import type { Binding } from "../registrar/binding.ts";
import type { LocationTable } from "../registrar/location.ts";
import { SipSyntaxError } from "../sip/errors.ts";
import { parseSipUri, serializeHostPort } from "../sip/uri.ts";
import type { ContactListing, ControlOperations, DialogListing, LocationListing } from "./control.ts";
import type { EngagedMedia } from "./engaged_media.ts";
import { aorOf } from "./registration.ts";

/** What the commands work on. */
export interface OperationsOptions {
  readonly dialogs: DialogTable;
  readonly media: EngagedMedia;
  readonly locations: LocationTable;
  readonly clock: Clock;
  /** For addresses that are given without one. */
  readonly domain: string;
  readonly statistics: () => Readonly<Record<string, number>>;
  readonly reloadScript: () => Promise<void>;
}

/** See the module comment. */
export function createOperations(options: OperationsOptions): ControlOperations {
  const { dialogs, media, locations, clock, domain } = options;
  const contacts = (aor: string) => locations.bindingsOf(aor, clock.wallMs()).map((it) => contactListing(it, clock));
  return {
    endDialog(id) {
      const dialog = dialogs.byId(id);
      if (dialog === undefined) return Promise.resolve("unknown" as const);
      media.end(dialog, "Media timed out");
      return Promise.resolve("ended" as const);
    },
    *dialogs(): Iterable<DialogListing> {
      for (const dialog of dialogs.values()) yield dialogListing(dialog, clock);
    },
    contacts(text) {
      const aor = aorFrom(text, domain);
      return aor === undefined ? [] : contacts(aor);
    },
    *locations(): Iterable<LocationListing> {
      for (const aor of locations.aors()) yield { aor, contacts: contacts(aor) };
    },
    statistics: options.statistics,
    reloadScript: options.reloadScript,
  };
}

/** `undefined` for a URI that is none. */
function aorFrom(text: string, domain: string): string | undefined {
  if (!/^sips?:/i.test(text)) return text.includes("@") ? text : `${text}@${domain}`;
  try {
    return aorOf(parseSipUri(text));
  } catch (error) {
    if (error instanceof SipSyntaxError) return undefined;
    throw error;
  }
}

function dialogListing(dialog: Dialog, clock: Clock): DialogListing {
  const { id, state, callId, caller, legs, startedAtWallMs, expiresAtMs } = dialog;
  return {
    id,
    state: state === "early" ? "early" : "confirmed",
    callId,
    fromUri: caller.address,
    toUri: legs[0]?.party.address ?? "",
    callerTag: caller.tag,
    callerContact: caller.contact,
    callees: legs.map(({ party }) => ({ tag: party.tag, contact: party.contact })),
    startedAtWallMs,
    expiresAtWallMs: clock.wallMs() + expiresAtMs - clock.nowMs(),
  };
}

function contactListing(binding: Binding, clock: Clock): ContactListing {
  const { contact, expiresAtMs, q, callId, cseq, userAgent, path, source, natted, instanceId } = binding;
  const { transport, listenPoint } = source;
  return {
    uri: contact,
    expiresInMs: Math.max(expiresAtMs - clock.wallMs(), 0),
    q,
    callId,
    cseq,
    userAgent,
    received: natted ? `sip:${serializeHostPort(source.address, source.port)};transport=${transport}` : "",
    path,
    socket: `${transport}:${serializeHostPort(listenPoint.address, listenPoint.port)}`,
    instance: instanceId,
  };
}
