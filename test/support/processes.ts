import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";

interface Running {
  pid: number;
  parent: number;
  command: string;
}

/** The running processes, without those that have ended and that their parent has not collected. */
export function running(): Running[] {
  return process.platform === "linux" ? fromProc() : fromPs();
}

/** Reads /proc, because slim images have no `ps`. */
function fromProc(): Running[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // "pid (name) state parent …", where the name may contain anything.
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        if (state === "Z") return [];
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        return [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        // It has ended since.
        return [];
      }
    });
}

function fromPs(): Running[] {
  return execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat=,command="], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => {
      const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      return pid === undefined || state!.startsWith("Z") ? [] : [{ pid: +pid, parent: +parent!, command: command! }];
    });
}

/** The processes below `pid`: children, their children, and so on. */
export function descendantsOf(pid: number): Running[] {
  const all = running();
  const below = all.filter(({ parent }) => parent === pid);
  // The list grows while it is read.
  for (const { pid: parent } of below) below.push(...all.filter((other) => other.parent === parent));
  return below;
}

/** The processes of `pids` that still run. */
export function alive(pids: readonly number[]): Running[] {
  return running().filter(({ pid }) => pids.includes(pid));
}

/** The processes that were started with `name=value` in their environment, or by such a process. */
export function withVariable(name: string, value: string): Running[] {
  const entry = `${name}=${value}`;
  if (process.platform !== "linux") {
    const withEnvironment = execFileSync("ps", ["-A", "-E", "-ww", "-o", "pid=,command="], { encoding: "utf8" });
    const found = withEnvironment.split("\n").filter((line) => `${line} `.includes(` ${entry} `));
    return alive(found.map((line) => Number.parseInt(line, 10)));
  }
  return running().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(entry);
    } catch {
      // It has ended since, or it is another user's.
      return false;
    }
  });
}

/** A free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await once(probe.listen(0, "127.0.0.1"), "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

let guard: ChildProcessByStdio<Writable, null, null> | undefined;

/** Starts the guard, which kills the workerd that serves `port` when this process ends without ending it, even by SIGKILL. */
export function guardPort(port: number): void {
  if (!guard) {
    const script = fileURLToPath(new URL("workerd-guard.ts", import.meta.url));
    // A new process group, so that a signal to the group of this process does not kill the guard.
    guard = spawn(process.execPath, [script], { stdio: ["pipe", "ignore", "inherit"], detached: true });
    guard.unref();
    (guard.stdin as Socket).unref();
  }
  guard.stdin.write(`+${port}\n`);
}

/** From now on another process may serve `port`. */
export function releasePort(port: number): void {
  guard?.stdin.write(`-${port}\n`);
}
