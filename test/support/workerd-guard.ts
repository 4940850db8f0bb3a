// Kills the workerd processes that a test process leaves behind when it is killed itself: Miniflare ends them only when
// it can run. Reads lines from the test process, "+<port>" and "-<port>"; the system closes the pipe when that ends.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { running } from "./processes.ts";

/** The command of a process that is being started when the pipe closes is visible a little later. */
const secondLookMs = 500;
const ports = new Set<string>();

function killAll(): void {
  for (const { pid, command } of running()) {
    const [, port] = / --socket-addr=entry=127\.0\.0\.1:(\d+) /.exec(command) ?? [];
    if (port !== undefined && ports.has(port)) process.kill(pid, "SIGKILL");
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith("+")) ports.add(line.slice(1));
  else ports.delete(line.slice(1));
}
if (ports.size > 0) {
  killAll();
  await sleep(secondLookMs);
  killAll();
}
