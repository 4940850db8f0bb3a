import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { freePort, withVariable } from "../support/processes.ts";

/** What the next start of a server would meet: a process that serves the port, and holds the data. */
const starter = `
  import { TestServer } from ${JSON.stringify(new URL("../support/server.ts", import.meta.url).href)};
  const server = new TestServer({ port: Number(process.env.MARK) });
  await server.start();
  console.log("started");
  setInterval(() => {}, 1_000);
`;

test.each(["starts", "serves"])(
  "[LC-1] a test process that is killed while its server %s leaves no workerd behind",
  async (moment) => {
    const mark = String(await freePort());
    const child = spawn(process.execPath, ["--input-type=module", "--eval", starter], {
      env: { ...process.env, MARK: mark },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
    const workerds = () => withVariable("MARK", mark).filter(({ command }) => command.includes("--socket-addr=entry="));
    if (moment === "serves") await expect.poll(() => output, { timeout: 60_000 }).toContain("started");
    // Between the start of workerd and the moment when it serves are some tens of milliseconds.
    else while (workerds().length === 0) await sleep(1);
    child.kill("SIGKILL");
    try {
      await expect.poll(() => withVariable("MARK", mark), { timeout: 10_000 }).toEqual([]);
    } finally {
      for (const { pid } of withVariable("MARK", mark)) process.kill(pid, "SIGKILL");
    }
  },
);
