import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandDef, runCommand } from "citty";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { checkModelCommand } from "../../src/cli/commands/check-model.ts";
import { exportCommand } from "../../src/cli/commands/export.ts";
import { importCommand } from "../../src/cli/commands/import.ts";
import { incidentCommand } from "../../src/cli/commands/incident.ts";
import { simulate } from "../../src/cli/commands/simulate.ts";
import { verifyCommand } from "../../src/cli/commands/verify.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";

const events = [1, 2].map((eventId) => ({
  eventId,
  event: { type: "add", payload: {}, timestamp: eventId, clientId: "a" },
}));

/** A server of the partition "list"; other names have no events. It answers `refusal` to all, where there is one. */
async function serverWith({ refusal }: { refusal?: { status: number } } = {}): Promise<string> {
  const server = createServer(({ url }, response) => {
    const known = url!.startsWith("/v1/partitions/list/");
    const answers = {
      events: { events: known ? events : [], hasMore: false, nextSinceEventId: 2, currentEventIndex: known ? 2 : 0 },
      usage: { usage: {} },
      verify: { verified: { eventId: known ? 2 : 0, of: 0, done: true, findings: [] } },
    };
    const path = new URL(url!, "http://x").pathname.split("/").at(-1)!;
    const answer = path === "partitions" ? { partitions: [] } : answers[path as keyof typeof answers];
    response.writeHead(refusal?.status ?? 200).end(JSON.stringify(refusal ?? answer));
  }).listen(0);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function folderWith(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "partita-nothing-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  vi.spyOn(console, "log").mockImplementation(() => {});
  return folder;
}

const run = (command: CommandDef<any>, ...rawArgs: string[]) => runCommand(command, { rawArgs });

/** A model that takes nothing. */
const model = `
  import { defineModel } from ${JSON.stringify(join(projectFolder, "src/model/index.ts"))};
  import * as z from "zod/mini";
  export const closed = defineModel({
    name: "closed",
    version: 1,
    initialState: () => ({}),
    events: { add: { payload: z.object({}), validate: () => ({ field: "", code: "CLOSED", message: "no" }), reduce() {} } },
  });
`;

describe("a command that has found nothing ends with an error", () => {
  it("[EC-4] export: of a partition without events, and it leaves the file that was there", async () => {
    const url = await serverWith();
    const folder = folderWith({ "log.ndjson": "before" });
    const out = join(folder, "log.ndjson");
    await expect(run(exportCommand, "--url", url, "--partition", "lits", "--out", out)).rejects.toThrow(
      "The partition lits has no events. Is its name right?",
    );
    expect(readFileSync(out, "utf8")).toBe("before");
    await run(exportCommand, "--url", url, "--partition", "list", "--out", out);
    expect(
      readFileSync(out, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(events);
    expect(existsSync(`${out}.partial`)).toBe(false);
  });

  it("[EC-4] check-model, import, verify, incident and simulate", async () => {
    const url = await serverWith();
    const folder = folderWith({ "empty.ndjson": "", "model.ts": model });
    const file = join(folder, "model.ts");
    symlinkSync(join(projectFolder, "node_modules"), join(folder, "node_modules"));
    await expect(run(checkModelCommand, file, "--from", join(folder, "empty.ndjson"))).rejects.toThrow(
      "There is nothing to check: the log has no events.",
    );
    await expect(run(importCommand, join(folder, "empty.ndjson"), "--partition", "list", "--dry-run")).rejects.toThrow(
      "There is nothing to import: the file has no events.",
    );
    await expect(run(verifyCommand, "--url", url, "--partition", "lits")).rejects.toThrow(
      "There is nothing to verify: lits has no events.",
    );
    await expect(run(verifyCommand, "--url", url, "--prefix", "lits")).rejects.toThrow(
      "There is nothing to verify: no partition has events.",
    );
    await expect(
      run(incidentCommand, "--url", url, "--partition", "lits", "--from", "2026-11-29T10:00Z"),
    ).rejects.toThrow("The partition lits has no events. Is its name right?");
    await expect(run(simulate, file, "--seeds", "0")).rejects.toThrow("--seeds must be a whole number of at least 1");
    await expect(run(simulate, file, "--seeds", "1")).rejects.toThrow("1 runs, and no event was accepted.");
  });
});

it("[EC-4] a refusal of a server without the part for a command says where parts are listed", async () => {
  const refusal = { status: 404, code: "not_found", detail: "There is no route at this address." };
  const url = await serverWith({ refusal });
  await expect(run(verifyCommand, "--url", url)).rejects.toThrow(
    /^\/v1\/partitions is refused with 404 not_found: There is no route at this address\.\nWhere the address is right, its Worker has no part/,
  );
});

it("[EC-4] a refusal is said as a sentence, with the way to a token, and an older export stays", async () => {
  const refusal = { status: 401, code: "unauthenticated", detail: "Send a token.", title: "Unauthenticated" };
  const url = await serverWith({ refusal });
  const folder = folderWith({ "log.ndjson": "before" });
  const out = join(folder, "log.ndjson");
  await expect(run(exportCommand, "--url", url, "--partition", "list", "--out", out)).rejects.toThrow(
    /^\/v1\/partitions\/list\/events is refused with 401 unauthenticated: Send a token\.\nThe token is that of --token or PARTITA_TOKEN\. .*`npx partita token/,
  );
  expect(readFileSync(out, "utf8")).toBe("before");
  await expect(run(exportCommand, "--url", "http://127.0.0.1:1", "--partition", "list", "--out", out)).rejects.toThrow(
    /^http:\/\/127\.0\.0\.1:1 cannot be reached: \w/,
  );
});
