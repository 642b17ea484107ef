import { assertEquals, assertStringIncludes } from "../../deps/assert.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { endDialogRequest } from "../end_dialog.ts";
import { EndDialogClient } from "./end_dialog_client.ts";

class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly log = new RecordingLogger();
  readonly paths = {
    opensips: { server: `${this.directory}/opensips`, own: `${this.directory}/own-opensips` },
    kamailio: { server: `${this.directory}/kamailio`, own: `${this.directory}/own-kamailio` },
  };
  readonly client = new EndDialogClient(this.paths, this.log);

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** A SIP server's JSON-RPC socket that answers `count` requests; returns what it got. */
async function serve(path: string, count: number, answer: string): Promise<string[]> {
  const server = Deno.listenDatagram({ transport: "unixpacket", path });
  const got: string[] = [];
  for (let index = 0; index < count; index++) {
    const [datagram, from] = await server.receive();
    got.push(new TextDecoder().decode(datagram));
    await server.send(new TextEncoder().encode(answer), from);
  }
  server.close();
  return got;
}

Deno.test("EndDialogClient asks each server on its own socket, and logs its consent (PROTOCOL §5)", async () => {
  using lab = new Lab();
  const opensips = serve(lab.paths.opensips.server, 1, '{"jsonrpc":"2.0","result":"OK","id":"a"}');
  const kamailio = serve(lab.paths.kamailio.server, 2, '{"jsonrpc":"2.0","result":"OK","id":"b"}');
  lab.client.send(endDialogRequest("30064771072", "a")!, "call 1");
  lab.client.send(endDialogRequest("3240:9982", "b")!, "call 2");
  lab.client.send(endDialogRequest("3240:9983", "c")!, "call 3");
  await lab.client.close();
  assertEquals(await opensips, ['{"jsonrpc":"2.0","id":"a","method":"dlg_end_dlg","params":["30064771072"]}']);
  assertEquals(await kamailio, [
    '{"jsonrpc":"2.0","id":"b","method":"dlg.end_dlg","params":[3240,9982]}',
    '{"jsonrpc":"2.0","id":"c","method":"dlg.end_dlg","params":[3240,9983]}',
  ]);
  assertEquals(lab.log.lines.map(({ level, fields }) => [level, fields.callId]).sort(), [
    ["info", "call 1"],
    ["info", "call 2"],
    ["info", "call 3"],
  ]);
});

Deno.test("EndDialogClient logs a refusal with the server's words", async () => {
  using lab = new Lab();
  const server = serve(
    lab.paths.kamailio.server,
    1,
    '{"jsonrpc":"2.0","error":{"code":404,"message":"Dialog not found"},"id":"b"}',
  );
  lab.client.send(endDialogRequest("3240:9982", "b")!, "call 2");
  await lab.client.close();
  await server;
  assertStringIncludes(lab.log.messages("warning")[0]!, "Dialog not found");
});

Deno.test("EndDialogClient survives a server that is not there, and leaves no socket behind (PROTOCOL §6.1)", async () => {
  using lab = new Lab();
  lab.client.send(endDialogRequest("3240:9982", "b")!, "call 2");
  await lab.client.close();
  assertStringIncludes(lab.log.messages("error")[0]!, lab.paths.kamailio.server);
  assertEquals([...Deno.readDirSync(lab.directory)], []);
});

Deno.test("EndDialogClient does not wait for ever for an answer (PROTOCOL §5)", async () => {
  using lab = new Lab();
  const silent = Deno.listenDatagram({ transport: "unixpacket", path: lab.paths.opensips.server });
  lab.client.send(endDialogRequest("30064771072", "a")!, "call 1");
  await lab.client.close();
  silent.close();
  assertStringIncludes(lab.log.messages("error")[0]!, "did not answer within 3 s");
});
