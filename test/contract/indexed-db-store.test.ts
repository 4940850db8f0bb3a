import "fake-indexeddb/auto";
import { forceCloseDatabase } from "fake-indexeddb";
import { afterEach, describe, expect, it, vi } from "vitest";
import { indexedDbStore } from "../../src/client/stores/indexed-db-file.ts";
import type { StoredBase } from "../../src/client/stores/store.ts";
import { entry, keysIn } from "../../src/testing/store-suite.ts";

let databases = 0;
const base: StoredBase = { serverId: "log-1", eventId: 1, modelVersion: 1, state: "{}" };
const nextName = () => `trouble-${++databases}`;
const domError = (name: string) => new DOMException("", name);

/** Opens a database like the tab of another version: directly by IndexedDB. */
function rawOpen(name: string, version: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.addEventListener("blocked", () => reject(new Error("blocked")));
    request.addEventListener("error", () => reject(request.error));
    request.addEventListener("success", () => resolve(request.result));
  });
}

function failedRequest(error: DOMException): IDBOpenDBRequest {
  return Object.assign(new IDBOpenDBRequest(), {
    error,
    readyState: "done",
    addEventListener: (type: string, listener: () => void) => void (type === "error" && queueMicrotask(listener)),
    removeEventListener: () => {},
  });
}

/** Records the connections and transactions of the store from now on. */
function watchTransactions() {
  const make = IDBDatabase.prototype.transaction;
  const spy = vi.spyOn(IDBDatabase.prototype, "transaction");
  return {
    count: () => spy.mock.calls.length,
    durabilities: () => spy.mock.calls.map(([, , options]) => options?.durability),
    connections: () => spy.mock.contexts as IDBDatabase[],
    /** The browser closes the database as soon as the next transaction has made its first request. */
    cutNext: () =>
      spy.mockImplementationOnce(function (this: IDBDatabase, ...values) {
        const transaction = make.apply(this, values);
        queueMicrotask(() => {
          transaction.abort();
          forceCloseDatabase(this as never);
        });
        return transaction;
      }),
  };
}

/** A database as the version before has left it: this is a promise to every device, and must never be changed. */
async function writtenBefore(name: string): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.addEventListener("upgradeneeded", () => {
      const entries = request.result.createObjectStore("entries", { keyPath: "sequence", autoIncrement: true });
      entries.createIndex("scopeAndKey", ["scope", "key"], { unique: true });
      request.result.createObjectStore("bases");
      request.result.createObjectStore("devices");
    });
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error!));
  });
  const transaction = database.transaction(["entries", "bases", "devices"], "readwrite");
  const entries = transaction.objectStore("entries");
  for (const key of ["one", "two"]) entries.add({ scope: "a", key, entry: JSON.stringify(entry(key)) });
  transaction.objectStore("bases").put({ ...base, eventId: 7, proof: "p7", state: '{"old":true}' }, "a");
  transaction.objectStore("devices").put("device-1", "a");
  await new Promise((resolve) => transaction.addEventListener("complete", resolve));
  database.close();
}

describe("queue store: databases of the version before", () => {
  const tail = { serverId: "log-1", after: 7, afterProof: "p7", eventId: 9, proof: "p9", events: "[8, 9]" };

  it("[CL-10] [CL-2] keeps the queue and the base, and continues it after the next whole one", async () => {
    const name = nextName();
    await writtenBefore(name);
    const store = await indexedDbStore({ databaseName: name })("a");
    const kept = { ...base, eventId: 7, proof: "p7", state: '{"old":true}' };
    expect(await store.load()).toEqual({ entries: [entry("one"), entry("two")], base: kept });
    expect(await store.identify("device-2")).toBe("device-1");
    // Nothing says where it ends.
    expect(await store.extendBase!(tail)).toBe(false);
    await store.saveBase(kept);
    expect(await store.extendBase!(tail)).toBe(true);
    expect((await store.load()).base).toEqual({ ...kept, tail: ["[8, 9]"] });
    await store.close();
  });

  it("[CL-10] the version before opens the database, and what it writes wins", async () => {
    const name = nextName();
    const store = await indexedDbStore({ databaseName: name })("a");
    const kept = { ...base, eventId: 7, proof: "p7" };
    await store.append(entry("one"));
    await store.saveBase(kept);
    await store.extendBase!(tail);
    await store.close();
    const database = await rawOpen(name, 1);
    const bases = database.transaction("bases", "readwrite").objectStore("bases");
    const read = await new Promise((resolve) => {
      const request = bases.get("a");
      request.addEventListener("success", () => resolve(request.result));
    });
    expect(read).toEqual(kept);
    const later = { ...base, eventId: 20, proof: "p20", state: '{"at":20}' };
    bases.put(later, "a");
    await new Promise((resolve) => bases.transaction.addEventListener("complete", resolve));
    database.close();
    const again = await indexedDbStore({ databaseName: name })("a");
    expect(await again.load()).toEqual({ entries: [entry("one")], base: later });
    expect(await again.extendBase!({ ...tail, after: 20, afterProof: "p20", eventId: 21 })).toBe(false);
    await again.delete("everything");
    expect(await again.load()).toEqual({ entries: [], base: undefined });
    await again.close();
  });
});

describe("queue store: failures of IndexedDB", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("[CL-2] is unavailable if there is no IndexedDB, or a page may not use it", async () => {
    const open = indexedDbStore({ databaseName: nextName() });
    const unavailable = { name: "StoreError", reason: "unavailable" };
    vi.stubGlobal("indexedDB", undefined);
    await expect(open("a")).rejects.toMatchObject(unavailable);
    vi.unstubAllGlobals();
    const opening = vi.spyOn(IDBFactory.prototype, "open");
    opening.mockImplementationOnce(() => {
      throw domError("SecurityError");
    });
    await expect(open("a")).rejects.toMatchObject(unavailable);
    for (const [name, reason] of [
      ["InvalidStateError", "unavailable"],
      ["QuotaExceededError", "quota"],
      ["UnknownError", "failed"],
    ]) {
      opening.mockImplementationOnce(() => failedRequest(domError(name!)));
      await expect(open("a")).rejects.toMatchObject({ reason });
    }
    await (await open("a")).close();
  });

  it("[CL-2] is blocked if another tab does not close the database, and leaves nothing open", async () => {
    const name = nextName();
    const holder = await rawOpen(name, 1);
    const deleting = indexedDB.deleteDatabase(name);
    await new Promise((resolve) => deleting.addEventListener("blocked", resolve));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const opening = indexedDbStore({ databaseName: name })("a");
    const settled = vi.fn<() => void>();
    opening.then(settled, settled);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await expect(opening).rejects.toMatchObject({ name: "StoreError", reason: "blocked" });
    const closing = vi.spyOn(IDBDatabase.prototype, "close");
    holder.close();
    await vi.waitFor(() => expect(closing).toHaveBeenCalledTimes(2));
    const store = await indexedDbStore({ databaseName: name })("a");
    expect(vi.getTimerCount()).toBe(0);
    await store.close();
  });

  it("[CL-2] closes for another tab that upgrades the database, and fails if its version is newer", async () => {
    const name = nextName();
    const store = await indexedDbStore({ databaseName: name })("a");
    await store.append(entry("one"));
    const newer = await rawOpen(name, 2);
    await expect(store.append(entry("two"))).rejects.toMatchObject({ name: "StoreError", reason: "failed" });
    await expect(store.load()).rejects.toMatchObject({ reason: "failed", cause: { name: "VersionError" } });
    newer.close();
    await store.close();
  });

  it("[CL-2] reopens after another tab has deleted the database", async () => {
    const name = nextName();
    const store = await indexedDbStore({ databaseName: name })("a");
    await store.append(entry("one"));
    await new Promise((resolve, reject) => {
      const deleting = indexedDB.deleteDatabase(name);
      deleting.addEventListener("success", resolve);
      deleting.addEventListener("blocked", reject);
    });
    await Promise.all([store.append(entry("two")), store.append(entry("three"))]);
    expect(await keysIn(store)).toEqual(["two", "three"]);
    await store.close();
  });

  it.each(["deleted", "closed and deleted"] as const)(
    "[CL-13] stores what the page knows again, in order, when its database is %s",
    async (how) => {
      const name = nextName();
      const open = indexedDbStore({ databaseName: name });
      const [page, other] = await Promise.all([open("a"), open("a")]);
      const transactions = watchTransactions();
      const entries = [entry("one"), entry("two", { queuedAt: 5 })];
      page.protect!(() => ({ clientId: "device-1", entries }));
      other.protect!(() => ({ clientId: "device-1", entries: [entry("of the other tab")] }));
      await page.identify("device-1");
      for (const one of entries) await page.append(one);
      await other.append(entry("of the other tab"));
      if (how === "closed and deleted")
        for (const connection of new Set(transactions.connections())) forceCloseDatabase(connection as never);
      await new Promise((resolve, reject) => {
        const deleting = indexedDB.deleteDatabase(name);
        deleting.addEventListener("success", resolve);
        deleting.addEventListener("blocked", reject);
      });
      // Without a call of the page.
      const after = await open("a");
      await vi.waitFor(async () => expect((await after.load()).entries).toHaveLength(3));
      await page.append(entry("three"));
      const kept = (await after.load()).entries;
      expect(kept.filter(({ key }) => key !== "of the other tab")).toEqual([...entries, entry("three")]);
      expect(await open.scopes!()).toEqual(["a"]);
      for (const store of [page, other, after]) await store.close();
    },
  );

  it("[CL-2] reopens after the browser has closed the database, and repeats the interrupted calls in order", async () => {
    const store = await indexedDbStore({ databaseName: nextName() })("a");
    const transactions = watchTransactions();
    await store.append(entry("one"));
    forceCloseDatabase(transactions.connections()[0] as never);
    await store.append(entry("two"));
    expect(new Set(transactions.connections()).size).toBe(2);
    transactions.cutNext();
    const cut = [store.append(entry("three")), store.append(entry("four")), store.remove(["one"])];
    // Their transaction has begun; later calls wait for it.
    await Promise.resolve();
    await Promise.all([...cut, store.append(entry("five")), store.update(entry("two", { queuedAt: 5 }))]);
    expect(new Set(transactions.connections()).size).toBe(3);
    const { entries } = await store.load();
    expect(entries).toEqual([entry("two", { queuedAt: 5 }), entry("three"), entry("four"), entry("five")]);
    await store.close();
  });

  it("[CL-2] rejects while it cannot be reopened, and works again once it can", async () => {
    const store = await indexedDbStore({ databaseName: nextName() })("a");
    const transactions = watchTransactions();
    await store.append(entry("one"));
    forceCloseDatabase(transactions.connections()[0] as never);
    vi.stubGlobal("indexedDB", undefined);
    const calls = await Promise.allSettled([store.append(entry("two")), store.load()]);
    expect(calls).toMatchObject([{ reason: { reason: "unavailable" } }, { reason: { reason: "unavailable" } }]);
    vi.unstubAllGlobals();
    await store.append(entry("three"));
    expect(await keysIn(store)).toEqual(["one", "three"]);
    await store.close();
  });

  it.each(["request", "commit"] as const)(
    "[CL-2] rejects a call whose transaction the browser aborts each time, at the %s, and works again afterwards",
    async (when) => {
      const store = await indexedDbStore({ databaseName: nextName() })("a");
      await store.append(entry("one"));
      const add = IDBObjectStore.prototype.add;
      const adding = vi.spyOn(IDBObjectStore.prototype, "add").mockImplementation(function (
        this: IDBObjectStore,
        ...values
      ) {
        const request = add.apply(this, values);
        if (when === "commit") request.addEventListener("success", () => this.transaction.abort());
        else this.transaction.abort();
        return request;
      });
      const calls = await Promise.allSettled([store.append(entry("two")), store.load(), store.append(entry("three"))]);
      expect(calls).toMatchObject([
        { reason: { name: "StoreError", reason: "failed" } },
        { value: { entries: [entry("one")] } },
        { reason: { name: "StoreError", reason: "failed" } },
      ]);
      adding.mockRestore();
      await store.append(entry("two"));
      expect(await keysIn(store)).toEqual(["one", "two"]);
      await store.close();
    },
  );

  it("[CL-2] rejects each call when the browser closes the database again during the repetition", async () => {
    const store = await indexedDbStore({ databaseName: nextName() })("a");
    const transactions = watchTransactions();
    transactions.cutNext();
    transactions.cutNext();
    const calls = await Promise.allSettled([store.append(entry("one")), store.load(), store.remove(["one"])]);
    for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: { name: "StoreError" } });
    await store.append(entry("two"));
    expect(await keysIn(store)).toEqual(["two"]);
    await store.close();
  });

  it("[CL-2] completes a running transaction before it closes for another tab, and reopens for the next call", async () => {
    const name = nextName();
    const store = await indexedDbStore({ databaseName: name })("a");
    const transactions = watchTransactions();
    const appending = store.append(entry("one"));
    // The transaction has begun.
    await Promise.resolve();
    const deleting = indexedDB.deleteDatabase(name);
    const deleted = new Promise<void>((resolve, reject) => {
      deleting.addEventListener("success", () => resolve());
      deleting.addEventListener("blocked", () => reject(new Error("blocked")));
    });
    // Called while the transaction runs, and so after the other tab.
    const appendingAgain = store.append(entry("two"));
    await Promise.all([appending, deleted, appendingAgain]);
    // The first append is not repeated; the second one is, on the new connection.
    const strict = transactions.connections().filter((_, at) => transactions.durabilities()[at] === "strict");
    expect(strict.map((connection) => strict.indexOf(connection))).toEqual([0, 0, 2]);
    expect(await keysIn(store)).toEqual(["two"]);
    await store.close();
  });

  it("[CL-2] rejects while another tab blocks the reopening, and can be closed", async () => {
    const name = nextName();
    const store = await indexedDbStore({ databaseName: name })("a");
    await store.append(entry("one"));
    const holder = await rawOpen(name, 1);
    const deleting = indexedDB.deleteDatabase(name);
    await new Promise((resolve) => deleting.addEventListener("blocked", resolve));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const calls = Promise.allSettled([store.append(entry("two")), store.load()]);
    const closing = store.close();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await calls).toMatchObject([{ reason: { reason: "blocked" } }, { reason: { reason: "blocked" } }]);
    await closing;
    expect(vi.getTimerCount()).toBe(0);
    holder.close();
    // The late request opens the database before this one.
    await (await indexedDbStore({ databaseName: name })("a")).close();
  });

  it("[CL-2] rejects when the upgrade is aborted, and leaves no partial database", async () => {
    const open = indexedDbStore({ databaseName: nextName() });
    vi.spyOn(IDBDatabase.prototype, "createObjectStore").mockImplementationOnce(() => {
      throw domError("QuotaExceededError");
    });
    await expect(open("a")).rejects.toMatchObject({ name: "StoreError", reason: "failed" });
    const store = await open("a");
    await store.append(entry("one"));
    expect(await keysIn(store)).toEqual(["one"]);
    await store.close();
  });

  it("[CL-2] rejects its calls in a database that has other content", async () => {
    const name = nextName();
    (await rawOpen(name, 1)).close();
    const store = await indexedDbStore({ databaseName: name })("a");
    const calls = await Promise.allSettled([store.append(entry("one")), store.load()]);
    const failed = { reason: { name: "StoreError", reason: "failed", cause: { name: "NotFoundError" } } };
    expect(calls).toMatchObject([failed, failed]);
    await store.close();
  });

  it.each(["call", "request", "commit"] as const)(
    "[CL-2] says that there is no room, found at the %s, and only to the call that needs it",
    async (when) => {
      const store = await indexedDbStore({ databaseName: nextName() })("a");
      const put = IDBObjectStore.prototype.put;
      vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, ...values) {
        if (this.name !== "bases") return put.apply(this, values);
        if (when === "call") throw domError("QuotaExceededError");
        const request = put.apply(this, values);
        const transaction = this.transaction as unknown as { ["_abort"](error: string): void };
        const abort = () => transaction["_abort"]("QuotaExceededError");
        if (when === "commit") request.addEventListener("success", abort);
        else queueMicrotask(abort);
        return request;
      });
      await store.append(entry("one"));
      const calls = await Promise.allSettled([
        store.append(entry("two")),
        store.saveBase(base),
        store.append(entry("three")),
        store.update(entry("one", { queuedAt: 5 })),
      ]);
      expect(calls.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
      expect((calls[1] as PromiseRejectedResult).reason).toMatchObject({ name: "StoreError", reason: "quota" });
      expect(await store.load()).toEqual({
        entries: [entry("one", { queuedAt: 5 }), entry("two"), entry("three")],
        base: undefined,
      });
      await store.close();
    },
  );

  it("[ID-14] has a key once in each scope, even with several writers", async () => {
    const name = nextName();
    const store = await indexedDbStore({ databaseName: name })("a");
    await store.append(entry("one"));
    const raw = await rawOpen(name, 1);
    const added = (scope: string) =>
      new Promise((resolve) => {
        const request = raw.transaction("entries", "readwrite").objectStore("entries").add({ scope, key: "one" });
        request.addEventListener("success", () => resolve("added"));
        request.addEventListener("error", () => resolve(request.error?.name));
      });
    expect([await added("a"), await added("b")]).toEqual(["ConstraintError", "added"]);
    raw.close();
    await store.close();
  });

  it("[CL-2] flushes only appends to disk; the calls of one turn share a transaction", async () => {
    const store = await indexedDbStore({ databaseName: nextName() })("a");
    const transactions = watchTransactions();
    await store.append(entry("one"));
    await store.update(entry("one"));
    await store.remove(["one"]);
    await store.saveBase(base);
    await store.load();
    expect(transactions.durabilities()).toEqual(["strict", "relaxed", "relaxed", "relaxed", "relaxed"]);
    await Promise.all(["two", "three", "four"].map((key) => store.append(entry(key))).concat(store.remove(["two"])));
    expect(transactions.durabilities().slice(5)).toEqual(["strict"]);
    await Promise.all(Array.from({ length: 300 }, (_, at) => store.append(entry(`more-${at}`))));
    expect(transactions.count()).toBe(8);
    await store.close();
  });
});
