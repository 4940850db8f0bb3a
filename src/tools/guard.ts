// Runs a Node program, and ends it together with everything that it has started when standard input ends. The input is
// a pipe from another process: the system closes it however that process ends, SIGKILL included.
// Must be started as the leader of a process group of its own, except on Windows, which has none.
import { spawn } from "node:child_process";

/** How long the program may take to end its children; then they are killed. */
const stopMsMax = 5_000;

const child = spawn(process.execPath, process.argv.slice(2), { stdio: ["ignore", "inherit", "inherit"] });
let ending = false;

function end(): void {
  if (ending) return;
  ending = true;
  child.kill("SIGTERM");
  setTimeout(killAll, stopMsMax);
}

function killAll(): void {
  // This process is a member of the group.
  if (process.platform !== "win32") process.kill(-process.pid, "SIGKILL");
  process.exit(1);
}

child.once("exit", killAll);
child.once("error", killAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
process.stdin.once("close", end).resume();
