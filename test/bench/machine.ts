import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, platform, release } from "node:os";

/** Linux counts CPU time in hundredths of a second, whatever its own clock. */
const ticksPerSecond = 100;

/** The CPU time that a process has used, in seconds; NaN where there is no /proc. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // "pid (name) state …", where the name may contain anything; user and system time are the fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}

/** The memory that a process has in RAM, in MiB; NaN where there is no /proc. */
export function residentMiB(pid: number): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1_024;
  } catch {
    return Number.NaN;
  }
}

/** The version of the workerd that serves. */
export function workerdVersion(): string {
  const { version } = createRequire(import.meta.resolve("miniflare"))("workerd/package.json") as { version: string };
  return version;
}

/** One line that describes this machine. */
export function machine(): string {
  return `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? "an unknown CPU"}, ${platform()} ${release()}, Node ${process.versions.node}`;
}
