/**
 * Makes an executable file of each program, which needs no Deno where it runs (`deno task compile [DIRECTORY]`; `dist`
 * without one).
 *
 * The files have the permissions of the sets in deno.json but for the project's own directory, which they hold inside,
 * and the flags for V8 of the tasks there. They never ask for more. `deno compile` downloads its runtime, unless DENORT_BIN names one.
 * @module
 */

interface CompiledProgram {
  readonly name: string;
  readonly entry: string;
  /** What is only found by a path at run time. */
  readonly include: readonly string[];
}

type PermissionSet = Readonly<Record<string, true | readonly string[]>>;

const PROJECT = new URL("../", import.meta.url);
const PROGRAMS: readonly CompiledProgram[] = [
  { name: "proxy", entry: "src/bin/proxy.ts", include: [] },
  { name: "dispatcher", entry: "src/bin/dispatcher.ts", include: [] },
  { name: "relay", entry: "relay/main.ts", include: ["relay/io/worker.ts", "relay/io/descriptor_probe.ts"] },
  { name: "ctl", entry: "src/bin/ctl.ts", include: [] },
];

const [directory = "dist"] = Deno.args;
const { permissions, tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", PROJECT)));
for (const program of PROGRAMS) await compile(program);

async function compile({ name, entry, include }: CompiledProgram): Promise<void> {
  const args = [
    "compile",
    "--no-prompt",
    ...v8Flags(tasks[name].command),
    ...permissionFlags(permissions[name]),
    ...include.flatMap((file) => ["--include", file]),
    "--output",
    `${directory}/mediaproxy-${name}`,
    entry,
  ];
  const { success, code } = await new Deno.Command(Deno.execPath(), { args, cwd: PROJECT }).spawn().status;
  if (!success) Deno.exit(code);
}

/** What the program's task tells the engine. */
function v8Flags(command: string): string[] {
  return command.match(/--v8-flags=\S+/) ?? [];
}

function permissionFlags(set: PermissionSet): string[] {
  return Object.entries(set).flatMap(([kind, value]) => {
    if (value === true) return [`--allow-${kind}`];
    const names = value.filter((it) => it !== "./");
    return names.length === 0 ? [] : [`--allow-${kind}=${names.join(",")}`];
  });
}
