import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { FakeClock, RecordingLogger } from "../../tests/support/fakes.ts";
import { flowFrom, registerRequest } from "../../tests/support/registrations.ts";
import { LocationTable } from "./location.ts";
import { Registrar } from "./registrar.ts";

const AOR = "alice@example.com";
const MAX_CONTACTS = 3;

/** What a binding is, to a model that knows URIs only. */
interface Modelled {
  readonly callId: string;
  readonly cseq: number;
  readonly expiresAtMs: number;
}

interface Step {
  readonly waitMs: number;
  readonly callId: string;
  readonly cseq: number;
  /** Which phones, and for how many seconds. "all" is `*`. */
  readonly contacts: "all" | readonly { readonly phone: number; readonly seconds: number }[];
}

/** RFC 3261 §10.3 step 6 and 7 in as few words as possible; returns the status. */
function expected(model: Map<number, Modelled>, { callId, cseq, contacts }: Step, wallMs: number): number {
  for (const [phone, { expiresAtMs }] of model) if (expiresAtMs <= wallMs) model.delete(phone);
  const touched = contacts === "all" ? [...model.keys()] : contacts.map(({ phone }) => phone);
  const before = touched.map((phone) => model.get(phone)).filter((binding) => binding !== undefined);
  if (before.some((binding) => binding.callId === callId && binding.cseq >= cseq)) return 500;
  const after = new Map(model);
  for (const phone of touched) after.delete(phone);
  for (const { phone, seconds } of contacts === "all" ? [] : contacts) {
    if (seconds > 0 && seconds < 60) return 423;
    if (seconds > 0) after.set(phone, { callId, cseq, expiresAtMs: wallMs + seconds * 1000 });
  }
  if (after.size > model.size && after.size > MAX_CONTACTS) return 403;
  model.clear();
  for (const [phone, binding] of after) model.set(phone, binding);
  return 200;
}

const seconds = fc.oneof(fc.constantFrom(0, 59, 60), fc.integer({ min: 60, max: 600 }));
const contacts = fc.uniqueArray(fc.record({ phone: fc.nat(4), seconds }), {
  selector: ({ phone }) => phone,
  maxLength: 3,
});
const step: fc.Arbitrary<Step> = fc.record({
  waitMs: fc.nat(200_000),
  callId: fc.constantFrom("a", "b"),
  cseq: fc.integer({ min: 1, max: 30 }),
  contacts: fc.oneof({ weight: 6, arbitrary: contacts }, { weight: 1, arbitrary: fc.constant("all" as const) }),
});

Deno.test("Registrar does what RFC 3261 §10.3 says, whatever is registered in whatever order", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, sweeps) => {
    const clock = new FakeClock();
    const log = new RecordingLogger();
    const table = new LocationTable({ clock, log, maxBindings: 100 });
    const options = {
      defaultExpiresMs: 3_600_000,
      minExpiresMs: 60_000,
      maxExpiresMs: 7_200_000,
      maxContacts: MAX_CONTACTS,
    };
    const registrar = new Registrar(table, options, log);
    const model = new Map<number, Modelled>();
    for (const it of steps) {
      const nowMs = clock.advance(it.waitMs);
      if (sweeps) table.handleTimeouts(nowMs);
      const wallMs = clock.wallMs();
      const values = it.contacts === "all"
        ? ["*"]
        : it.contacts.map(({ phone, seconds }) => `<sip:${phone}@192.0.2.1>;expires=${seconds}`);
      const { callId, cseq } = it;
      const request = registerRequest({ contacts: values, callId, cseq, ...values[0] === "*" && { expires: "0" } });
      const { status } = registrar.register(request, AOR, flowFrom("192.0.2.1"), wallMs);
      assertEquals(status, expected(model, it, wallMs));
      const bindings = registrar.lookup(AOR, wallMs);
      assertEquals(
        bindings.map(({ contact, expiresAtMs }) => `${contact} ${expiresAtMs}`).sort(),
        [...model].map(([phone, { expiresAtMs }]) => `sip:${phone}@192.0.2.1 ${expiresAtMs}`).sort(),
      );
    }
    table.handleTimeouts(clock.advance(7_200_000));
    assertEquals([table.size, table.aorCount, table.nextDeadlineMs], [0, 0, Infinity]);
  }));
});
