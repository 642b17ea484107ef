/** The programs of others that the tests need. @module */

/** Where Debian keeps what an ordinary user's PATH may lack. */
const MORE_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/** Name of a program, and Debian's package that has it. */
const NEEDED: ReadonlyMap<string, string> = new Map([
  ["kamailio", "kamailio"],
  ["sipp", "sip-tester"],
  ["dnsmasq", "dnsmasq-base"],
]);

const MODULE_DIRECTORIES = [
  "/usr/lib/x86_64-linux-gnu/kamailio/modules",
  "/usr/lib/aarch64-linux-gnu/kamailio/modules",
  "/usr/lib/kamailio/modules",
  "/usr/lib64/kamailio/modules",
];

/** The path of an installed program, or undefined. */
export function findProgram(name: string): string | undefined {
  const directories = [...(Deno.env.get("PATH") ?? "").split(":"), ...MORE_DIRECTORIES];
  return directories.map((directory) => `${directory}/${name}`).find(isFile);
}

/** @throws Error if it is not installed. */
export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`Cannot find ${name}: run scripts/install_peers.sh`);
  return path;
}

/** What is missing, in words; undefined when all is there. */
export function missingPrograms(): string | undefined {
  const missing = [...NEEDED].filter(([name]) => findProgram(name) === undefined)
    .map(([name, packageName]) => `${name} (Debian: ${packageName})`);
  if (!MODULE_DIRECTORIES.some((directory) => isFile(`${directory}/mediaproxy.so`))) {
    missing.push("Kamailio's mediaproxy module (Debian: kamailio-extra-modules)");
  }
  return missing.length === 0 ? undefined : missing.join(", ");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
