import { assertEquals, assertInstanceOf, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { helpText, parseFlags, type Program, UsageError } from "./flags.ts";

const RELAY = { name: "mediaproxy-relay", summary: "Carries media." };

const CTL = {
  name: "mediaproxy-ctl",
  summary: "Asks a dispatcher.",
  positionals: "COMMAND [CALL-ID]",
  extra: {
    json: { kind: "boolean", help: "print JSON" },
    address: { kind: "string", placeholder: "HOST:PORT", help: "the dispatcher to ask" },
  },
} as const satisfies Program;

Deno.test("parseFlags() of nothing sets nothing", () => {
  assertEquals(parseFlags([], RELAY), {
    configFile: undefined,
    configDir: undefined,
    runtimeDir: undefined,
    debug: false,
    version: false,
    help: false,
    extra: {},
    positionals: [],
  });
});

Deno.test("parseFlags() takes values after a space and after =, and the last of a repeated flag", () => {
  const flags = parseFlags(
    ["--config", "a.ini", "--config-dir=/b", "--runtime-dir", "/c", "--config=1", "--debug"],
    RELAY,
  );
  assertEquals(flags.configFile, "1");
  assertEquals(flags.configDir, "/b");
  assertEquals(flags.runtimeDir, "/c");
  assertEquals(flags.debug, true);
  assertEquals(parseFlags(["--version"], RELAY).version, true);
  assertEquals(parseFlags(["--help"], RELAY).help, true);
});

Deno.test("parseFlags() reads the flags and arguments that a program adds", () => {
  const flags = parseFlags(["sessions", "--json", "--address", "127.0.0.1:25061", "--", "--call", "007"], CTL);
  const json: boolean = flags.extra.json;
  const address: string | undefined = flags.extra.address;
  assertEquals([json, address], [true, "127.0.0.1:25061"]);
  assertEquals(flags.positionals, ["sessions", "--call", "007"]);
  assertEquals(parseFlags(["remove", "007"], CTL).positionals, ["remove", "007"]);
  assertEquals(parseFlags([], CTL).extra, { json: false, address: undefined });
});

Deno.test("parseFlags() refuses what it does not know, with the nearest flag", () => {
  const messages: [string[], string][] = [
    [["--confg", "a.ini"], "Unknown flag --confg; did you mean --config?"],
    [["--confg=a.ini"], "Unknown flag --confg; did you mean --config?"],
    [["-debug"], "Unknown flag -debug; did you mean --debug?"],
    [["---debug"], "Unknown flag ---debug; did you mean --debug?"],
    [["-x"], "Unknown flag -x; see --help"],
    [["--no-debug"], "Unknown flag --no-debug; see --help"],
    [["--a.b"], "Unknown flag --a.b; see --help"],
    [["--json"], "Unknown flag --json; see --help"],
    [["--__proto__=1"], "Unknown flag --__proto__; see --help"],
    [["debug"], "Unexpected argument debug; did you mean --debug?"],
    [["--debug", "a.ini"], "Unexpected argument a.ini; see --help"],
    [["--", "--debug"], "Unexpected argument --debug; did you mean --debug?"],
  ];
  for (const [args, message] of messages) {
    assertEquals(assertThrows(() => parseFlags(args, RELAY), UsageError).message, message);
  }
});

Deno.test("parseFlags() refuses a missing value and a superfluous one", () => {
  for (
    const args of [["--config"], ["--config="], ["--config", ""], ["--config", "--debug"], [
      "--config",
      "a",
      "--config",
    ]]
  ) {
    assertEquals(
      assertThrows(() => parseFlags(args, RELAY), UsageError).message,
      "Flag --config needs a value; see --help",
    );
  }
  const superfluous = assertThrows(() => parseFlags(["--debug=maybe"], RELAY), UsageError);
  assertEquals(superfluous.message, "Flag --debug takes no value; see --help");
});

Deno.test("parseFlags() of any arguments gives flags or UsageError", () => {
  const argument = fc.oneof(
    fc.string(),
    fc.constantFrom("--config", "--", "-", "--debug", "--json", "true", "--address=x"),
  );
  fc.assert(fc.property(fc.array(argument), (args) => {
    try {
      const { configFile } = parseFlags(args, CTL);
      assertEquals(typeof (configFile ?? "text"), "string");
    } catch (error) {
      assertInstanceOf(error, UsageError);
    }
  }));
});

Deno.test("helpText() aligns the help of all flags", () => {
  assertEquals(
    helpText(CTL),
    `Asks a dispatcher.

Usage: mediaproxy-ctl [FLAGS] COMMAND [CALL-ID]

Flags:
  --json               print JSON
  --address HOST:PORT  the dispatcher to ask
  --config FILE        read this configuration file
  --config-dir DIR     directory of config.ini and certificates
  --runtime-dir DIR    directory of sockets and state
  --debug              log everything, whatever log_level says
  --version            print the version and exit
  --help               print this help and exit
`,
  );
  assertEquals(helpText(RELAY).split("\n")[2], "Usage: mediaproxy-relay [FLAGS]");
});
