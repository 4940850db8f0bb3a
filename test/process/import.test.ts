import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, expect, onTestFinished, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import { type Draft, draftIdOf, draftOf, nodeIdOf, targetDraft } from "../../src/tools/import/drafts.ts";
import { importEntries } from "../../src/tools/import/run.ts";
import { Tally } from "../../src/tools/import/tally.ts";
import { type Entry, walk } from "../../src/tools/import/walk.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { freePort } from "../support/processes.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";

afterEach(() => void vi.restoreAllMocks());

const folder = temporaryFolder("partita-import-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Nested folders, with files in each. */
function entriesOf(folders: number, files: number): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0, parent: string | undefined; at < folders; at++) {
    const path = parent === undefined ? "d0" : `${parent}/d${at}`;
    entries.push({ path, parent, name: `d${at}`, type: "folder" });
    for (let file = 0; file < files; file++) {
      entries.push({ path: `${path}/f${file}`, parent: path, name: `f${file}`, type: "file" });
    }
    parent = path;
  }
  return entries;
}

/** What the fake server does with a draft: accept it, answer with this message, or drop the connection. */
type Answer = "accept" | "drop" | { type: string; payload: object };

/** A fake server with a minimal wire. The test decides what it does with each draft. */
async function standIn(answer: (draft: Draft, attempt: number) => Answer, serverId = () => "log-1") {
  const port = await freePort();
  const server = new WebSocketServer({ port, host: "127.0.0.1" });
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const log: string[] = [];
  const submitted: string[] = [];
  server.on("connection", (socket) => {
    const send = (type: string, payload: object, inReplyTo?: string) =>
      socket.send(JSON.stringify({ id: "s", type, timestamp: 0, payload, inReplyTo }));
    socket.on("message", (data) => {
      const { id, type, payload } = JSON.parse(String(data)) as { id: string; type: string; payload: Draft };
      if (type === "connect") {
        send("connected", { serverId: serverId(), currentEventIndex: log.length }, id);
        return;
      }
      const { draftId } = payload;
      submitted.push(draftId);
      const known = log.indexOf(draftId) + 1;
      const does = known > 0 ? "accept" : answer(payload, submitted.filter((other) => other === draftId).length);
      if (does === "drop") socket.terminate();
      else if (does === "accept") send("event_accepted", { draftId, eventId: known || log.push(draftId) });
      else send(does.type, { draftId, ...does.payload });
    });
  });
  await once(server, "listening");
  return { log, submitted, url: new URL(`http://127.0.0.1:${port}`) };
}

async function importInto(url: URL, entries: Entry[], { connections = 1, window = 8 } = {}): Promise<Tally> {
  const tally = new Tally(entries.length);
  await importEntries({ url, partition: "p", entries, connections, window, tally });
  return tally;
}

const refusal = { type: "error", payload: { code: "storage_unavailable", retryable: true, retryAfter: 0.05 } };

test("[EC-4] a walk lists folders before their contents, and does not follow links", async () => {
  const root = join(folder, "walk");
  mkdirSync(join(root, "b", "empty"), { recursive: true });
  writeFileSync(join(root, "b", "file"), "");
  writeFileSync(join(root, "a"), "");
  symlinkSync("b", join(root, "link"));
  symlinkSync("nowhere", join(root, "b", "broken"));
  expect(await walk(root)).toEqual({
    entries: [
      { path: "a", parent: undefined, name: "a", type: "file" },
      { path: "b", parent: undefined, name: "b", type: "folder" },
      { path: "link", parent: undefined, name: "link", type: "link" },
      { path: "b/broken", parent: "b", name: "broken", type: "link" },
      { path: "b/empty", parent: "b", name: "empty", type: "folder" },
      { path: "b/file", parent: "b", name: "file", type: "file" },
    ],
    left: [],
  });
});

test("[ID-2] the draft of a path is the same in every run, and its node's id is never too long", () => {
  const [entry] = entriesOf(1, 0) as [Entry];
  expect(draftOf(entry)).toEqual(draftOf({ ...entry }));
  expect(nodeIdOf("a/b.js")).toBe("/a/b.js");
  const long = "long/".repeat(300);
  expect(nodeIdOf(long)).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(nodeIdOf(long)).not.toBe(nodeIdOf(`${long}x`));
});

test("[EC-4] an import submits a child only after its parent was accepted, on any connection", async () => {
  const entries = entriesOf(20, 5);
  const server = await standIn(({ event }) => {
    const { parent } = (event.payload["options"] ?? {}) as { parent?: string };
    const known = parent === undefined || server.log.includes(draftIdOf(parent.slice(1)));
    return known ? "accept" : { type: "event_rejected", payload: { reason: "validation_failed", errors: [] } };
  });
  const tally = await importInto(server.url, entries, { connections: 4 });
  expect(tally).toMatchObject({ committed: entries.length + 1, replayed: 0, rejected: 0, lost: 0 });
  expect(server.log[0]).toBe(targetDraft.draftId);
});

test("[ER-5] [WP-12] retryable refusals are obeyed: after the pause the refused drafts are sent again first, in order", async () => {
  const entries = entriesOf(1, 40);
  const held = draftIdOf("d0/f3");
  let refusedAt = 0;
  const server = await standIn(({ draftId }, attempt) => {
    if (draftId === held && attempt < 3) refusedAt = performance.now();
    // Like the server: after a refusal, every other draft is refused until that one is sent again.
    if (attempt < 3 && (draftId === held || server.submitted.includes(held)) && !server.log.includes(held))
      return refusal;
    if (draftId === held) expect(performance.now() - refusedAt).toBeGreaterThanOrEqual(45);
    return "accept";
  });
  const tally = await importInto(server.url, entries);
  expect(tally).toMatchObject({ committed: entries.length + 1, rejected: 0, lost: 0 });
  expect(server.log).toEqual([targetDraft, ...entries.map(draftOf)].map(({ draftId }) => draftId));
});

test("[ID-11] a lost connection is replaced, and undecided drafts are sent again with the same ids", async () => {
  const entries = entriesOf(3, 100);
  let drops = 0;
  const server = await standIn((_, attempt) =>
    attempt === 1 && server.submitted.length % 50 === 0 ? (drops++, "drop") : "accept",
  );
  const tally = await importInto(server.url, entries, { connections: 2 });
  expect(drops).toBeGreaterThan(2);
  expect(tally).toMatchObject({ committed: entries.length + 1, replayed: 0, rejected: 0, lost: drops });
  expect(new Set(server.log).size).toBe(entries.length + 1);
});

test("[ER-5] a rejection is counted, and drafts below it are never submitted", async () => {
  const entries = entriesOf(4, 2);
  const server = await standIn(({ draftId }) =>
    draftId === draftIdOf("d0/d1")
      ? { type: "event_rejected", payload: { reason: "validation_failed", errors: [] } }
      : "accept",
  );
  const tally = await importInto(server.url, entries);
  expect(tally).toMatchObject({ committed: 4, rejected: 1, skipped: 8, decided: tally.total });
  expect(tally.rejections).toEqual([{ draftId: draftIdOf("d0/d1"), code: "validation_failed", errors: [] }]);
  expect(server.submitted).toHaveLength(5);
});

test("[EC-4] [ER-5] an import gives up after a bounded number of failures in a row", async () => {
  // No pauses: only their number matters here.
  vi.spyOn(Math, "random").mockReturnValue(0);
  const nobody = new URL(`http://127.0.0.1:${await freePort()}`);
  await expect(importInto(nobody, [])).rejects.toThrow(/gave up after 16 failures in a row.*ECONNREFUSED/);
  const server = await standIn(() => "drop");
  await expect(importInto(server.url, [])).rejects.toThrow("gave up after 16 failures in a row");
  const refusing = await standIn(() => ({ ...refusal, payload: { ...refusal.payload, retryAfter: 0 } }));
  await expect(importInto(refusing.url, [])).rejects.toThrow("gave up after 16 failures in a row");
});

test("[WP-11] an import ends if the log is replaced meanwhile", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  let connections = 0;
  const server = await standIn(
    ({ draftId }, attempt) => (draftId === draftIdOf("d0") && attempt === 1 ? "drop" : "accept"),
    () => `log-${++connections}`,
  );
  await expect(importInto(server.url, entriesOf(1, 0))).rejects.toThrow("log was replaced");
});

async function runTool(...parameters: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const tool = spawn(process.execPath, [join(projectFolder, "src", "tools", "import.ts"), ...parameters], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = { stdout: "", stderr: "" };
  tool.stdout.setEncoding("utf8").on("data", (text) => (printed.stdout += text));
  tool.stderr.setEncoding("utf8").on("data", (text) => (printed.stderr += text));
  const [code] = (await once(tool, "close")) as [number];
  return { code, ...printed };
}

test("[TX-8] [ID-1] npm run import imports a folder, verifies it, resumes, and reports differences", async () => {
  const server = new TestServer();
  onTestFinished(() => server.stop());
  await server.start();
  const root = join(folder, "-my folder");
  mkdirSync(join(root, "sub"), { recursive: true });
  for (let at = 0; at < 50; at++) writeFileSync(join(root, "sub", `file ${at}`), "");

  const first = await runTool(root, "--url", server.url.href);
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toContain("52 events committed, 0 known from before, 0 rejected");
  expect(first.stdout).toContain("verified: events 1 to 52 fold to the server's state, and to the folder's 51 entries");
  expect(first.stdout).toContain(`${server.url.href}files?partition=my-folder`);

  const second = await runTool(root, "--url", server.url.href, "--connections", "1", "--window", "1");
  expect(second).toMatchObject({ code: 0 });
  expect(second.stdout).toContain("0 events committed, 52 known from before, 0 rejected");

  // The same path with another type: another operation with the same key, and a node that is not a folder.
  rmSync(join(root, "sub"), { recursive: true });
  writeFileSync(join(root, "sub"), "");
  const third = await runTool(root, "--url", server.url.href);
  expect(third).toMatchObject({ code: 1 });
  expect(third.stderr).toContain("idempotency_key_reused");
  expect(third.stderr).toContain("differs: /sub is a file in / on disk, and a folder in / in the partition");
  expect(third.stdout).toContain("NOT verified");
});

test("[ER-4] npm run import explains errors in its command", async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const commands: [string[], string][] = [
    [[], "Name one folder"],
    [[join(folder, "missing")], "is not a folder"],
    [[folder, "--partition", "a/b"], "cannot name a partition"],
    [[folder, "--url", "ftp://x"], "is not the URL of a server"],
    [[folder, "--connections", "0"], "--connections must be a whole number from 1 to 64"],
    [[folder, "--window", "many"], "--window must be a whole number from 1 to 1024"],
    [[folder, "--url", nobody], `Nothing answers at ${nobody}`],
  ];
  for (const [parameters, said] of commands) {
    const { code, stderr, stdout } = await runTool(...parameters);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(said);
    expect(stderr).not.toContain("    at ");
  }
});
