import { assertEquals } from "../deps/assert.ts";
import { Conversation } from "../../tests/support/conversation.ts";
import { ControlInterface } from "./control.ts";
import { createOperations } from "./operations.ts";

/** A conversation whose proxy takes commands. */
class Lab {
  readonly conversation = new Conversation();
  scriptProblem: string | undefined = undefined;

  /** The result of a command, or its error. */
  async ask(method: string, params: unknown): Promise<unknown> {
    const { core, clock, log } = this.conversation.bench;
    const control = new ControlInterface(
      createOperations({
        dialogs: core.dialogs,
        media: core.media,
        locations: core.locations,
        clock,
        domain: "example.com",
        statistics: () => core.statistics(),
        reloadScript: () =>
          this.scriptProblem === undefined ? Promise.resolve() : Promise.reject(new Error(this.scriptProblem)),
      }),
      log,
    );
    const answer = JSON.parse((await control.handle(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })))!);
    return answer.result ?? answer.error;
  }

  async call(): Promise<string> {
    await this.conversation.play(`
      registered bob
      alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
      alice < 100
      relay < update request *
      bob < INVITE
      bob > 200 | sdp 203.0.113.20:6000
      relay < update reply *
      alice < 200
      alice > ACK
      bob < ACK
    `);
    return [...this.conversation.bench.core.dialogs.values()][0]!.id;
  }
}

Deno.test("dlg_list tells who talks to whom, and dlg_end_dlg ends that with BYE to both", async () => {
  const lab = new Lab();
  const id = await lab.call();
  assertEquals(await lab.ask("dlg_list", ["alice-1"]), {
    Dialogs: [{
      ID: id,
      state: 4,
      timestart: 1_700_000_000,
      timeout: 1_700_043_200,
      callid: "alice-1",
      from_uri: "<sip:alice@example.com>",
      to_uri: "<sip:bob@example.com>",
      caller_tag: "alice",
      caller_contact: "sip:alice@203.0.113.10",
      CALLEES: [{ callee_tag: "bob", callee_contact: "sip:bob@203.0.113.20" }],
    }],
  });
  assertEquals(await lab.ask("dlg_end_dlg", [id]), "OK");
  await lab.conversation.play(`
    relay < remove alice bob
    alice < BYE sip:alice@203.0.113.10 | Reason: SIP ;text="Media timed out"
    bob < BYE sip:bob@203.0.113.20
    alice > 200
    bob > 481
    +64s
  `);
  assertEquals(await lab.ask("dlg_end_dlg", [id]), { code: 404, message: "Requested Dialog not found" });
  assertEquals(await lab.ask("dlg_list", []), { Dialogs: [] });
});

Deno.test("dlg_end_dlg takes a number too, and says what it cannot take", async () => {
  const lab = new Lab();
  const id = await lab.call();
  assertEquals(await lab.ask("dlg_end_dlg", { "dialog_id": Number(id) }), "OK");
  const invalid = { code: -32602, message: "Invalid params: dialog_id must be a text" };
  assertEquals(await lab.ask("dlg_end_dlg", []), invalid);
  assertEquals(await lab.ask("dlg_end_dlg", [{}]), invalid);
});

Deno.test("ul_show_contact finds a user by name, by address and by URI", async () => {
  const lab = new Lab();
  await lab.conversation.play("registered bob");
  for (const aor of ["bob", "bob@example.com", "sip:bob@example.com", "sip:bob@EXAMPLE.com;user=phone"]) {
    const { Contacts: [contact] } = await lab.ask("ul_show_contact", [aor]) as { Contacts: { Contact: string }[] };
    assertEquals(contact!.Contact, "sip:bob@203.0.113.20", aor);
  }
  assertEquals(await lab.ask("ul_show_contact", ["carol"]), { code: 404, message: "AOR not found" });
});

Deno.test("ul_show_contact says that it cannot read an address, and logs no fault of ours", async () => {
  const lab = new Lab();
  assertEquals(await lab.ask("ul_show_contact", ["sip:"]), { code: 404, message: "AOR not found" });
  assertEquals(lab.conversation.bench.log.messages("error"), []);
});

Deno.test("script_reload tells what is wrong with the new script", async () => {
  const lab = new Lab();
  assertEquals(await lab.ask("script_reload", []), "OK");
  lab.scriptProblem = "Cannot load the routing script /x: Unexpected token";
  assertEquals(await lab.ask("script_reload", []), { code: 500, message: lab.scriptProblem });
});
