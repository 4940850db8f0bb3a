// The store uses the IndexedDB globals.
import "fake-indexeddb/auto";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { afterEach, describe, expect, it, vi } from "vitest";
import { indexedDbStore } from "../../src/client/stores/indexed-db-file.ts";
import { memoryStore } from "../../src/client/stores/memory.ts";
import { sqliteStore } from "../../src/client/stores/sqlite.ts";
import { entry, keysIn, queueStoreSuite } from "../../src/testing/store-suite.ts";

let databases = 0;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "queue-store-"));
  try {
    await test(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

queueStoreSuite("memory", { durable: false, withStorage: (test) => test(memoryStore()) });

queueStoreSuite("IndexedDB", {
  durable: true,
  withStorage: (test) => test(indexedDbStore({ databaseName: `contract-${++databases}` })),
});

queueStoreSuite("node:sqlite", {
  durable: true,
  withStorage: (test) => withFolder((folder) => test(sqliteStore(join(folder, "queue.sqlite")))),
});

describe("queue store: node:sqlite only", () => {
  afterEach(() => vi.restoreAllMocks());

  it("[CL-2] a resolved call is in the files", () =>
    withFolder(async (folder) => {
      const store = await sqliteStore(join(folder, "queue.sqlite"))("a");
      await store.append(entry("one"));
      await store.append(entry("two"));
      await store.remove(["one"]);
      // The files as a crash would leave them, without further writes of the open handle.
      for (const file of ["queue.sqlite", "queue.sqlite-wal"])
        copyFileSync(join(folder, file), join(folder, `copy-${file}`));
      const copy = await sqliteStore(join(folder, "copy-queue.sqlite"))("a");
      expect(await keysIn(copy)).toEqual(["two"]);
      await Promise.all([store.close(), copy.close()]);
    }));

  it("[CL-10] opens a file of the version before, with its queue and its base, and leaves it one of that version", () =>
    withFolder(async (folder) => {
      const path = join(folder, "queue.sqlite");
      // As the version before has made it: this is a promise to every device, and must never be changed.
      const before = new DatabaseSync(path);
      before.exec(`
        CREATE TABLE entries (sequence INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL, entry TEXT NOT NULL,
          UNIQUE (scope, key)) STRICT;
        CREATE TABLE bases (scope TEXT PRIMARY KEY, server_id TEXT NOT NULL, event_id INTEGER NOT NULL,
          model_version INTEGER NOT NULL, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE devices (scope TEXT PRIMARY KEY, client_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE proofs (scope TEXT PRIMARY KEY, event_id INTEGER NOT NULL, proof TEXT NOT NULL) STRICT, WITHOUT ROWID;
        PRAGMA user_version = 1;
        INSERT INTO bases VALUES ('"a"', 'log-1', 7, 3, '{"old":true}');
        INSERT INTO proofs VALUES ('"a"', 7, 'p7');
        INSERT INTO devices VALUES ('"a"', 'device-1')`);
      const add = before.prepare(`INSERT INTO entries (scope, key, entry) VALUES ('"a"', ?, ?)`);
      for (const key of ["one", "two"]) add.run(key, JSON.stringify(entry(key)));
      const store = await sqliteStore(path)("a");
      const base = { serverId: "log-1", eventId: 7, modelVersion: 3, state: '{"old":true}', proof: "p7" };
      expect(await store.load()).toEqual({ entries: [entry("one"), entry("two")], base });
      const tail = { serverId: "log-1", after: 7, afterProof: "p7", eventId: 9, proof: "p9", events: "[8, 9]" };
      expect(await store.extendBase!(tail)).toBe(true);
      expect((await store.load()).base).toEqual({ ...base, tail: ["[8, 9]"] });
      // The version before writes a later one, beside the tail that it does not know.
      before.exec(`UPDATE bases SET event_id = 20; UPDATE proofs SET event_id = 20, proof = 'p20'`);
      expect((await store.load()).base).toEqual({ ...base, eventId: 20, proof: "p20" });
      expect(await store.extendBase!({ ...tail, after: 20, afterProof: "p20", eventId: 21 })).toBe(false);
      expect(before.prepare("PRAGMA user_version").get()).toEqual({ user_version: 1 });
      before.close();
      await store.close();
    }));

  it("[CL-2] reports why it cannot be opened", () =>
    withFolder(async (folder) => {
      await expect(sqliteStore(join(folder, "missing", "queue.sqlite"))("a")).rejects.toMatchObject({
        name: "StoreError",
        reason: "unavailable",
      });
      const path = join(folder, "newer.sqlite");
      const newer = new DatabaseSync(path);
      newer.exec("PRAGMA user_version = 2");
      await expect(sqliteStore(path)("a")).rejects.toMatchObject({ reason: "failed" });
      // It closed the file, and changed nothing in it.
      newer.exec("PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE entries (x)");
      newer.close();
    }));

  it("[CL-2] reports why it cannot write, and works again afterwards", () =>
    withFolder(async (folder) => {
      const path = join(folder, "queue.sqlite");
      const store = await sqliteStore(path)("a");
      const other = new DatabaseSync(path);
      other.exec("BEGIN IMMEDIATE");
      await expect(store.append(entry("one"))).rejects.toMatchObject({ name: "StoreError", reason: "blocked" });
      expect(await keysIn(store)).toEqual([]);
      other.exec("COMMIT");
      other.close();
      const full = Object.assign(new Error("database or disk is full"), { errcode: 13 });
      vi.spyOn(StatementSync.prototype, "run").mockImplementationOnce(() => {
        throw full;
      });
      await expect(store.append(entry("one"))).rejects.toMatchObject({ reason: "quota", cause: full });
      await store.append(entry("two"));
      expect(await keysIn(store)).toEqual(["two"]);
      await store.close();
    }));
});
