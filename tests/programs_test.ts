/** The programs as a user starts them: flags, configuration errors, permissions, first run. @module */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../src/deps/assert.ts";
import { VERSION } from "../src/version.ts";
import { makeCertificates } from "../src/io/certificate_files.ts";
import { PeerProcess } from "./peers/support/process.ts";
import { freeTcpPort, freeUdpBlock } from "./peers/support/ports.ts";

const PROJECT = new URL("../", import.meta.url).pathname;
const PROGRAMS = [
  "relay/main.ts",
  "src/bin/dispatcher.ts",
  "src/bin/proxy.ts",
  "src/bin/ctl.ts",
  "src/bin/start.ts",
  "src/bin/demo.ts",
];
const SERVICES = ["proxy", "dispatcher", "relay"].map((name) => `docs/systemd/mediaproxy-${name}.service`);

interface Output {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(...args: string[]): Promise<Output> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...args],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

/** Sends an `update` to a dispatcher, and returns its answer. */
async function ask(path: string, type: string, toTag: string): Promise<string> {
  const conn = await Deno.connect({ transport: "unix", path });
  const lines = [
    "update",
    `type: ${type}`,
    "call_id: programs@test",
    "cseq: 1",
    "from_tag: caller",
    `to_tag: ${toTag}`,
    "media: audio:127.0.0.1:6000:sendrecv:ice=no",
  ];
  await conn.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const buffer = new Uint8Array(1000);
  const count = await conn.read(buffer);
  conn.close();
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
}

Deno.test("VERSION is the version of deno.json", () => {
  const { version } = JSON.parse(Deno.readTextFileSync(`${PROJECT}deno.json`));
  assertEquals(VERSION, version);
});

Deno.test("README, services and tasks start each program with the same flags for V8", () => {
  const started = ["README.md", "deno.json", ...SERVICES].flatMap((file) =>
    [...Deno.readTextFileSync(`${PROJECT}${file}`).matchAll(/deno run (.*?)((?:src|relay)\/[\w/]+\.ts)/g)]
      .map(([, flags = "", program = ""]) => `${program} ${flags.match(/--v8-flags=\S+/) ?? ""}`)
      .filter((text) => PROGRAMS.includes(text.split(" ")[0]!))
  );
  assertEquals(started.filter((text) => text.startsWith("relay/main.ts")).length, 4, "the ways to start a relay");
  assertEquals([...new Set(started)].toSorted(), [
    "relay/main.ts --v8-flags=--initial-old-space-size=128",
    "src/bin/ctl.ts ",
    "src/bin/demo.ts ",
    "src/bin/dispatcher.ts ",
    "src/bin/proxy.ts ",
    "src/bin/start.ts ",
  ]);
});

for (const program of PROGRAMS) {
  Deno.test(`${program} explains itself, and suggests what an unknown flag may mean`, async () => {
    const help = await run("-A", program, "--help");
    assertEquals(help.code, 0, help.err);
    assertStringIncludes(help.out, "--config FILE");
    const version = await run("-A", program, "--version");
    assertEquals(version.out, `${VERSION}\n`);
    const unknown = await run("-A", program, "--confg", "x");
    assertEquals(unknown.code, 2);
    assertStringIncludes(unknown.err, "did you mean --config?");
  });
}

Deno.test("a configuration error names file, line, key and value", async () => {
  const file = Deno.makeTempFileSync({ suffix: ".ini" });
  try {
    Deno.writeTextFileSync(file, "[Relay]\ndispatchers = 127.0.0.1\nstream_timeout = soon\n");
    const { code, err } = await run("-A", "relay/main.ts", "--config", file);
    assertEquals(code, 2);
    assertStringIncludes(err, `${file}:3: [Relay] stream_timeout = soon`);
    const missing = await run("-A", "relay/main.ts", "--config", "/nowhere/config.ini");
    assertEquals(missing.code, 1);
    assertStringIncludes(missing.err, "/nowhere/config.ini: there is no such file");
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("missing certificates are an error that says how to make them", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${directory}/config.ini`, "[Relay]\ndispatchers = 127.0.0.1\nrelay_ip = 127.0.0.1\n");
    const { code, err } = await run("-A", "relay/main.ts", "--config", `${directory}/config.ini`);
    assertEquals(code, 1);
    assertStringIncludes(err, `deno task certs ${directory}/tls`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("permission sets give each program what it needs, and nothing besides", async () => {
  const probe = async (set: string) =>
    JSON.parse((await run(`-P=${set}`, "tests/fixtures/permission_probe.ts")).out) as Record<string, boolean>;
  assertEquals(await probe("relay"), {
    readConfiguration: true,
    readElsewhere: false,
    writeRuntime: false,
    writeElsewhere: false,
    listenForRelays: true,
    connectAnywhere: true, // media goes wherever a phone is
    run: false,
    ffi: false,
    env: false,
  });
  assertEquals(await probe("proxy"), {
    readConfiguration: true,
    readElsewhere: false,
    writeRuntime: true,
    writeElsewhere: false,
    listenForRelays: true, // any port will do
    connectAnywhere: true, // phones and servers are anywhere
    run: false,
    ffi: false,
    env: false,
  });
  assertEquals(await probe("dispatcher"), {
    readConfiguration: true,
    readElsewhere: false,
    writeRuntime: true,
    writeElsewhere: false,
    listenForRelays: true,
    connectAnywhere: false,
    run: false,
    ffi: false,
    env: false,
  });
});

Deno.test("dispatcher and relay run with their permission sets, and meet", async () => {
  // The project's own directory is in the sets; where else the files may be is given by flags, as README says.
  const directory = Deno.makeTempDirSync();
  const [port, management] = [await freeTcpPort(), await freeTcpPort()];
  const firstPort = await freeUdpBlock(20);
  try {
    await makeCertificates(`${directory}/tls`);
    Deno.writeTextFileSync(
      `${directory}/config.ini`,
      `[Relay]
dispatchers = 127.0.0.1:${port}
relay_ip = 127.0.0.1
port_range = ${firstPort}:${firstPort + 20}
[Dispatcher]
listen = 127.0.0.1:${port}
listen_management = 127.0.0.1:${management}
`,
    );
    const files = ["--config", `${directory}/config.ini`, "--runtime-dir", directory];
    const net = `127.0.0.1:${port},127.0.0.1:${management},unix:${directory}/dispatcher.sock`;
    await using dispatcher = new PeerProcess("dispatcher", Deno.execPath(), [
      "run",
      "--no-prompt",
      "-P=dispatcher",
      `--allow-net=${net}`,
      `--allow-read=${directory}`,
      `--allow-write=${directory}`,
      "src/bin/dispatcher.ts",
      ...files,
    ], { cwd: PROJECT });
    await dispatcher.line(/dispatcher ready/);
    await using relay = new PeerProcess("relay", Deno.execPath(), [
      "run",
      "--no-prompt",
      "-P=relay",
      `--allow-read=${directory},./`,
      "relay/main.ts",
      ...files,
    ], { cwd: PROJECT });
    await dispatcher.line(/relay connected/);
    const summary = await run("-A", "src/bin/ctl.ts", "summary", ...files);
    assertMatch(summary.out, /^RELAY +STATUS.*\n127\.0\.0\.1 +active/);
    const json = await run("-A", "src/bin/ctl.ts", "summary", "--json", ...files);
    assertEquals(JSON.parse(json.out)[0].port_range, `${firstPort}:${firstPort + 20}`);
    const ports = await ask(`${directory}/dispatcher.sock`, "request", "callee");
    assertMatch(ports, /^127\.0\.0\.1 \d+\r\n$/);
    await ask(`${directory}/dispatcher.sock`, "reply", "callee");
    const explained = await run("-A", "src/bin/ctl.ts", "explain", "programs", ...files);
    assertMatch(
      explained.out,
      /^Call programs@test, up for 0:0\d, on relay 127\.0\.0\.1\n[^]*audio: neither party is heard\n/,
    );
    const facts = await run("-A", "src/bin/ctl.ts", "explain", "programs@test", "--json", ...files);
    assertEquals(JSON.parse(facts.out).sessions[0].streams[0].caller.silence, "nothing came");
    const unknown = await run("-A", "src/bin/ctl.ts", "explain", "nobody", ...files);
    assertMatch(unknown.out, /^No relay knows a call .*\nAsked: 127\.0\.0\.1 \(unknown\)\./);
    const misused = await run("-A", "src/bin/ctl.ts", "explain", ...files);
    assertStringIncludes(misused.err, "explain CALL-ID");
    relay.signal("SIGTERM"); // ends its calls, and reports them
    assertEquals((await relay.ended()).code, 0, relay.tail());
    await dispatcher.line(/\[programs@test\] session did time out/);
    dispatcher.signal("SIGTERM");
    assertEquals((await dispatcher.ended()).code, 0, dispatcher.tail());
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("a relay says at its start that it has more ports than it may open, and runs", async () => {
  const directory = Deno.makeTempDirSync();
  const firstPort = freeUdpBlock(1000);
  try {
    await makeCertificates(`${directory}/tls`);
    Deno.writeTextFileSync(
      `${directory}/config.ini`,
      `[Relay]
dispatchers = 127.0.0.1:${freeTcpPort()}
relay_ip = 127.0.0.1
port_range = ${firstPort}:${firstPort + 1000}
workers = 2
`,
    );
    const command = [
      Deno.execPath(),
      "run",
      "--no-prompt",
      "-P=relay",
      `--allow-read=${directory},./`,
      "relay/main.ts",
    ];
    const script = `ulimit -n 600; exec ${command.join(" ")} --config ${directory}/config.ini`;
    await using relay = new PeerProcess("relay", "sh", ["-c", script], { cwd: PROJECT });
    const line = await relay.line(/port_range has 1000 ports, but the process may open \d+ media sockets/);
    const [, count] = /may open (\d+)/.exec(line) ?? [];
    assert(Number(count) > 400 && Number(count) < 600, line);
    await relay.line(/relay ready/);
    relay.signal("SIGTERM");
    assertEquals((await relay.ended()).code, 0, relay.tail());
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("a listener outside the permission set is refused with a way out", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    await makeCertificates(`${directory}/tls`);
    Deno.writeTextFileSync(`${directory}/config.ini`, "[Dispatcher]\nlisten = 127.0.0.1:25999\n");
    const { code, err } = await run(
      "-P=dispatcher",
      `--allow-read=${directory}`,
      "src/bin/dispatcher.ts",
      "--config",
      `${directory}/config.ini`,
    );
    assertEquals(code, 1);
    assertStringIncludes(err, "127.0.0.1:25999");
    assertStringIncludes(err, "deno.json");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("start runs all three programs, says what to do next, and stops them", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    await using start = new PeerProcess("start", Deno.execPath(), [
      "run",
      "--no-prompt",
      "-P=start",
      "src/bin/start.ts",
      "--runtime-dir",
      directory,
      "--address",
      "127.0.0.1",
    ], { cwd: PROJECT });
    await start.line(/relay connected/);
    await start.line(/modparam\("mediaproxy", "mediaproxy_socket"/);
    assert(Deno.lstatSync(`${directory}/dispatcher.sock`).isSocket);
    const phones = await run("-P=ctl", "src/bin/ctl.ts", "phones", "--config", `${directory}/config.ini`);
    assertEquals(phones.out, "No phone is registered.\n", phones.err);
    assertEquals((Deno.statSync(`${directory}/tls/relay.key`).mode ?? 0) & 0o077, 0);
    start.signal("SIGTERM");
    assertEquals((await start.ended()).code, 0, start.tail());
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("demo shows a call across two NATs, step by step, and its verdict", async () => {
  const { code, out, err } = await run("-P=demo", "src/bin/demo.ts");
  assertEquals(code, 0, `${out}\n${err}`);
  for (let step = 1; step <= 6; step++) assertStringIncludes(out, `\n${step}. `);
  assertMatch(out, /VERDICT: it works/);
});
