import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

interface Status {
  parent: number;
  /** The process group. */
  group: number;
  command: string;
}

/**
 * Returns a function that says whether npm has ended, or the shell that npm runs this process in. It is needed because
 * neither passes a signal on: npm sends SIGTERM to the shell only, and SIGKILL reaches nobody else. Where npm did not
 * start this process, and on Windows, the answer is always false.
 */
export function watchNpm(): () => boolean {
  if (process.platform === "win32" || process.env["npm_lifecycle_event"] === undefined) return () => false;
  const { ppid: parent } = process;
  const parentHasEnded = () => process.ppid !== parent;
  const group = statusOf(process.pid)?.group;
  // npm, its shell and this process share a group. Who starts this process as the leader of another one is not npm.
  if (group === undefined || group === process.pid) return parentHasEnded;
  const shell = statusOf(parent);
  // npm or the shell can have ended before this first look: an orphan is adopted by a process of another group.
  if (shell?.group !== group) return () => true;
  const script = process.env["npm_lifecycle_script"];
  // Some shells become the last command that they run: then npm itself is the parent.
  if (script === undefined || !shell.command.includes(script)) return parentHasEnded;
  const npm = shell.parent;
  if (statusOf(npm)?.group !== group) return () => true;
  return () => parentHasEnded() || statusOf(parent)?.parent !== npm;
}

/** Undefined: there is no such process. */
function statusOf(pid: number): Status | undefined {
  try {
    return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
  } catch {
    return undefined;
  }
}

/** Slim Linux images have no `ps`. */
function fromProc(pid: number): Status {
  // "pid (name) state parent group …", where the name may contain anything.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  return { parent: Number(parent), group: Number(group), command };
}

function fromPs(pid: number): Status | undefined {
  const line = execFileSync("ps", ["-o", "ppid=,pgid=,command=", "-p", String(pid)], { encoding: "utf8" });
  const [, parent, group, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/m.exec(line) ?? [];
  return command === undefined ? undefined : { parent: Number(parent), group: Number(group), command };
}
