/** What the test laboratory needs of the system: rights, programs, and namespaces that a dead run left behind. @module */
import { findProgram, programPath } from "./programs.ts";

/** Name of a program, and Debian's package that has it. */
const NEEDED: ReadonlyMap<string, string> = new Map([
  ["ip", "iproute2"],
  ["nft", "nftables"],
  ["conntrack", "conntrack"],
  ["tcpdump", "tcpdump"],
  ["baresip", "baresip-core"],
  ["bash", "bash"],
  ["stdbuf", "coreutils"],
]);

/** The namespaces of a run carry the number of its process: `mp1234.5a-1-public`. */
const OWN_NAME = /^mp(\d+)\.[0-9a-f]+-/;

/** What all names of this run's namespaces begin with: test files of one process have their own. */
export const NAMESPACE_PREFIX = `mp${Deno.pid}.${crypto.randomUUID().slice(0, 2)}-`;

/** What the laboratory lacks, in words; undefined when it can be built. */
export function missingLaboratory(): string | undefined {
  if (Deno.build.os !== "linux") return "network namespaces (Linux)";
  const missing = [...NEEDED].filter(([name]) => findProgram(name) === undefined)
    .map(([name, packageName]) => `${name} (Debian: ${packageName})`);
  if (missing.length > 0) return missing.join(", ");
  if (Deno.uid() !== 0) return "the rights of root, to make network namespaces";
  return refusedByTheKernel();
}

/** Runs a program to its end, and returns what it wrote. @throws Error if it fails, with what it complained of. */
export async function run(program: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(programPath(program), {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) {
    const complaint = new TextDecoder().decode(stderr).trim();
    throw new Error(`Cannot run ${program} ${args.join(" ")}: ${complaint}\n${input}`);
  }
  return new TextDecoder().decode(stdout);
}

/** Runs several commands of `ip` inside a namespace. */
export async function configure(namespace: string, commands: readonly string[]): Promise<void> {
  await run("ip", ["-n", namespace, "-batch", "-"], `${commands.join("\n")}\n`);
}

/** Sets kernel parameters of a namespace, as `net/ipv4/ip_forward` with a value. */
export async function setParameters(namespace: string, parameters: Readonly<Record<string, number>>): Promise<void> {
  const script = Object.entries(parameters).map(([name, value]) => `echo ${value} >/proc/sys/${name}`).join("\n");
  await run("ip", ["netns", "exec", namespace, "bash", "-e"], script);
}

/** Ends what runs in a namespace, and removes it. Synchronous, so that it also works while the process ends. */
export function removeNamespace(namespace: string): void {
  const { stdout } = runSync("ip", ["netns", "pids", namespace]);
  for (const pid of stdout.split("\n").filter(Boolean)) {
    try {
      Deno.kill(Number(pid), "SIGKILL");
    } catch {
      // it has ended
    }
  }
  runSync("ip", ["netns", "delete", namespace]);
}

/** Removes the namespaces of runs whose process is gone. */
export function removeLeftovers(): void {
  for (const name of namespaces()) {
    const pid = OWN_NAME.exec(name)?.[1];
    if (pid !== undefined && !isRunning(pid)) removeNamespace(name);
  }
}

function namespaces(): string[] {
  const { stdout } = runSync("ip", ["netns", "list"]);
  return stdout.split("\n").map((line) => line.split(" ")[0]!).filter(Boolean);
}

function isRunning(pid: string): boolean {
  try {
    return Deno.statSync(`/proc/${pid}`).isDirectory;
  } catch {
    return false;
  }
}

/** Containers without the rights have root, too: what the laboratory does is tried. */
function refusedByTheKernel(): string | undefined {
  const name = `${NAMESPACE_PREFIX}trial`;
  const trials: [string, string[]][] = [
    ["ip", ["netns", "add", name]],
    ["ip", ["-n", name, "link", "add", "trial0", "type", "veth", "peer", "name", "trial1"]],
    ["ip", ["-n", name, "link", "add", "trial2", "type", "bridge"]],
    ["ip", [
      "netns",
      "exec",
      name,
      "nft",
      "add table ip trial; add chain ip trial a { type nat hook postrouting priority 0; }",
    ]],
    ["ip", ["netns", "exec", name, "conntrack", "-C"]],
  ];
  try {
    for (const [program, args] of trials) {
      const { success, stderr } = runSync(program, args);
      if (!success) return `the rights for \`${program} ${args.join(" ")}\`: ${stderr.trim()}`;
    }
    return undefined;
  } finally {
    runSync("ip", ["netns", "delete", name]);
  }
}

function runSync(program: string, args: string[]): { success: boolean; stdout: string; stderr: string } {
  const command = new Deno.Command(programPath(program), { args, stdin: "null", stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = command.outputSync();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
