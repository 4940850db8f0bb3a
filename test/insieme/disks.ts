import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { createIndexedDbClientStore, createInMemoryClientStore, createSqliteClientStore } from "insieme/node";
import type { ClientStore, Disk } from "./lab.ts";

/** The client stores of the package that run in Node, by name. */
export const disks: Readonly<Record<"memory" | "SQLite" | "IndexedDB", () => Disk>> = {
  memory,
  SQLite: sqlite,
  IndexedDB,
};

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** What was in memory is there after a restart as long as its process is: an application that makes its client again. */
function memory(): Disk {
  let store: ClientStore | undefined;
  return {
    open: async (materializedViews) =>
      (store ??= createInMemoryClientStore({ materializedViews }) as unknown as ClientStore),
  };
}

function sqlite(): Disk {
  const folder = mkdtempSync(join(tmpdir(), "partita-insieme-"));
  folders.push(folder);
  return {
    open: async (materializedViews) => {
      const database = new DatabaseSync(join(folder, "client.db"));
      return createSqliteClientStore(database, { materializedViews } as object) as unknown as ClientStore;
    },
  };
}

function IndexedDB(): Disk {
  const indexedDB = new IDBFactory();
  const dbName = randomUUID();
  return {
    open: async (materializedViews) =>
      createIndexedDbClientStore({
        indexedDB,
        IDBKeyRange,
        dbName,
        materializedViews,
      } as object) as unknown as ClientStore,
  };
}
