import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type OpenStore,
  type QueueEntry,
  type QueueStore,
  type StoredBase,
  StoreError,
  type StoreFailure,
} from "../../src/client/stores/store.ts";
import { memoryStore } from "../../src/client/stores/memory.ts";
import { openResilient, type StoreUser } from "../../src/client/stores/resilient.ts";
import { defaultTiming } from "../../src/client/transport/timing.ts";
import { entry, keysIn } from "../../src/testing/store-suite.ts";

const base = (eventId: number): StoredBase => ({ serverId: "log-1", eventId, modelVersion: 1, state: "{}" });
const full = () => new StoreError("quota", new Error("full"));

/** `before`: fails without effect. `after`: fails after its effect. */
type Fault = "before" | "after" | undefined;
type CallName = "load" | "identify" | "append" | "update" | "remove" | "saveBase" | "delete" | "close";

/** A storage that counts its calls, and fails as `fault` says. */
class FaultyStorage {
  readonly calls: CallName[] = [];
  /** Opens it without faults, as after a reload. */
  readonly open: OpenStore = memoryStore();
  fault: (nth: number, call: CallName) => Fault | Promise<Fault>;

  constructor(fault: (nth: number, call: CallName) => Fault | Promise<Fault> = () => undefined) {
    this.fault = fault;
  }

  readonly openFaulty: OpenStore = async (scope) => {
    const store = await this.open(scope);
    const call = async <T>(name: CallName, run: () => Promise<T>): Promise<T> => {
      const fault = await this.fault(this.calls.push(name), name);
      if (fault === "before") throw full();
      const result = await run();
      if (fault === "after") throw full();
      return result;
    };
    return {
      durable: true,
      load: () => call("load", () => store.load()),
      identify: (fresh) => call("identify", () => store.identify(fresh)),
      append: (one) => call("append", () => store.append(one)),
      update: (one) => call("update", () => store.update(one)),
      remove: (keys) => call("remove", () => store.remove(keys)),
      saveBase: (saved) => call("saveBase", () => store.saveBase(saved)),
      delete: (what) => call("delete", () => store.delete(what)),
      close: () => call("close", () => store.close()),
    };
  };

  async keys(): Promise<string[]> {
    return await keysIn(await this.open("a"));
  }
}

/** Timers of the test: a store is silent when the test says so. */
class Clock {
  now = 0;
  #timers: { at: number; run: () => void }[] = [];

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.now + ms, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  get timers(): number {
    return this.#timers.length;
  }

  /** Timers run one by one, each in a turn of its own. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await turn();
      const [next] = this.#timers.toSorted((one, other) => one.at - other.at);
      if (!next || next.at > end) break;
      this.now = next.at;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.run();
    }
    this.now = end;
  }

  /** Runs the timer that is due first. */
  runOne(): void {
    const [next] = this.#timers.toSorted((one, other) => one.at - other.at);
    this.#timers = this.#timers.filter((timer) => timer !== next);
    next!.run();
  }
}

function userOf(changed: (reason?: StoreFailure) => void, late: StoreUser["late"] = () => {}, clock = new Clock()) {
  return { ports: clock, timing: defaultTiming, changed, late } satisfies StoreUser;
}

async function openOn(storage: FaultyStorage) {
  const reasons: (StoreFailure | undefined)[] = [];
  const late: string[] = [];
  const clock = new Clock();
  const user = userOf(
    (reason) => reasons.push(reason),
    (entries) => late.push(...entries.map(({ key }) => key)),
    clock,
  );
  return { reasons, late, clock, store: await openResilient(storage.openFaulty, memoryStore(), "a", user) };
}

/** A promise that the test resolves. */
function gate() {
  let open = () => {};
  const opened = new Promise<undefined>((resolve) => (open = () => resolve(undefined)));
  return { opened, open };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("resilient store", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("[CL-2] passes all calls to a store that works", async () => {
    const storage = new FaultyStorage();
    await (await storage.open("a")).append(entry("old"));
    await (await storage.open("a")).identify("device-1");
    const { store, reasons } = await openOn(storage);
    expect(await store.identify("device-2")).toBe("device-1");
    await store.append(entry("one"));
    await store.append(entry("two"));
    await store.update(entry("two", { queuedAt: 5 }));
    await store.remove(["old"]);
    expect(await store.saveBase(base(1))).toBe(true);
    const expected = { entries: [entry("one"), entry("two", { queuedAt: 5 })], base: base(1) };
    expect(await store.load()).toEqual(expected);
    // Another tab.
    const tab = await storage.open("a");
    await tab.append(entry("other"));
    await tab.remove(["one"]);
    expect(await keysIn(store)).toEqual(["two", "other"]);
    expect(store.durable).toBe(true);
    await store.close();
    expect(storage.calls.at(-1)).toBe("close");
    expect(await storage.keys()).toEqual(["two", "other"]);
    expect(reasons).toEqual([]);
  });

  it("[CL-2] is as durable as the store below", async () => {
    const reasons = vi.fn<() => void>();
    expect((await openResilient(memoryStore(), memoryStore(), "a", userOf(reasons))).durable).toBe(false);
    expect(reasons).not.toHaveBeenCalled();
  });

  it.each<[StoreFailure, unknown]>([
    ["unavailable", new StoreError("unavailable", undefined)],
    ["failed", new TypeError("a store of one's own")],
  ])("[CL-2] keeps the queue in memory if the store cannot be opened: %s", async (reason, error) => {
    const reasons: StoreFailure[] = [];
    const store = await openResilient(
      () => Promise.reject(error),
      memoryStore(),
      "a",
      userOf((why) => reasons.push(why!)),
    );
    expect(store.durable).toBe(false);
    expect(await store.load()).toEqual({ entries: [], base: undefined });
    expect(await store.identify("device-1")).toBe("device-1");
    for (const key of ["one", "two", "three"]) await store.append(entry(key));
    await store.update(entry("two", { queuedAt: 5 }));
    await store.remove(["one"]);
    expect((await store.load()).entries).toEqual([entry("two", { queuedAt: 5 }), entry("three")]);
    await store.close();
    expect(reasons).toEqual([reason]);
  });

  /** The calls of a client, and the expected queue after each. */
  const script: { call: CallName; run: (store: QueueStore) => Promise<unknown>; keys: string[] }[] = [
    { call: "load", run: (store) => store.load(), keys: ["old-1", "old-2"] },
    { call: "append", run: (store) => store.append(entry("new-1")), keys: ["old-1", "old-2", "new-1"] },
    { call: "remove", run: (store) => store.remove(["old-1"]), keys: ["old-2", "new-1"] },
    { call: "append", run: (store) => store.append(entry("new-2")), keys: ["old-2", "new-1", "new-2"] },
    {
      call: "update",
      run: (store) => store.update(entry("new-1", { queuedAt: 5 })),
      keys: ["old-2", "new-1", "new-2"],
    },
    { call: "append", run: (store) => store.append(entry("new-1")), keys: ["old-2", "new-1", "new-2"] },
    { call: "update", run: (store) => store.update(entry("old-1")), keys: ["old-2", "new-1", "new-2"] },
    { call: "saveBase", run: (store) => store.saveBase(base(1)), keys: ["old-2", "new-1", "new-2"] },
    { call: "remove", run: (store) => store.remove(["new-1", "unknown"]), keys: ["old-2", "new-2"] },
    { call: "append", run: (store) => store.append(entry("new-3")), keys: ["old-2", "new-2", "new-3"] },
    { call: "remove", run: (store) => store.remove(["old-2", "new-2"]), keys: ["new-3"] },
  ];
  const faults = script.flatMap(({ call }, at) =>
    (["before", "after"] as const).flatMap((when) =>
      (["once", "from then on"] as const).map((lasting) => ({ call, at, when, lasting })),
    ),
  );

  it.each(faults)("[CL-2] loses nothing if call $at, $call, fails $lasting, $when its effect", async (planned) => {
    const { at: failsAt, when, lasting } = planned;
    for (const readsBack of [false, true]) {
      let step = 0;
      let failed = false;
      let degraded = false;
      const storage = new FaultyStorage((_, call) => {
        if (call === "close" || step < failsAt || (failed && lasting === "once")) return undefined;
        failed = true;
        // A base that cannot be saved changes nothing else.
        if (call !== "saveBase") degraded = true;
        return when;
      });
      for (const key of ["old-1", "old-2"]) await (await storage.open("a")).append(entry(key));
      const { store, reasons } = await openOn(storage);
      // Entries that cannot be loaded stay in the store until they can.
      const known = (key: string) => failsAt > 0 || (lasting === "once" && readsBack) || key.startsWith("new");
      for (const { run, keys } of script) {
        await run(store);
        if (readsBack) expect(await keysIn(store)).toEqual(keys.filter(known));
        expect(reasons).toEqual(degraded ? ["quota"] : []);
        expect(store.durable).toBe(!degraded);
        step++;
      }
      const undecided = script.at(-1)!.keys;
      if (!degraded) expect(await storage.keys()).toEqual(undecided);
      expect((await keysIn(store)).filter(known)).toEqual(undecided);
      await store.close();
      // A store that works again does not have the decided entries: they are not sent again after a reload.
      if (lasting === "once") expect(undecided).toEqual(expect.arrayContaining((await storage.keys()).filter(known)));
    }
  });

  it("[CL-2] keeps updates, places and first contents in memory, too", async () => {
    const storage = new FaultyStorage((nth) => (nth === 3 ? "before" : undefined));
    const { store } = await openOn(storage);
    await store.load();
    await store.append(entry("one"));
    await store.append(entry("two"));
    await store.append(entry("three"));
    await store.append(entry("two", { queuedAt: 4 }));
    await store.update(entry("one", { queuedAt: 5 }));
    await store.update(entry("four"));
    expect(await store.load()).toEqual({
      entries: [entry("one", { queuedAt: 5 }), entry("two"), entry("three")],
      base: undefined,
    });
    expect(await storage.keys()).toEqual(["one"]);
  });

  it("[CL-2] a base that cannot be saved is dropped, and the queue stays durable", async () => {
    const storage = new FaultyStorage((_, call) => (call === "saveBase" ? "before" : undefined));
    const { store, reasons } = await openOn(storage);
    expect(await store.saveBase(base(1))).toBe(false);
    await store.append(entry("one"));
    expect(store.durable).toBe(true);
    expect(reasons).toEqual([]);
    expect(await storage.keys()).toEqual(["one"]);
    storage.fault = () => "before";
    await store.append(entry("two"));
    storage.fault = () => undefined;
    expect(await store.saveBase(base(1))).toBe(false);
    expect((await (await storage.open("a")).load()).base).toBeUndefined();
  });

  it("[CL-2] retries removals from the failed store, with the next one and when it is closed", async () => {
    const storage = new FaultyStorage();
    const { store } = await openOn(storage);
    const keys = ["one", "two", "three", "four"];
    for (const key of keys) await store.append(entry(key));
    storage.fault = () => "before";
    await store.append(entry("five"));
    await store.append(entry("six"));
    await store.remove(["one"]);
    await store.remove(["two"]);
    expect(await storage.keys()).toEqual(keys);
    storage.fault = () => undefined;
    await store.remove(["unknown"]);
    expect(await storage.keys()).toEqual(["three", "four"]);
    const calls = storage.calls.length;
    // It never received this entry, so it is not called for it; the entry that it refused may be in it.
    await store.remove(["six"]);
    expect(storage.calls.length).toBe(calls);
    await store.remove(["five"]);
    expect(storage.calls.length).toBe(calls + 1);
    storage.fault = () => "before";
    await store.remove(["three"]);
    storage.fault = () => undefined;
    await store.close();
    expect(await storage.keys()).toEqual(["four"]);
  });

  it("[CL-2] loads the entries of the failed store as long as it can be read, before those that are only in memory", async () => {
    const storage = new FaultyStorage((_, call) => (call === "load" ? undefined : "before"));
    const behind = await storage.open("a");
    for (const key of ["old-1", "old-2"]) await behind.append(entry(key));
    await behind.saveBase(base(1));
    const { store, reasons } = await openOn(storage);
    expect(await store.identify("device-2")).toBe("device-2");
    await store.append(entry("new"));
    const entries = [entry("old-1"), entry("old-2"), entry("new")];
    expect(await store.load()).toEqual({ entries, base: base(1) });
    await store.remove(["old-1"]);
    await behind.append(entry("other"));
    expect(await keysIn(store)).toEqual(["other", "old-2", "new"]);
    storage.fault = () => "before";
    expect(await keysIn(store)).toEqual(["other", "old-2", "new"]);
    storage.fault = () => undefined;
    await store.remove(["old-2"]);
    expect(await storage.keys()).toEqual(["other"]);
    expect(reasons).toEqual(["quota"]);
  });

  it("[CL-2] keeps the order of concurrent appends when only some of them are in the store", async () => {
    const storage = new FaultyStorage((nth) => (nth === 1 ? "before" : undefined));
    const { store } = await openOn(storage);
    await Promise.all(["one", "two", "three"].map((key) => store.append(entry(key))));
    expect(await storage.keys()).toEqual(["two", "three"]);
    expect(await keysIn(store)).toEqual(["one", "two", "three"]);
  });

  it("[CL-2] [ID-14] a repeated append does not put the entry behind later ones when the first append fails", async () => {
    const storage = new FaultyStorage((nth) => (nth === 1 ? "before" : undefined));
    const { store } = await openOn(storage);
    await Promise.all(["one", "two", "one"].map((key) => store.append(entry(key))));
    expect(await storage.keys()).toEqual(["two"]);
    expect(await keysIn(store)).toEqual(["one", "two"]);
  });

  it("[CL-2] also retries a removal that fails alone", async () => {
    const storage = new FaultyStorage((_, call) => (call === "remove" ? "before" : undefined));
    const { store, reasons } = await openOn(storage);
    await store.append(entry("one"));
    await store.append(entry("two"));
    await store.remove(["one"]);
    expect(await keysIn(store)).toEqual(["two"]);
    expect(reasons).toEqual(["quota"]);
    storage.fault = () => undefined;
    await store.close();
    expect(await storage.keys()).toEqual(["two"]);
  });

  it("[CL-2] reports once that it is degraded, with any concurrent failures", async () => {
    const storage = new FaultyStorage(() => "after");
    const { store, reasons } = await openOn(storage);
    await Promise.all([
      store.append(entry("one")),
      store.append(entry("two")),
      store.remove(["one"]),
      store.append(entry("three")),
      store.load(),
    ]);
    expect(reasons).toEqual(["quota"]);
    expect(await keysIn(store)).toEqual(["two", "three"]);
  });

  it("[CL-2] calls reach the store in order, even if the caller does not wait", async () => {
    const storage = new FaultyStorage();
    const { store } = await openOn(storage);
    const keys = ["one", "two"];
    const [, , , , loaded] = await Promise.all([
      store.append(entry("one")),
      store.saveBase(base(1)),
      store.append(entry("two")),
      store.update(entry("two", { queuedAt: 5 })),
      store.load(),
      store.remove(keys),
      store.append(entry("three")),
      keys.fill("three"),
      store.close(),
    ]);
    expect(storage.calls).toEqual(["append", "saveBase", "append", "update", "load", "remove", "append", "close"]);
    expect(loaded).toEqual({ entries: [entry("one"), entry("two", { queuedAt: 5 })], base: base(1) });
    expect(await storage.keys()).toEqual(["three"]);
  });

  it("[CL-2] writes run concurrently, and a load alone", async () => {
    const [write, load] = [gate(), gate()];
    const storage = new FaultyStorage((nth) => (nth === 1 ? write.opened : nth === 4 ? load.opened : undefined));
    await (await storage.open("a")).append(entry("old"));
    const { store } = await openOn(storage);
    const all: Promise<unknown>[] = [store.append(entry("one")), store.append(entry("two")), store.remove(["old"])];
    const loading = store.load();
    all.push(store.append(entry("three")));
    await turn();
    expect(storage.calls).toEqual(["append", "append", "remove"]);
    write.open();
    await turn();
    expect(storage.calls).toEqual(["append", "append", "remove", "load"]);
    load.open();
    await Promise.all(all);
    // In the order in which they reached the store.
    expect((await loading).entries.map(({ key }) => key)).toEqual(["two", "one"]);
    expect(await storage.keys()).toEqual(["two", "one", "three"]);
  });

  it("[CL-2] closes the store when no call is running", async () => {
    const load = gate();
    const storage = new FaultyStorage((_, call) => (call === "load" ? load.opened : undefined));
    const { store } = await openOn(storage);
    const all = [store.load(), store.close()];
    await turn();
    expect(storage.calls).toEqual(["load"]);
    load.open();
    await Promise.all(all);
    expect(storage.calls).toEqual(["load", "close"]);
  });

  it("[CL-2] a write during a load comes after the loaded entries, also in memory", async () => {
    const held = gate();
    const storage = new FaultyStorage((nth) => (nth === 1 ? held.opened : "before"));
    for (const key of ["old-1", "old-2"]) await (await storage.open("a")).append(entry(key));
    const { store } = await openOn(storage);
    const calls = [store.load(), store.append(entry("new")), store.remove(["old-1"])];
    await turn();
    held.open();
    await Promise.all(calls);
    expect(await keysIn(store)).toEqual(["old-2", "new"]);
    expect(store.durable).toBe(false);
  });

  const silence = () => new Promise<never>(() => {});
  /** Answers when the test opens it. */
  const answersAt = (opened: Promise<undefined>) => () => opened;

  it.each<[string, CallName]>([
    ["the first call", "identify"],
    ["the load", "load"],
  ])("[CL-13] a store that does not answer %s is memory within a second", async (_, silent) => {
    const storage = new FaultyStorage((__, call) => (call === silent ? silence() : undefined));
    await (await storage.open("a")).append(entry("old"));
    const { store, reasons, clock } = await openOn(storage);
    const started = Promise.all([store.identify("device-1"), store.load()]);
    await clock.pass(999);
    expect(reasons).toEqual([]);
    await clock.pass(1);
    expect(await started).toEqual(["device-1", { entries: [], base: undefined }]);
    expect(reasons).toEqual(["blocked"]);
    expect(store.durable).toBe(false);
    // It is not asked again, and nothing waits for it.
    const { length } = storage.calls;
    await store.append(entry("one"));
    await store.append(entry("two"));
    await store.remove(["one"]);
    expect(await keysIn(store)).toEqual(["two"]);
    expect(storage.calls.length).toBe(length);
    expect(clock.timers).toBe(0);
    const closing = store.close();
    await clock.pass(1_000);
    await closing;
    expect(clock.timers).toBe(0);
  });

  it.each(["append", "update", "remove"] as const)(
    "[CL-13] a store that stops to answer at %s loses nothing, and has everything when it answers again",
    async (silent) => {
      const held = gate();
      const storage = new FaultyStorage();
      const { store, reasons, clock } = await openOn(storage);
      await store.identify("device-1");
      await store.append(entry("one"));
      await store.append(entry("two"));
      storage.fault = (_, call) => (call === silent ? held.opened : undefined);
      const call = {
        append: () => store.append(entry("three")),
        update: () => store.update(entry("two", { queuedAt: 5 })),
        remove: () => store.remove(["one"]),
      }[silent]();
      await clock.pass(1_000);
      await call;
      expect([store.durable, reasons]).toEqual([false, ["blocked"]]);
      await store.append(entry("four"));
      await store.update(entry("four", { queuedAt: 6 }));
      await store.remove(["two"]);
      const { entries } = await store.load();
      storage.fault = () => undefined;
      held.open();
      await turn();
      expect([store.durable, reasons]).toEqual([true, ["blocked", undefined]]);
      expect(clock.timers).toBe(0);
      expect((await (await storage.open("a")).load()).entries).toEqual(entries);
      await store.append(entry("five"));
      expect(await storage.keys()).toEqual([...entries.map(({ key }) => key), "five"]);
    },
  );

  it("[CL-13] what a late load returns comes before what is in memory, and is reported once", async () => {
    const held = gate();
    const storage = new FaultyStorage((_, call) => (call === "load" ? held.opened : undefined));
    const behind = await storage.open("a");
    for (const key of ["old-1", "old-2"]) await behind.append(entry(key));
    const { store, reasons, late, clock } = await openOn(storage);
    const loading = store.load();
    const appending = store.append(entry("new"));
    await clock.pass(1_000);
    await Promise.all([loading, appending]);
    expect(late).toEqual([]);
    held.open();
    await turn();
    expect([late, reasons]).toEqual([
      ["old-1", "old-2"],
      ["blocked", undefined],
    ]);
    expect(await keysIn(store)).toEqual(["old-1", "old-2", "new"]);
    await store.remove(["old-1"]);
    expect(await storage.keys()).toEqual(["old-2", "new"]);
  });

  it("[CL-13] what is submitted and decided while it recovers is in it afterwards, too", async () => {
    const [held, again] = [gate(), gate()];
    const storage = new FaultyStorage((nth) => (nth === 1 ? held.opened : nth === 2 ? again.opened : undefined));
    const { store, reasons, clock } = await openOn(storage);
    const appending = store.append(entry("one"));
    await clock.pass(1_000);
    await appending;
    await store.append(entry("two"));
    held.open();
    await turn();
    await store.append(entry("three"));
    await store.remove(["two"]);
    expect(store.durable).toBe(false);
    again.open();
    await turn();
    expect([store.durable, reasons]).toEqual([true, ["blocked", undefined]]);
    expect(await storage.keys()).toEqual(["one", "three"]);
  });

  it("[CL-13] a store that is silent, and then fails, stays in memory", async () => {
    const held = gate();
    const storage = new FaultyStorage(async () => {
      await held.opened;
      return "before" as const;
    });
    const { store, reasons, clock } = await openOn(storage);
    const appending = store.append(entry("one"));
    await clock.pass(1_000);
    await appending;
    held.open();
    await turn();
    expect([store.durable, reasons]).toEqual([false, ["blocked"]]);
    expect(await keysIn(store)).toEqual(["one"]);
  });

  it("[CL-13] a page that was frozen does not count as silence", async () => {
    const held = gate();
    const storage = new FaultyStorage(answersAt(held.opened));
    const { store, reasons, clock } = await openOn(storage);
    const appending = store.append(entry("one"));
    await clock.pass(100);
    // An hour later one timer runs, and then the answer that was there all the time.
    clock.now += 3_600_000;
    clock.runOne();
    held.open();
    await appending;
    await clock.pass(10_000);
    expect([store.durable, reasons]).toEqual([true, []]);
  });

  it("[CL-13] a base may take longer, and one that is never stored holds up nothing else", async () => {
    const storage = new FaultyStorage((_, call) => (call === "saveBase" ? silence() : undefined));
    const { store, reasons, clock } = await openOn(storage);
    const saving = store.saveBase(base(1));
    await clock.pass(9_000);
    await store.append(entry("one"));
    expect([store.durable, reasons]).toEqual([true, []]);
    await clock.pass(1_000);
    expect(await saving).toBe(false);
    await store.append(entry("two"));
    expect([store.durable, reasons]).toEqual([true, []]);
    expect(await storage.keys()).toEqual(["one", "two"]);
  });

  it("[CL-13] a store that never opens is memory in the time for loading its code, and is closed if it opens later", async () => {
    const held = gate();
    const storage = new FaultyStorage();
    const clock = new Clock();
    const reasons: (StoreFailure | undefined)[] = [];
    const opening = openResilient(
      async (scope) => {
        await held.opened;
        return await storage.openFaulty(scope);
      },
      memoryStore(),
      "a",
      userOf((reason) => reasons.push(reason), undefined, clock),
    );
    await clock.pass(defaultTiming.connectMs);
    const store = await opening;
    expect([store.durable, reasons]).toEqual([false, ["blocked"]]);
    held.open();
    await turn();
    expect(storage.calls).toEqual(["close"]);
  });

  it("[CL-2] an error of the application's listener does not affect the queue", async () => {
    const thrown: unknown[] = [];
    vi.stubGlobal("queueMicrotask", (task: () => void) => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
    const throwing = () => {
      throw new Error("of the application");
    };
    const storage = new FaultyStorage(() => "before");
    const store = await openResilient(storage.openFaulty, memoryStore(), "a", userOf(throwing));
    await store.append(entry("one"));
    expect(await keysIn(store)).toEqual(["one"]);
    const inMemory = await openResilient(() => Promise.reject(full()), memoryStore(), "a", userOf(throwing));
    await inMemory.append(entry("one"));
    expect(thrown.length).toBe(2);
  });

  it("[CL-2] once closed, refuses calls, and calls neither the store nor the listener", async () => {
    const storage = new FaultyStorage((_, call) => (call === "close" ? "before" : undefined));
    const { store, reasons } = await openOn(storage);
    const appending = store.append(entry("one"));
    const closing = store.close();
    const refused = [
      () => store.load(),
      () => store.identify("device-1"),
      () => store.append(entry("x")),
      () => store.update(entry("x")),
      () => store.remove(["one"]),
      () => store.saveBase(base(1)),
    ];
    for (const call of refused) await expect(call()).rejects.toMatchObject({ name: "StoreError", reason: "failed" });
    await Promise.all([appending, closing]);
    await store.close();
    for (const call of refused) await expect(call()).rejects.toThrow(StoreError);
    expect(storage.calls).toEqual(["append", "close", "close"]);
    expect(await storage.keys()).toEqual(["one"]);
    expect(reasons).toEqual([]);
  });

  it("[CL-2] [ID-14] equals a plain list with any failures", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ action: fc.nat(99), pick: fc.nat(20), waits: fc.boolean() }), { maxLength: 40 }),
        fc.array(fc.constantFrom<Fault>(undefined, undefined, undefined, undefined, "before", "after"), {
          maxLength: 60,
        }),
        compareWithList,
      ),
      { numRuns: 300 },
    ));
});

/** Keys are used once, as in a client. At the end the store works again. */
async function compareWithList(
  steps: readonly { action: number; pick: number; waits: boolean }[],
  faults: readonly Fault[],
): Promise<void> {
  let works = false;
  // The first call is the load with which a client begins.
  const storage = new FaultyStorage((nth) => (works || nth === 1 ? undefined : faults[nth]));
  const before = ["old-1", "old-2", "old-3"];
  for (const key of before) await (await storage.open("a")).append(entry(key));
  const { store, reasons } = await openOn(storage);
  expect(await keysIn(store)).toEqual(before);
  let list: QueueEntry[] = before.map((key) => entry(key));
  const decided: string[] = [];
  let pending: Promise<unknown>[] = [];
  for (const [at, { action, pick, waits }] of steps.entries()) {
    const picked = list[pick % Math.max(list.length, 1)]?.key ?? "none";
    if (action < 40) {
      const one = entry(action < 35 ? `new-${at}` : picked, { queuedAt: at });
      if (!list.some(({ key }) => key === one.key) && one.key !== "none") list.push(one);
      if (one.key !== "none") pending.push(store.append(one));
    } else if (action < 55) {
      const one = entry(picked, { queuedAt: at });
      list = list.map((other) => (other.key === one.key ? one : other));
      pending.push(store.update(one));
    } else if (action < 80) {
      list = list.filter(({ key }) => key !== picked);
      decided.push(picked);
      pending.push(store.remove([picked]));
    } else if (action < 90) {
      const expected = [...list];
      pending.push(store.load().then(({ entries }) => expect(entries).toEqual(expected)));
    } else {
      pending.push(store.saveBase(base(at)));
    }
    if (waits) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
  expect((await store.load()).entries).toEqual(list);
  const degraded = !store.durable;
  expect(reasons.length).toBe(degraded ? 1 : 0);
  works = true;
  await store.close();
  const kept = await storage.keys();
  if (!degraded) expect((await (await storage.open("a")).load()).entries).toEqual(list);
  expect(kept.filter((key) => decided.includes(key))).toEqual([]);
  expect(kept).toEqual(list.map(({ key }) => key).filter((key) => kept.includes(key)));
}
