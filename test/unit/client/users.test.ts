import { describe, expect, it } from "vitest";
import { partitionOf, scopeOf } from "../../../src/client/api/scope.ts";
import { type ClientOptions, createClient, signOut, type Unsent } from "../../../src/client/index.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { type OpenStore, type QueueEntry, StoreError } from "../../../src/client/stores/store.ts";
import { identityOf } from "../../../src/client/sync/token-identity.ts";
import type { Ports } from "../../../src/client/transport/ports.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { event, FakeWorld, settle } from "./harness.ts";

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
/** A token as the client can read it; nothing here verifies it. */
const tokenOf = (sub: string, more: object = {}) => `${encode({ alg: "HS256" })}.${encode({ sub, ...more })}.signature`;
const base = (text: string) => ({ serverId: "log-1", eventId: 1, modelVersion: 1, state: JSON.stringify({ text }) });
const entry = (key: string): QueueEntry => ({
  key,
  mode: "single",
  drafts: [{ draftId: key, type: "set", payload: { target: key, value: 1 } }],
  queuedAt: 1_700_000_000_000,
});

/** A browser: its clients share a storage, and hear of each other. */
function browser(store: OpenStore = memoryStore()) {
  const world = new FakeWorld();
  const channels = new Set<(message: unknown) => void>();
  const ports: Ports = {
    ...world.ports,
    channel: (_, receive) => {
      channels.add(receive);
      return {
        post: (message) => {
          for (const other of channels) if (other !== receive) queueMicrotask(() => other(structuredClone(message)));
        },
        close: () => channels.delete(receive),
      };
    },
  };
  const client = (options: Partial<ClientOptions<any, any>> = {}) =>
    createClient<any, any>({
      url: "https://host",
      partition: "doc",
      model: insieme as never,
      store,
      ports,
      ...options,
    });
  const kept = async (scope: string) => {
    const { entries, base: saved } = await (await store(scope)).load();
    return { keys: entries.map(({ key }) => key), base: saved };
  };
  return { world, ports, store, client, kept };
}

describe("whose data it is", () => {
  it("[CL-9] a client without a principal shows and sends nothing until its token has named its user", async () => {
    const { world, client, store } = browser();
    const ada = await store("host/doc/ada");
    await ada.append(entry("of-ada"));
    await ada.saveBase(base("Ada's"));
    await (await store("host/doc/")).append(entry("of-nobody"));
    let give: (token: string) => void = () => {};
    const bob = client({ token: () => new Promise((resolve) => (give = resolve)) });
    await settle();
    expect([bob.state, bob.pending, bob.loaded, world.sockets]).toEqual([{}, [], false, []]);
    give(tokenOf("bob"));
    await settle();
    expect([bob.state, bob.pending, bob.loaded]).toEqual([{}, [], false]);
    world.socket.accept({ state: { text: "of the server" }, more: { principal: "bob", tenant: "default" } });
    await settle();
    expect(bob.status.status).toBe("online");
    expect(world.socket.sent.map(({ type }) => type)).toEqual(["connect"]);
    await bob.close();

    const back = client({ token: () => tokenOf("ada") });
    await settle();
    expect([back.state, back.pending.map(({ key }) => key)]).toEqual([{ text: "Ada's", "of-ada": 1 }, ["of-ada"]]);
  });

  it("[CL-9] asks for the first token until it comes, and uses it for the first connection", async () => {
    const { world, client } = browser();
    let asked = 0;
    const one = client({ token: () => (++asked < 3 ? Promise.reject(new Error("offline")) : tokenOf("ada")) });
    await settle();
    expect(one.status).toMatchObject({ status: "offline", reason: "connection_lost", retryAt: expect.any(Number) });
    await world.pass(2_000);
    expect([asked, world.sockets.length]).toEqual([3, 1]);
    world.socket.accept();
    await settle();
    world.socket.end();
    await world.pass(2_000);
    expect([asked, world.sockets.length]).toEqual([4, 2]);
  });

  it("[CL-9] [CL-14] asks for the first token again at once when the network is back", async () => {
    const { world, client } = browser();
    let asked = 0;
    const one = client({ token: () => (++asked < 8 ? Promise.reject(new Error("offline")) : tokenOf("ada")) });
    await settle();
    for (let failures = 1; failures < 6; failures++) await world.pass(one.status.retryAt! - world.now);
    world.reachability!.online();
    await settle();
    world.reachability!.visible();
    await settle();
    expect([asked, world.sockets.length]).toEqual([8, 1]);
    await one.close();
    expect(world.reachability).toBeUndefined();
  });

  it("[CL-9] keeps what is submitted before the token names the user, for this user", async () => {
    const { world, client, kept } = browser();
    let give: (token: string) => void = () => {};
    const one = client({ token: () => new Promise((resolve) => (give = resolve)) });
    void one.submit("set", { target: "early", value: 1 });
    expect(one.state).toEqual({ early: 1 });
    await settle();
    give(tokenOf("ada", { tenant: "acme" }));
    await settle();
    expect((await kept("acme@host/doc/ada")).keys).toHaveLength(1);
    world.socket.accept({ more: { principal: "ada", tenant: "acme" } });
    await settle();
    expect(world.socket.of("submit_event")).toHaveLength(1);
  });

  it("[CL-9] ends when the token is of another user or another tenant, before it connects", async () => {
    for (const other of [tokenOf("bob"), tokenOf("ada", { tenant: "acme" })]) {
      const { world, client } = browser();
      const tokens = [tokenOf("ada"), other];
      const ada = client({ token: () => tokens.shift()! });
      await settle();
      world.socket.accept();
      await settle();
      void ada.submit("set", { target: "hers", value: 1 });
      world.socket.end();
      await world.pass(5_000);
      expect(ada.status).toEqual({ status: "closed", reason: "other_principal", loaded: expect.any(Boolean) });
      expect([world.sockets.length, ada.pending.length]).toEqual([1, 1]);
    }
  });

  it("[CL-9] ends when the server takes it for another user, before anything but `connect` is sent", async () => {
    for (const who of [
      { principal: "bob", tenant: "default" },
      { principal: "ada", tenant: "acme" },
    ]) {
      const { world, client, kept } = browser();
      const ada = client({ principal: "ada", token: () => "an opaque token" });
      void ada.submit("set", { target: "hers", value: 1 });
      await settle();
      world.socket.accept({ state: { text: "of another" }, more: who });
      await settle();
      expect(world.socket.of("connect")[0]!.payload).toMatchObject({ principal: true });
      expect(ada.status).toEqual({ status: "closed", reason: "other_principal", loaded: expect.any(Boolean) });
      expect(world.socket.sent.map(({ type }) => type)).toEqual(["connect"]);
      expect([ada.state, (await kept("host/doc/ada")).keys.length]).toEqual([{ hers: 1 }, 1]);
    }
  });

  it("[CL-9] does not renew with the token of another user", async () => {
    const { world, client } = browser();
    const tokens = [tokenOf("ada"), tokenOf("bob")];
    const ada = client({ token: () => tokens.shift()! });
    await settle();
    world.socket.accept({ more: { principal: "ada", tenant: "default", expiresAt: 20_001 } });
    await world.pass(17_000);
    expect(ada.status).toEqual({ status: "closed", reason: "other_principal", loaded: expect.any(Boolean) });
    expect(world.socket.of("renew")).toEqual([]);
  });

  it("[CL-9] a token that names nobody needs the option principal", async () => {
    const { world, client } = browser();
    const one = client({ token: () => "an opaque token" });
    await expect(one.ready).rejects.toThrow("principal_unknown");
    expect([one.status.reason, world.sockets]).toEqual(["principal_unknown", []]);
    await one.close();
  });

  it("[CL-9] goes on with a server that does not say who is connected", async () => {
    const { world, client } = browser();
    const ada = client({ principal: "ada", token: () => "an opaque token" });
    await settle();
    world.socket.accept({ state: { text: "hers" } });
    await settle();
    expect([ada.status.status, ada.state]).toEqual(["online", { text: "hers" }]);
  });

  it("[CL-9] shows nothing of what it has cached to who is forbidden, and keeps what is queued", async () => {
    const { world, client, store, kept } = browser();
    const queue = await store("host/doc/ada");
    await queue.append(entry("queued"));
    await queue.saveBase(base("secret"));
    const ada = client({ principal: "ada", token: () => tokenOf("ada") });
    await settle();
    expect(ada.state).toEqual({ text: "secret", queued: 1 });
    world.socket.open();
    const problem = { code: "forbidden", status: 403, detail: "no", traceId: "t", timestamp: 1, retryable: false };
    world.socket.say({ type: "error", inReplyTo: world.socket.of("connect")[0]!.id, payload: problem });
    await settle();
    expect([ada.status.status, ada.state, ada.pending, ada.loaded]).toEqual(["closed", {}, [], false]);
    expect(await kept("host/doc/ada")).toEqual({ keys: ["queued"], base: undefined });
    await ada.close();
    expect((await kept("host/doc/ada")).keys).toEqual(["queued"]);
  });

  it("[CL-9] asks again when what comes is no token", async () => {
    const { world, client } = browser();
    const given = [null, "", undefined, tokenOf("ada"), null, tokenOf("ada")];
    const one = client({ token: () => given.shift() as string });
    while (world.sockets.length === 0) await world.pass(100);
    expect([world.sockets.length, one.principal]).toEqual([1, "ada"]);
    world.socket.accept();
    await settle();
    world.socket.end();
    while (world.sockets.length === 1) await world.pass(100);
    expect(given).toEqual([]);
    expect(world.socket.protocols).toEqual(["partita", `bearer.${tokenOf("ada")}`]);
  });

  it("[CL-9] [CL-6] a client that has ended leaves no promise of a verdict open", async () => {
    const { world, client, kept } = browser();
    const ada = client({ principal: "ada", token: () => tokenOf("ada") });
    await settle();
    const before = ada.submit("set", { target: "before", value: 1 });
    world.socket.open();
    const problem = { code: "not_found", status: 404, detail: "no", traceId: "t", timestamp: 1, retryable: false };
    world.socket.say({ type: "error", inReplyTo: world.socket.of("connect")[0]!.id, payload: problem });
    expect(await before).toEqual({ status: "undecided" });
    expect(await ada.submit("set", { target: "after", value: 1 })).toEqual({ status: "undecided" });
    await settle();
    expect((await kept("host/doc/ada")).keys).toHaveLength(2);
    const nobody = client({ token: () => "an opaque token" });
    const early = nobody.submit("set", { target: "early", value: 1 });
    expect(await early).toEqual({ status: "undecided" });
  });

  it("[CL-9] names scopes so that no two users share one", () => {
    const ada = { tenant: "default", principal: "ada" };
    expect(scopeOf("host:1/doc", ada)).toBe("host:1/doc/ada");
    expect(scopeOf("host:1/doc", { ...ada, tenant: "acme" })).toBe("acme@host:1/doc/ada");
    const tricky = { tenant: "default", principal: "a/b" };
    expect(partitionOf("host/doc/a/b", "host", tricky)).toBe("doc");
    expect(partitionOf("host/doc/a/b", "host", { tenant: "default", principal: "b" })).toBeUndefined();
    expect(partitionOf("acme@host/doc/ada", "host", ada)).toBeUndefined();
    expect(partitionOf("host:1/doc/ada", "host", ada)).toBeUndefined();
  });

  it("[CL-9] reads whom a token names, and nothing from what is none", () => {
    expect(identityOf(tokenOf("zoë@例"))).toEqual({ tenant: "default", principal: "zoë@例" });
    expect(identityOf(tokenOf("ada", { tenant: "acme" }))).toEqual({ tenant: "acme", principal: "ada" });
    for (const token of [
      "",
      "opaque",
      "a.b.c",
      "a.!!.c",
      `a.${encode([])}.c`,
      tokenOf(7 as never),
      `a.${encode({})}.c`,
    ])
      expect(identityOf(token)).toBeUndefined();
  });
});

describe("signing out", () => {
  it("[CL-9] tells what is unsent before it deletes, and deletes nothing without consent", async () => {
    const { world, client, kept } = browser();
    const ada = client({ principal: "ada" });
    await settle();
    world.socket.accept({ state: { text: "hers" } });
    await settle();
    world.socket.end();
    void ada.submit("set", { target: "unsent", value: 1 });
    expect(await ada.signOut()).toBe(false);
    expect(await ada.signOut((unsent) => unsent.length === 0)).toBe(false);
    expect([ada.status.status, (await kept("host/doc/ada")).keys.length]).toEqual(["offline", 1]);
    const asked: unknown[] = [];
    const agreed = await ada.signOut((unsent) => {
      asked.push(unsent.map(({ partition, entries }) => [partition, entries.length]));
      return true;
    });
    expect([agreed, asked]).toEqual([true, [[["doc", 1]]]]);
    expect([ada.status, ada.state, ada.pending]).toEqual([
      { status: "closed", reason: "signed_out", loaded: false },
      {},
      [],
    ]);
    expect(await kept("host/doc/ada")).toEqual({ keys: [], base: undefined });
  });

  it("[CL-9] asks about what is stored, and deletes it, also before the store is open", async () => {
    const { client, store, kept } = browser();
    const queue = await store("host/doc/ada");
    await queue.append(entry("queued"));
    await queue.saveBase(base("hers"));
    expect(await client({ principal: "ada" }).signOut()).toBe(false);
    expect(await client({ principal: "ada" }).signOut(() => true)).toBe(true);
    expect(await kept("host/doc/ada")).toEqual({ keys: [], base: undefined });
  });

  it("[CL-9] tells what is submitted while it looks for what is unsent, and while it asks", async () => {
    const { client } = browser();
    const ada = client({ principal: "ada" });
    await settle();
    const told: string[][] = [];
    const confirm = (unsent: readonly Unsent[]) => {
      told.push(unsent.flatMap(({ entries }) => entries.map(({ drafts }) => String(drafts[0]!.payload["target"]))));
      if (told.length === 1) void ada.submit("set", { target: "asking", value: 1 });
      return true;
    };
    const signedOut = ada.signOut(confirm);
    void ada.submit("set", { target: "looking", value: 1 });
    expect(await signedOut).toBe(true);
    expect(told).toEqual([["looking"], ["looking", "asking"]]);
  });

  it("[CL-9] does not say that all is deleted if it is not, and closes", async () => {
    const memory = memoryStore();
    const open =
      (opens: boolean): OpenStore =>
      async (scope) => {
        if (!opens) throw new StoreError("blocked", undefined);
        const store = await memory(scope);
        store.delete = () => Promise.reject(new StoreError("failed", undefined));
        return store;
      };
    for (const opens of [true, false]) {
      const { client } = browser(open(opens));
      const ada = client({ principal: "ada" });
      await settle();
      for (const signedOut of [ada.signOut(), ada.signOut()]) await expect(signedOut).rejects.toThrow(StoreError);
      expect(ada.status).toMatchObject({ status: "closed", reason: "signed_out" });
      await ada.close();
    }
  });

  it("[CL-9] does not resolve when nothing was deleted, because the client is closed or knows no user", async () => {
    const { client, store, kept } = browser();
    await (await store("host/doc/ada")).append(entry("queued"));
    const closed = client({ principal: "ada" });
    void closed.close();
    await expect(closed.signOut(() => true)).rejects.toThrow("the client is closed");
    const waiting = client({ token: () => new Promise(() => {}) });
    const outcome = waiting.signOut(() => true).catch((error: Error) => error.message);
    await waiting.close();
    expect(await outcome).toBe("the client is closed");
    const meanwhile = client({ principal: "ada" });
    const asked = meanwhile.signOut(async () => meanwhile.close().then(() => true));
    await expect(asked).rejects.toThrow("the client is closed");
    expect((await kept("host/doc/ada")).keys).toEqual(["queued"]);
  });

  it("[CL-9] a client that hears it before its store is open deletes, too", async () => {
    const { client, store } = browser();
    const [ada, again] = [client({ principal: "ada" }), client({ principal: "ada" })];
    const early = again!.submit("set", { target: "mine", value: 1 });
    expect(await ada!.signOut(() => true)).toBe(true);
    expect(await early).toEqual({ status: "undecided" });
    expect(await again!.signOut()).toBe(true);
    await settle();
    expect(await store.scopes!()).toEqual([]);
  });

  it("[CL-9] shows nothing of the user any more, and so no parked entries", async () => {
    const { world, client, store } = browser();
    const queue = await store("host/doc/ada");
    const parked = { code: "internal", detail: "failed" } as NonNullable<QueueEntry["parked"]>;
    await queue.append({ ...entry("failed"), parked });
    const ada = client({ principal: "ada" });
    await settle();
    world.socket.accept({ state: { text: "hers" } });
    await settle();
    void ada.submit("set", { target: "text", value: "new" });
    expect(ada.parked).toHaveLength(1);
    expect(await ada.signOut(() => true)).toBe(true);
    expect([ada.parked, ada.pending]).toEqual([[], []]);
  });

  it("[CL-9] closes the other clients of the user, and those of nobody else", async () => {
    const { client, kept } = browser();
    const [ada, again, bob, elsewhere] = [
      client({ principal: "ada" }),
      client({ principal: "ada" }),
      client({ principal: "bob" }),
      client({ principal: "ada", partition: "other" }),
    ];
    await settle();
    for (const one of [again, bob, elsewhere]) void one!.submit("set", { target: "mine", value: 1 });
    await settle();
    expect(await ada!.signOut(() => true)).toBe(true);
    await settle();
    expect([again!.status.reason, again!.state]).toEqual(["signed_out", {}]);
    expect([bob!.state, elsewhere!.state]).toEqual([{ mine: 1 }, { mine: 1 }]);
    expect((await kept("host/doc/ada")).keys).toEqual([]);
    expect((await kept("host/other/ada")).keys).toHaveLength(1);
  });

  it("[CL-9] one call deletes all partitions of a user", async () => {
    const { client, store, ports, kept } = browser();
    const names = ["one", "two"];
    const open = names.map((partition) => client({ principal: "ada", partition }));
    client({ principal: "bob", partition: "one" });
    await settle();
    for (const one of open) void one.submit("set", { target: "mine", value: 1 });
    await settle();
    const parts = { url: "https://host", principal: "ada", store, ports };
    expect(await signOut(parts)).toBe(false);
    const told: unknown[] = [];
    const confirm = async (unsent: readonly { partition: string; entries: readonly unknown[] }[]) => {
      told.push(unsent.map(({ partition, entries }) => [partition, entries.length]));
      // The dialog is open, and a page goes on: it must not be deleted untold.
      if (told.length === 1) void open[1]!.submit("set", { target: "meanwhile", value: 1 });
      await settle();
      return true;
    };
    expect(await signOut({ ...parts, confirm })).toBe(true);
    await settle();
    const [one, two] = ["one", "two"];
    expect(told).toEqual([
      [
        [one, 1],
        [two, 1],
      ],
      [
        [one, 1],
        [two, 2],
      ],
    ]);
    expect(open.map(({ status }) => status.reason)).toEqual(["signed_out", "signed_out"]);
    for (const name of names) expect(await kept(`host/${name}/ada`)).toEqual({ keys: [], base: undefined });
    expect(await store.scopes!()).toEqual(["host/one/bob"]);
  });
});

describe("before the state is there", () => {
  it("[CL-10] `ready` resolves with the state, from the store or from the server", async () => {
    const { world, client, store } = browser();
    const first = client({ principal: "ada" });
    let ready = false;
    void first.ready.then(() => (ready = true));
    await settle();
    expect(ready).toBe(false);
    world.socket.accept({ state: { text: "of the server" } });
    await first.ready;
    expect(first.state).toEqual({ text: "of the server" });
    await first.close();
    await expect(first.ready).resolves.toBeUndefined();
    await (await store("host/doc/bob")).saveBase(base("kept"));
    const second = client({ principal: "bob" });
    await second.ready;
    expect(second.state).toEqual({ text: "kept" });
  });

  it("[CL-10] `ready` rejects when the client is closed before", async () => {
    const { client } = browser();
    const one = client({ principal: "ada" });
    const outcome = one.ready.catch((error: Error) => error.message);
    await one.close();
    expect(await outcome).toBe("closed before it had a state: closed");
  });

  it("[CL-10] does not reject by the initial state what fits the state of the server", async () => {
    const { world, client } = browser();
    const one = client({ principal: "ada" });
    const verdict = one.submit("treeUpdate", { target: "tree", value: { text: "new" }, options: { id: "node" } });
    await settle();
    expect(one.pending).toMatchObject([{ failure: undefined, waiting: true }]);
    const tree = { items: { node: { text: "old" } }, tree: [{ id: "node", children: [] }] };
    world.socket.accept({ state: { tree }, head: 1 });
    await settle();
    const [sent] = world.socket.of("submit_event");
    expect(sent).toBeDefined();
    expect(one.pending).toMatchObject([{ failure: undefined, waiting: false }]);
    const accepted = event(2, "treeUpdate", sent!.payload.event.payload);
    world.socket.say({ type: "event_accepted", payload: { draftId: sent!.payload.draftId, ...accepted } });
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 2 });
  });

  it("[CL-10] rejects at once what has no valid shape, and has no undo that was made by the initial state", async () => {
    const { client } = browser();
    const one = client({ principal: "ada" });
    expect(await one.submit("set", { target: "a" } as never)).toMatchObject({ status: "rejected", local: true });
    void one.submit("set", { target: "a", value: 1 });
    expect(one.canUndo).toBe(false);
  });
});
