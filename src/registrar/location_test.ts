import { assertEquals } from "../deps/assert.ts";
import { FakeClock, RecordingLogger } from "../../tests/support/fakes.ts";
import { bindingOf, flowFrom, listenPoint } from "../../tests/support/registrations.ts";
import { type Binding, bindingKey } from "./binding.ts";
import { type LocationStore, LocationTable, type StoredBinding } from "./location.ts";

class MemoryStore implements LocationStore {
  readonly kept = new Map<string, StoredBinding>();
  load(): Iterable<StoredBinding> {
    return [...this.kept.values()];
  }
  put(binding: StoredBinding): void {
    this.kept.set(bindingKey(binding), binding);
  }
  remove(binding: StoredBinding): void {
    this.kept.delete(bindingKey(binding));
  }
}

class Lab {
  readonly clock = new FakeClock();
  readonly log = new RecordingLogger();
  readonly store = new MemoryStore();
  readonly events: string[] = [];
  readonly table: LocationTable;

  constructor(maxBindings = 100, readonly wallMs = 0) {
    this.clock.wallMs = () => this.clock.nowMs() - 1000 + wallMs; // the fake clock begins at 1000
    const { clock, log, store } = this;
    this.table = new LocationTable({ clock, log, maxBindings, store });
    this.table.observe({
      added: ({ contact }) => this.events.push(`+${contact}`),
      removed: ({ contact }, reason) => this.events.push(`-${contact} ${reason}`),
    });
  }

  contacts(aor = "alice@example.com", wallMs = 0): string[] {
    return this.table.lookup(aor, wallMs).map(({ contact }) => contact);
  }
}

const one = bindingOf({ contact: "sip:1@192.0.2.1" });
const two = bindingOf({ contact: "sip:2@192.0.2.1" });

Deno.test("LocationTable.lookup goes by q, then by who registered last (RFC 3261 §16.6)", () => {
  const { table, contacts } = new Lab();
  const bindings = [["a", 0.5, 9], ["b", 1, 1], ["c", 1, 2], ["d", 0.5, 8]] as const;
  table.update([], bindings.map(([contact, q, registeredAtMs]) => bindingOf({ contact, q, registeredAtMs })));
  assertEquals(table.lookup("alice@example.com", 0).map(({ contact }) => contact), ["c", "b", "a", "d"]);
  assertEquals(contacts.call({ table } as Lab, "bob@example.com"), []);
});

Deno.test("LocationTable.update takes out and puts in, and tells store and observers", () => {
  const lab = new Lab();
  lab.table.update([], [one]);
  const refreshed: Binding = { ...one, cseq: 2 };
  lab.table.update([one], [refreshed, two]);
  assertEquals([...lab.store.kept.values()].map(({ contact, cseq }) => [contact, cseq]), [[one.contact, 2], [
    two.contact,
    1,
  ]]);
  lab.table.update([refreshed, two], []);
  assertEquals([lab.table.size, lab.table.aorCount, lab.store.kept.size], [0, 0, 0]);
  assertEquals(lab.events, [
    `+${one.contact}`,
    `-${one.contact} replaced`,
    `+${one.contact}`,
    `+${two.contact}`,
    `-${one.contact} unregistered`,
    `-${two.contact} unregistered`,
  ]);
});

Deno.test("LocationTable drops what has expired, exactly then (RFC 3261 §10.2.1.1)", () => {
  const lab = new Lab();
  assertEquals(lab.table.nextDeadlineMs, Infinity);
  lab.table.update([], [one, { ...two, expiresAtMs: 60_000 }]);
  assertEquals(lab.table.nextDeadlineMs, 61_000); // the monotonic clock is 1000 ahead
  assertEquals(lab.contacts("alice@example.com", 59_999).length, 2);
  assertEquals(lab.contacts("alice@example.com", 60_000), [one.contact]); // though nobody has swept yet
  lab.table.handleTimeouts(lab.clock.advance(59_999));
  assertEquals(lab.table.size, 2);
  lab.table.handleTimeouts(lab.clock.advance(1));
  assertEquals([lab.table.size, lab.store.kept.size, lab.events.at(-1)], [1, 1, `-${two.contact} expired`]);
  assertEquals(lab.log.lines.map(({ fields }) => fields.callId), ["call-1"]);
});

Deno.test("LocationTable.connectionClosed drops what needs the connection, and nothing else", () => {
  const lab = new Lab();
  const over = (contact: string, connectionId: number, natted: boolean) =>
    bindingOf({ contact, natted, source: flowFrom("203.0.113.7", 40001, "tcp", connectionId) });
  const [mine, reachable, others] = [over("a", 7, true), over("sip:b@203.0.113.7", 7, false), over("c", 8, true)];
  lab.table.update([], [mine, reachable, others]);
  assertEquals(lab.table.connectionClosed(7), 1);
  assertEquals(lab.table.connectionClosed(7), 0);
  assertEquals(lab.contacts().length, 2);
  assertEquals(lab.events.at(-1), "-a connectionClosed");
});

Deno.test("LocationTable.connectionClosed leaves alone what has registered over another connection since", () => {
  const lab = new Lab();
  const before = bindingOf({ natted: true, source: flowFrom("203.0.113.7", 40001, "ws", 7) });
  const after = bindingOf({ natted: true, source: flowFrom("203.0.113.7", 40002, "ws", 8) });
  lab.table.update([], [before]);
  lab.table.update([before], [after]);
  assertEquals([lab.table.connectionClosed(7), lab.table.size], [0, 1]);
});

Deno.test("LocationTable.remove does nothing about a binding that was replaced", () => {
  const lab = new Lab();
  lab.table.update([], [one]);
  lab.table.update([one], [{ ...one, cseq: 2 }]);
  lab.table.remove(one, "unreachable");
  assertEquals([lab.table.size, lab.store.kept.size], [1, 1]);
});

Deno.test("LocationTable.restore takes over what is still good", () => {
  const before = new Lab();
  const tcp = bindingOf({ contact: "sip:3@192.0.2.1", source: flowFrom("192.0.2.1", 5060, "tcp") });
  before.table.update([], [one, { ...two, expiresAtMs: 60_000 }, tcp]);
  const after = new Lab(100, 60_000);
  for (const binding of before.store.load()) after.store.put(binding);
  assertEquals(after.table.restore([listenPoint("udp")]), { restored: 1, dropped: 2 });
  assertEquals([after.contacts(), after.store.kept.size], [[one.contact], 1]);
  assertEquals([after.events, after.table.nextDeadlineMs], [[`+${one.contact}`], 3_541_000]);
  assertEquals([...after.table.entries()].map(([aor, bindings]) => [aor, bindings.length]), [["alice@example.com", 1]]);
});

Deno.test("LocationTable.room says how many more there may be, to restore() too", () => {
  const before = new Lab();
  before.table.update([], [one, two]);
  const after = new Lab(1);
  for (const binding of before.store.load()) after.store.put(binding);
  assertEquals(after.table.room, 1);
  assertEquals([after.table.restore([listenPoint("udp")]).restored, after.table.room], [1, 0]);
});
