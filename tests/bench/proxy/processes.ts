/** CPU time and memory of a program with all the processes that it has made. @module */
import { createCpuMeter } from "../support/system.ts";

/** A process, its children, and theirs. Kamailio is one for each worker and timer. */
export function processTree(pid: number): number[] {
  const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(processTree)];
}

/** Reads the CPU time of a process and its children, in microseconds; user and system together. */
export function createTreeCpuMeter(): (pid: number) => number {
  const cpu = createCpuMeter();
  return (pid) => processTree(pid).reduce((sum, member) => sum + cpu(member), 0);
}

/**
 * A meter of single processes that counts for this one also the children that have ended: the sipp that called. For
 * noise, which is what belongs to none of the processes known.
 */
export function createOwnCpuMeter(): (pid: number) => number {
  const cpu = createCpuMeter();
  return (pid) => cpu(pid) + (pid === Deno.pid ? endedChildrenMicros() : 0);
}

function endedChildrenMicros(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  // cutime and cstime, the 16th and 17th field, in hundredths of a second on every Linux that there is.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10_000;
}

/** Resident memory of a process and its children, what they share counted once. */
export function treeResidentBytes(pid: number): number {
  return processTree(pid).reduce((sum, member) => {
    const [, kilobytes] = /^Pss:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${member}/smaps_rollup`)) ?? [];
    return sum + Number(kilobytes) * 1024;
  }, 0);
}
