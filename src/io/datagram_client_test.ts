import { assertEquals, assertRejects, assertStringIncludes } from "../deps/assert.ts";
import { DatagramClient } from "./datagram_client.ts";

const LIMIT_MS = 200;

async function withPaths(body: (paths: { server: string; own: string }) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body({ server: `${directory}/server`, own: `${directory}/own` });
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name).filter((name) => name === "own"), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("DatagramClient takes the datagram that answers, and leaves no socket behind", () =>
  withPaths(async (paths) => {
    const server = Deno.listenDatagram({ transport: "unixpacket", path: paths.server });
    const answered = server.receive().then(([question, from]) => server.send(question, from));
    assertEquals(await new DatagramClient(paths).ask("ping", 10_000), "ping");
    await answered;
    server.close();
  }));

Deno.test("DatagramClient names the server that is not there", () =>
  withPaths(async (paths) => {
    const error = await assertRejects(() => new DatagramClient(paths).ask("ping", 10_000), Error);
    assertStringIncludes(error.message, paths.server);
  }));

Deno.test({
  name: "DatagramClient gives up on a server whose queue is full, and sends no more until there is room",
  // The datagram that waits for room is what this is about.
  sanitizeOps: false,
  fn: () =>
    withPaths(async (paths) => {
      const server = Deno.listenDatagram({ transport: "unixpacket", path: paths.server });
      const client = new DatagramClient(paths);
      let answers = 0;
      for (let error = ""; !error.includes("takes no datagrams"); answers++) {
        error = (await assertRejects(() => client.ask("ping", LIMIT_MS), Error)).message;
        assertStringIncludes(error, paths.server);
      }
      for (let index = 1; index < answers; index++) await server.receive(); // all that were taken, and the one that waited
      const answered = server.receive().then(([question, from]) => server.send(question, from));
      assertEquals(await client.ask("ping", 10_000), "ping");
      await answered;
      server.close();
    }),
});
