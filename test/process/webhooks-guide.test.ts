import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, expect, test, vi } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { freePort } from "../support/processes.ts";
import { temporaryFolder } from "../support/server.ts";

const folder = temporaryFolder("partita-receiver-");
let child: ChildProcess | undefined;
afterAll(() => {
  child?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("[AU-11] [TX-12] the receiver of the guide verifies, answers the challenge, and works on each message once", async () => {
  const page = readFileSync(join(projectFolder, "docs/guide/webhooks.md"), "utf8");
  const [, code] = /^```ts\n(\/\/ receiver\.ts\n.*?)^```$/ms.exec(page)!;
  writeFileSync(join(folder, "receiver.ts"), code!);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  symlinkSync(join(projectFolder, "node_modules"), join(folder, "node_modules"));
  const secret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
  const port = await freePort();
  let output = "";
  child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "receiver.ts"], {
    cwd: folder,
    env: { ...process.env, WEBHOOK_SECRET: secret, PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout!.on("data", (text: Buffer) => (output += text.toString()));

  const send = async (id: string, message: object, key = secret, at = new Date()) => {
    const body = JSON.stringify(message);
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "webhook-signature": new Webhook(key).sign(id, at, body),
    };
    return await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body });
  };
  const paid = { type: "order.paid", data: { order: "o-1" } };
  await vi.waitFor(() => send("first", paid), { timeout: 60_000, interval: 100 });
  const challenged = await send("challenge", { type: "partita.challenge", data: { challenge: "c-1" } });
  expect(await challenged.json()).toEqual({ challenge: "c-1" });
  expect((await send("first", paid)).status).toBe(204);
  expect((await send("second", paid)).status).toBe(204);
  expect((await send("forged", paid, `whsec_${Buffer.alloc(32, 4).toString("base64")}`)).status).toBe(401);
  expect((await send("old", paid, secret, new Date(Date.now() - 3_600_000))).status).toBe(401);
  await vi.waitFor(() => expect(output.match(/order\.paid/g)).toHaveLength(2), { timeout: 60_000 });
});
