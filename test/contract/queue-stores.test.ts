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
import { entry, keysIn, queueStoreSuite } from "./queue-store-suite.ts";

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
