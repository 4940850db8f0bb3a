import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { buildWorker } from "../../src/tools/build-worker.ts";
import { freePort } from "../support/processes.ts";
import { compatibility, temporaryFolder } from "../support/server.ts";
import { upgradeHead } from "../support/upgrade.ts";

// The development servers of wrangler and Miniflare negotiate the compression of sockets by themselves, so this serves
// the Worker by workerd alone, as the platform does.

const workerdBin = createRequire(createRequire(import.meta.url).resolve("miniflare")).resolve("workerd/bin/workerd");
const folder = temporaryFolder("partita-workerd-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Serves the Worker with these flags, and returns the head of the answer to an upgrade that offers compression. */
async function negotiated(flags: readonly string[]): Promise<string> {
  const port = await freePort();
  const sql = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const data = join(folder, `data-${port}`);
  mkdirSync(data);
  const classes = ["PartitionObject", "TenantObject", "CourierObject"];
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")${sql.map((name) => `, (name = "${name}", text = embed "${name}")`).join("")}],
      compatibilityDate = "${compatibility().date}",
      compatibilityFlags = [${flags.map((flag) => `"${flag}"`).join(", ")}],
      durableObjectNamespaces = [${classes.map((name) => `(className = "${name}", uniqueKey = "${name}", enableSql = true)`).join(", ")}],
      durableObjectStorage = (localDisk = "data"),
      bindings = [
        (name = "PARTITIONS", durableObjectNamespace = "PartitionObject"),
        (name = "TENANTS", durableObjectNamespace = "TenantObject"),
        (name = "COURIERS", durableObjectNamespace = "CourierObject"),
        (name = "PARTITA_IDENTITY", text = "open"),
      ],
    )),
    (name = "data", disk = (path = "${data}", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  );
  const child = spawn(workerdBin, ["serve", "config.capnp"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  try {
    while (!(await fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined))?.ok) {
      if (child.exitCode !== null) throw new Error("workerd has ended");
      await sleep(50);
    }
    return await upgradeHead(port, "/v1/partitions/room/ws");
  } finally {
    child.kill("SIGKILL");
    if (child.exitCode === null) await once(child, "exit");
  }
}

test("[BD-1] [AU-6] the Worker compresses no socket, though the client offers it", async () => {
  await buildWorker(folder);
  const { flags } = compatibility();
  const without = flags.filter((flag) => flag !== "no_web_socket_compression");
  expect(await negotiated(without)).toContain("sec-websocket-extensions: permessage-deflate");
  expect(await negotiated(flags)).not.toContain("sec-websocket-extensions");
});
