/**
 * The suite of tests that each store of drafts passes, for stores of one's own. It runs in vitest, and needs fast-check.
 *
 * @module partita/testing/store
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../protocol/index.ts";
import {
  type BaseTail,
  type OpenStore,
  type QueueEntry,
  type QueueStore,
  type StoredBase,
  StoreError,
} from "../client/stores/store.ts";

/** What the contract test needs of a store. */
export interface QueueStoreFixture {
  durable: boolean;
  /** Runs a test with a new storage. To open a scope of it again is like a reload or a second tab. */
  withStorage(test: (open: OpenStore) => Promise<void>): Promise<void>;
}

/** An entry of a queue, for tests. */
export const entry = (key: string, more: Partial<QueueEntry> = {}): QueueEntry => ({
  key,
  mode: "single",
  drafts: [{ draftId: key, type: "set", payload: { text: `of ${key}` } }],
  queuedAt: 1_700_000_000_000,
  ...more,
});
/** The keys of the entries that a store has, in order. */
export const keysIn = async (store: QueueStore): Promise<string[]> =>
  (await store.load()).entries.map(({ key }) => key);
const base = (eventId: number, state = "{}"): StoredBase => ({ serverId: "log-1", eventId, modelVersion: 3, state });
const tailAfter = (after: number, eventId: number): BaseTail => ({
  serverId: "log-1",
  after,
  afterProof: `p${after}`,
  eventId,
  proof: `p${eventId}`,
  events: `[${after} to ${eventId}]`,
});

const everyCall: Record<string, (store: QueueStore) => Promise<unknown>> = {
  load: (store) => store.load(),
  identify: (store) => store.identify("device-x"),
  append: (store) => store.append(entry("x")),
  update: (store) => store.update(entry("x")),
  remove: (store) => store.remove(["x"]),
  saveBase: (store) => store.saveBase(base(1)),
  extendBase: (store) => store.extendBase?.(tailAfter(1, 2)) ?? Promise.reject(new StoreError("failed", "none")),
  removeUnsent: (store) => store.removeUnsent?.("x") ?? Promise.reject(new StoreError("failed", "none")),
  delete: (store) => store.delete("base"),
};

/** The contract of the queue stores: one suite for all. */
export function queueStoreSuite(name: string, fixture: QueueStoreFixture): void {
  /** Runs a test with a new storage, and closes the stores that it has opened. */
  const withStores = (test: (open: OpenStore) => Promise<void>) =>
    fixture.withStorage(async (open) => {
      const opened: QueueStore[] = [];
      try {
        const recording: OpenStore = async (scope) => {
          const store = await open(scope);
          opened.push(store);
          return store;
        };
        await test(Object.assign(recording, open.scopes && { scopes: open.scopes }));
      } finally {
        await Promise.all(opened.map((store) => store.close()));
      }
    });

  describe(`queue store: ${name}`, () => {
    it("[CL-2] is empty at first, and says whether it is durable", () =>
      withStores(async (open) => {
        const store = await open("a");
        expect(store.durable).toBe(fixture.durable);
        expect(await store.load()).toEqual({ entries: [], base: undefined });
      }));

    it("[CL-2] [ID-14] keeps entries in the order of append over a reload, each with its keys", () =>
      withStores(async (open) => {
        const entries: QueueEntry[] = [
          entry("z"),
          entry("batch", {
            mode: "atomic",
            drafts: [
              { draftId: "d-2", type: "set", payload: {}, version: 2, expectedEventId: 0 },
              { draftId: "d-1", type: "unset", payload: { list: [1, "a", null, { deep: [true] }], number: 0.1 } },
            ],
          }),
          entry("a", { mode: "sequential" }),
          entry("~m", {
            drafts: [{ draftId: "~m", type: "ü", payload: { "nul \0": "half \ud800 emoji 😀 'quotes\" \u2028" } }],
            parked: {
              type: "/problems/draft_failed",
              title: "Draft failed",
              status: 500,
              detail: "it threw",
              code: "draft_failed",
              traceId: "t",
              timestamp: 1,
              retryable: false,
            } as NonNullable<QueueEntry["parked"]>,
          }),
        ];
        const store = await open("a");
        for (const one of entries) await store.append(one);
        expect((await store.load()).entries).toEqual(entries);
        await store.close();
        expect((await (await open("a")).load()).entries).toEqual(entries);
      }));

    it("[CL-2] keeps appended entries when the program ends without closing", () =>
      withStores(async (open) => {
        const crashed = await open("a");
        await crashed.append(entry("one"));
        await crashed.append(entry("two"));
        await crashed.remove(["one"]);
        await crashed.saveBase(base(7));
        const store = await open("a");
        expect(await store.load()).toEqual({ entries: [entry("two")], base: base(7) });
        await store.append(entry("three"));
        expect(await keysIn(store)).toEqual(["two", "three"]);
      }));

    it("[ID-14] an append of an existing key changes nothing", () =>
      withStores(async (open) => {
        const store = await open("a");
        await store.append(entry("one"));
        await store.append(entry("two"));
        await store.append(entry("one", { queuedAt: 5 }));
        expect((await store.load()).entries).toEqual([entry("one"), entry("two")]);
      }));

    it("[CL-2] updates an entry in its place, and does not restore a removed one", () =>
      withStores(async (open) => {
        const store = await open("a");
        for (const key of ["one", "two", "three"]) await store.append(entry(key));
        await store.update(entry("two", { queuedAt: 5 }));
        await store.update(entry("four"));
        const expected = [entry("one"), entry("two", { queuedAt: 5 }), entry("three")];
        expect((await store.load()).entries).toEqual(expected);
        expect((await (await open("a")).load()).entries).toEqual(expected);
      }));

    it("[CL-2] [CL-13] may say whether the entry to update was there", () =>
      withStores(async (open) => {
        const store = await open("a");
        await store.append(entry("one"));
        expect([true, undefined]).toContain(await store.update(entry("one", { sentAt: 7 })));
        expect([false, undefined]).toContain(await store.update(entry("two")));
      }));

    it("[CL-13] removes an entry as not sent only where it is stored as that, for whichever of two stores comes first", () =>
      withStores(async (open) => {
        const [one, other] = [await open("a"), await open("a")];
        if (!one.removeUnsent || !other.removeUnsent) return;
        for (const key of ["free", "sent", "raced"]) await one.append(entry(key, { sentAt: 0 }));
        await one.append(entry("old"));
        await other.update(entry("sent", { sentAt: 7 }));
        expect(await (await open("b")).removeUnsent!("free")).toBe(false);
        for (const [key, isRemoved] of [
          ["free", true],
          ["free", false],
          ["sent", false],
          ["old", false],
          ["unknown", false],
        ] as const)
          expect(await one.removeUnsent(key)).toBe(isRemoved);
        const [updated, removed] = await Promise.all([
          other.update(entry("raced", { sentAt: 7 })),
          one.removeUnsent("raced"),
        ]);
        expect(updated).toBe(!removed);
        expect(await keysIn(one)).toEqual(["sent", ...(removed ? [] : ["raced"]), "old"]);
      }));

    it("[CL-2] removes the entries with these keys, and no others", () =>
      withStores(async (open) => {
        const store = await open("a");
        for (const key of ["one", "two", "three", "four"]) await store.append(entry(key));
        await store.remove(["two", "unknown", "four", "two"]);
        await store.remove([]);
        expect(await keysIn(store)).toEqual(["one", "three"]);
        await store.append(entry("two"));
        expect(await keysIn(await open("a"))).toEqual(["one", "three", "two"]);
      }));

    it("[CL-2] separates scopes of any names", () =>
      withStores(async (open) => {
        const scopes = ["", "a", "a\0", "a\0b", "ab", "A", "\ud800", "\ufffd", '"a"', "a\uffff"];
        for (const [at, scope] of scopes.entries()) {
          const store = await open(scope);
          await store.append(entry("same", { queuedAt: at }));
          await store.append(entry(`own-${at}`));
          await store.saveBase(base(at));
        }
        await (await open("a")).remove(["same", "own-0", "own-2"]);
        await (await open("ab")).update(entry("same", { queuedAt: 99 }));
        for (const [at, scope] of scopes.entries()) {
          const { entries, base: kept } = await (await open(scope)).load();
          expect(entries.map(({ key }) => key)).toEqual(scope === "a" ? ["own-1"] : ["same", `own-${at}`]);
          if (scope !== "a") expect(entries[0]!.queuedAt).toBe(scope === "ab" ? 99 : at);
          expect(kept).toEqual(base(at));
        }
      }));

    it("[CL-2] [MD-13] keeps the author of the base, and never that of an earlier one", () =>
      withStores(async (open) => {
        const store = await open("a");
        const loaded = async () => (await store.load()).base;
        await store.saveBase({ ...base(1), author: "ada" });
        await (await open("b")).saveBase({ ...base(1), author: "other" });
        expect(await loaded()).toEqual({ ...base(1), author: "ada" });
        await store.saveBase(base(1));
        expect((await loaded())?.author).toBeUndefined();
        await store.saveBase({ ...base(2), proof: "p2", author: "ada" });
        expect(await loaded()).toEqual({ ...base(2), proof: "p2", author: "ada" });
        await store.delete("base");
        await store.saveBase(base(2));
        expect((await loaded())?.author).toBeUndefined();
      }));

    it("[CL-2] [CL-10] keeps the name of the model of the base, and never that of an earlier one", () =>
      withStores(async (open) => {
        const store = await open("a");
        const loaded = async () => (await store.load()).base;
        await store.saveBase({ ...base(1), model: "notes" });
        await (await open("b")).saveBase({ ...base(1), model: "other" });
        expect(await loaded()).toEqual({ ...base(1), model: "notes" });
        await store.saveBase(base(1));
        expect((await loaded())?.model).toBeUndefined();
      }));

    it("[CL-2] [WP-11] keeps the proof of the base, and never that of an earlier one", () =>
      withStores(async (open) => {
        const store = await open("a");
        const loaded = async () => (await (await open("a")).load()).base;
        await store.saveBase({ ...base(1), proof: "p1" });
        await (await open("b")).saveBase({ ...base(1), proof: "other" });
        expect(await loaded()).toEqual({ ...base(1), proof: "p1" });
        await store.saveBase(base(1));
        expect((await loaded())?.proof).toBeUndefined();
        await store.saveBase({ ...base(2), proof: "p2" });
        expect(await loaded()).toEqual({ ...base(2), proof: "p2" });
      }));

    it("[CL-10] continues the base that it has, if it can, and begins again with another one", () =>
      withStores(async (open) => {
        const store = await open("a");
        // A store of the version before has no such method.
        if (!store.extendBase) return;
        const extend = (of: QueueStore, tail: BaseTail) => of.extendBase!(tail);
        const loaded = async () => (await (await open("a")).load()).base;
        expect(await extend(store, tailAfter(3, 5))).toBe(false);
        expect(await loaded()).toBeUndefined();
        const first = { ...base(3), proof: "p3" };
        await store.saveBase(first);
        await (await open("b")).saveBase(first);
        expect(await loaded()).toEqual(first);
        const other = await open("a");
        expect([await extend(store, tailAfter(3, 5)), await extend(other, tailAfter(5, 6))]).toEqual([true, true]);
        const both = { ...first, tail: ["[3 to 5]", "[5 to 6]"] };
        expect(await loaded()).toEqual(both);
        // What does not continue it changes nothing: another event, another log, another proof.
        for (const tail of [
          tailAfter(3, 7),
          tailAfter(5, 7),
          tailAfter(7, 8),
          { ...tailAfter(6, 7), serverId: "log-2" },
          { ...tailAfter(6, 7), afterProof: "other" },
          { ...tailAfter(6, 7), afterProof: undefined },
        ]) {
          expect(await extend(other, tail)).toBe(false);
        }
        expect(await loaded()).toEqual(both);
        expect((await (await open("b")).load()).base).toEqual(first);
        // A whole base with a tail is one without it: the tail is added by itself.
        await other.saveBase({ ...base(6), tail: ["[never]"] });
        expect(await loaded()).toEqual(base(6));
        expect(await extend(store, tailAfter(6, 9))).toBe(false);
        expect(await extend(store, { ...tailAfter(6, 9), afterProof: undefined })).toBe(true);
        expect(await extend(store, tailAfter(9, 10))).toBe(true);
        expect(await loaded()).toEqual({ ...base(6), tail: ["[6 to 9]", "[9 to 10]"] });
        await store.delete("base");
        expect(await loaded()).toBeUndefined();
        expect(await extend(store, tailAfter(10, 11))).toBe(false);
        await store.saveBase({ ...base(10), proof: "p10" });
        expect(await extend(store, tailAfter(10, 11))).toBe(true);
        await store.delete("everything");
        await store.saveBase({ ...base(10), proof: "p10" });
        expect(await loaded()).toEqual({ ...base(10), proof: "p10" });
      }));

    it("[CL-12] keeps a tail of many parts, in order", () =>
      withStores(async (open) => {
        const store = await open("a");
        if (!store.extendBase) return;
        await store.saveBase({ ...base(0), proof: "p0" });
        const calls = Array.from({ length: 300 }, (_, at) => store.extendBase!(tailAfter(at, at + 1)));
        expect(new Set(await Promise.all(calls))).toEqual(new Set([true]));
        const kept = (await (await open("a")).load()).base;
        expect(kept?.tail).toEqual(Array.from({ length: 300 }, (_, at) => `[${at} to ${at + 1}]`));
      }));

    it("[CL-9] deletes the base, or everything, of its own scope only", () =>
      withStores(async (open) => {
        const [mine, other] = [await open("a"), await open("b")];
        for (const store of [mine, other]) {
          await store.identify("device-1");
          await store.append(entry("one"));
          await store.saveBase({ ...base(1), proof: "p1" });
        }
        await mine.delete("base");
        expect(await mine.load()).toEqual({ entries: [entry("one")], base: undefined });
        expect(await mine.identify("device-2")).toBe("device-1");
        await mine.delete("everything");
        await mine.delete("everything");
        expect(await mine.load()).toEqual({ entries: [], base: undefined });
        expect(await other.load()).toEqual({ entries: [entry("one")], base: { ...base(1), proof: "p1" } });
        expect(await other.identify("device-2")).toBe("device-1");
        expect(await mine.identify("device-3")).toBe("device-3");
        await mine.append(entry("two"));
        expect(await keysIn(mine)).toEqual(["two"]);
      }));

    it("[CL-9] lists the scopes that have a device, until they are deleted", () =>
      withStores(async (open) => {
        // Not all stores can: one of an application need not.
        const listed = async () => (await open.scopes?.())?.toSorted();
        if ((await listed()) === undefined) return;
        const names = ["host/p/ada", "host/p/'\"ü/"];
        for (const scope of names) await (await open(scope)).identify("device-1");
        expect(await listed()).toEqual(names.toSorted());
        await (await open(names[0]!)).delete("everything");
        expect(await listed()).toEqual([names[1]]);
      }));

    it("[CL-2] keeps one base, the last", () =>
      withStores(async (open) => {
        const store = await open("a");
        await store.append(entry("one"));
        expect(await store.saveBase(base(1))).toBe(true);
        const large = base(2 ** 53 - 1, JSON.stringify({ text: "ü'\"\0😀".repeat(400_000) }));
        expect(await store.saveBase(large)).toBe(true);
        await store.remove(["one"]);
        // Compared without a diff of megabytes.
        const kept = (await (await open("a")).load()).base;
        expect(kept?.state === large.state).toBe(true);
        expect({ ...kept, state: "" }).toEqual({ ...large, state: "" });
      }));

    it("[CL-2] [ID-14] keeps the first name of the device, for each scope", () =>
      withStores(async (open) => {
        const stores = await Promise.all([open("a"), open("a"), open("b")]);
        const names = await Promise.all(stores.map((store, at) => store.identify(`device-${at}`)));
        expect(names).toEqual([names[0], names[0], "device-2"]);
        expect(["device-0", "device-1"]).toContain(names[0]);
        expect(await stores[0]!.identify("other")).toBe(names[0]);
        await Promise.all(stores.map((store) => store.close()));
        expect(await (await open("a")).identify("other")).toBe(names[0]);
        expect(await (await open("b")).identify("other")).toBe("device-2");
      }));

    it("[CL-2] [ID-14] two stores on one scope share one queue", () =>
      withStores(async (open) => {
        const [one, other] = await Promise.all([open("a"), open("a")]);
        const appends: Promise<void>[] = [];
        for (let at = 0; at < 20; at++) {
          appends.push(one.append(entry(`one-${at}`)), other.append(entry(`other-${at}`)));
          appends.push(one.append(entry(`both-${at}`)), other.append(entry(`both-${at}`)));
        }
        await Promise.all(appends);
        const order = await keysIn(one);
        expect(await keysIn(other)).toEqual(order);
        expect(await keysIn(await open("a"))).toEqual(order);
        expect(order.length).toBe(60);
        for (const own of ["one", "other", "both"]) {
          expect(order.filter((key) => key.startsWith(`${own}-`))).toEqual(
            Array.from({ length: 20 }, (_, at) => `${own}-${at}`),
          );
        }
        await one.remove(["other-3"]);
        await other.update(entry("one-0", { queuedAt: 5 }));
        const { entries } = await one.load();
        expect(entries.map(({ key }) => key)).toEqual(order.filter((key) => key !== "other-3"));
        expect(entries.find(({ key }) => key === "one-0")!.queuedAt).toBe(5);
        await other.close();
        expect((await keysIn(one)).length).toBe(59);
      }));

    it("[CL-2] calls take effect in the order in which they are made", () =>
      withStores(async (open) => {
        const store = await open("a");
        const keys = ["one", "two"];
        const [, , , , early, , , , late] = await Promise.all([
          store.append(entry("one")),
          store.append(entry("two")),
          store.append(entry("three")),
          store.update(entry("three", { queuedAt: 5 })),
          store.load(),
          store.remove(keys),
          store.append(entry("one", { queuedAt: 6 })),
          store.update(entry("two")),
          store.load(),
          keys.fill("three"),
          store.close(),
        ]);
        expect(early.entries).toEqual([entry("one"), entry("two"), entry("three", { queuedAt: 5 })]);
        expect(late.entries).toEqual([entry("three", { queuedAt: 5 }), entry("one", { queuedAt: 6 })]);
        expect((await (await open("a")).load()).entries).toEqual(late.entries);
      }));

    it("[CL-2] shares no object with its caller", () =>
      withStores(async (open) => {
        const store = await open("a");
        const given = entry("one");
        const saved = base(1);
        const calls = [store.append(given), store.saveBase(saved)];
        (given.drafts[0]!.payload as Record<string, unknown>)["text"] = "changed";
        saved.eventId = 2;
        await Promise.all(calls);
        const loaded = await store.load();
        expect(loaded).toEqual({ entries: [entry("one")], base: base(1) });
        loaded.entries[0]!.queuedAt = 5;
        loaded.base!.eventId = 5;
        expect(await store.load()).toEqual({ entries: [entry("one")], base: base(1) });
      }));

    it("[CL-2] accepts large entries", () =>
      withStores(async (open) => {
        const drafts = Array.from({ length: 256 }, (_, at) => ({
          draftId: `d-${at}`,
          type: "set",
          payload: { text: `${at} ü😀"`.repeat(2_000) },
        }));
        const large = entry("large", { mode: "atomic", drafts });
        const store = await open("a");
        await store.append(large);
        await store.append(entry("small"));
        const { entries } = await (await open("a")).load();
        expect(entries.map(({ key }) => key)).toEqual(["large", "small"]);
        expect(JSON.stringify(entries[0]) === JSON.stringify(large)).toBe(true);
      }));

    it("[CL-2] accepts 5,000 entries, in order", { timeout: 60_000 }, () =>
      withStores(async (open) => {
        const store = await open("a");
        const keys = Array.from({ length: 5_000 }, (_, at) => `key-${(at * 7_919) % 5_000}`);
        await Promise.all(keys.map((key) => store.append(entry(key))));
        expect(await keysIn(await open("a"))).toEqual(keys);
        await store.remove(keys.slice(0, 4_990));
        expect(await keysIn(await open("a"))).toEqual(keys.slice(4_990));
      }),
    );

    it.each(Object.keys(everyCall))("[CL-2] once closed, refuses %s, and can be closed again", (call) =>
      withStores(async (open) => {
        const store = await open("a");
        let appended = false;
        const before = store.append(entry("before")).then(() => (appended = true));
        const closing = store.close().then(() => appended);
        const refused = everyCall[call]!(store);
        await expect(refused).rejects.toThrow(StoreError);
        await expect(refused).rejects.toMatchObject({ reason: "failed" });
        expect(await closing).toBe(true);
        await before;
        await store.close();
        await expect(everyCall[call]!(store)).rejects.toThrow(StoreError);
        expect(await keysIn(await open("a"))).toEqual(["before"]);
      }),
    );

    it("[CL-2] [ID-14] equals a plain list after any calls", { timeout: 60_000 }, () =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) =>
          withStores((open) => compareWithList(open, steps)),
        ),
        { numRuns: 60 },
      ),
    );
  });
}

/** Three openers: two on one scope, one on another. */
const openers = ["a", "a", "b"] as const;
const someKey = fc.constantFrom("k1", "k2", "k3", "k4", "k5");
const someEntry = fc
  .record({ key: someKey, payload: fc.dictionary(fc.string(), fc.jsonValue()), queuedAt: fc.nat() })
  .map(({ key, payload, queuedAt }) =>
    entry(key, { queuedAt, drafts: [{ draftId: key, type: "set", payload: payload as JsonObject }] }),
  );
type Action =
  | { do: "append" | "update"; entry: QueueEntry }
  | { do: "remove"; keys: string[] }
  | { do: "saveBase"; base: StoredBase }
  | { do: "load" | "reload" | "crash" };
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("append" as const), entry: someEntry }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("update" as const), entry: someEntry }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("remove" as const), keys: fc.array(someKey, { maxLength: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("saveBase" as const), base: fc.nat().map((id) => base(id)) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("load" as const, "reload" as const, "crash" as const) }) },
);
interface Step {
  opener: 0 | 1 | 2;
  /** Whether the next call of the same opener waits for this one. */
  waits: boolean;
  action: Action;
}
const step: fc.Arbitrary<Step> = fc.record({
  opener: fc.constantFrom(0 as const, 1 as const, 2 as const),
  waits: fc.boolean(),
  action,
});

/** The order of calls of different openers is undefined, so the calls of one opener end before those of another begin. */
async function compareWithList(open: OpenStore, steps: readonly Step[]): Promise<void> {
  const lists: Record<string, { entries: QueueEntry[]; base: StoredBase | undefined }> = {
    a: { entries: [], base: undefined },
    b: { entries: [], base: undefined },
  };
  const stores = await Promise.all(openers.map((scope) => open(scope)));
  let pending: Promise<unknown>[] = [];
  let turn: number | undefined;
  const compare = async (store: QueueStore, scope: string) => {
    // As text: the order of members counts, and -0 is 0.
    const expected = JSON.stringify(lists[scope]);
    expect(JSON.stringify(await store.load())).toBe(expected);
  };
  for (const { opener, waits, action } of steps) {
    if (turn !== opener) await Promise.all(pending.splice(0));
    turn = opener;
    const store = stores[opener]!;
    const scope = openers[opener];
    const list = lists[scope]!;
    if (action.do === "append") {
      if (!list.entries.some(({ key }) => key === action.entry.key)) list.entries.push(action.entry);
      pending.push(store.append(action.entry));
    } else if (action.do === "update") {
      list.entries = list.entries.map((one) => (one.key === action.entry.key ? action.entry : one));
      pending.push(store.update(action.entry));
    } else if (action.do === "remove") {
      list.entries = list.entries.filter(({ key }) => !action.keys.includes(key));
      pending.push(store.remove(action.keys));
    } else if (action.do === "saveBase") {
      list.base = action.base;
      pending.push(store.saveBase(action.base));
    } else if (action.do === "load") {
      pending.push(compare(store, scope));
    } else {
      await (action.do === "reload" ? store.close() : Promise.all(pending));
      stores[opener] = await open(scope);
    }
    if (waits) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
  for (const [at, scope] of openers.entries()) await compare(stores[at]!, scope);
}
