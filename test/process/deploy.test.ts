import { execFile } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { projectFolder, wranglerBin, wranglerEnvironment } from "../../src/tools/wrangler.ts";
import { temporaryFolder } from "../support/server.ts";

const folder = temporaryFolder("partita-clone-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a clone does not have. */
const made = new Set(["node_modules", "dist", "coverage", ".wrangler", ".git"]);

it("[LC-5] a deployment from a fresh clone builds what it ships, shows no page, and has no setting of development", async () => {
  const clone = join(folder, "clone");
  cpSync(projectFolder, clone, { recursive: true, filter: (path) => !made.has(basename(path)) });
  symlinkSync(join(projectFolder, "node_modules"), join(clone, "node_modules"), "junction");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [wranglerBin, "deploy", "--dry-run", "--outdir", join(folder, "worker")],
    { cwd: clone, env: wranglerEnvironment },
  );
  expect(readdirSync(join(clone, "dist", "demo"))).toEqual(
    expect.arrayContaining(["index.html", "files.js", "api.html", "_headers"]),
  );
  expect(readFileSync(join(folder, "worker", "worker.js"), "utf8")).toContain("PartitionObject");
  for (const binding of ["env.PARTITIONS", "env.TENANTS", "env.COURIERS", "env.ASSETS"])
    expect(stdout).toContain(binding);
  expect(stdout).not.toContain("PARTITA_");
});

it("[AU-2] [LC-4] the Worker runs before the assets", () => {
  const settings = readFileSync(join(projectFolder, "wrangler.toml"), "utf8");
  const assets = settings.split(/^(?=\[)/m).find((section) => section.startsWith("[assets]"));
  expect(assets).toMatch(/^run_worker_first = true$/m);
});
