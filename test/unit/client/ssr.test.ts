import { createElement, Suspense } from "react";
import { renderToReadableStream, renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createClient, memoryStore, type Snapshot } from "../../../src/client/index.ts";
import { createPartitionHooks } from "../../../src/client/react.ts";
import { createSuspenseHook } from "../../../src/client/react-suspense.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { board } from "../../support/board.ts";
import { broadcast, event, FakeWorld, settle } from "./harness.ts";

const hooks = createPartitionHooks<typeof insieme>();
const { PartitionProvider, usePartition, useStatus, usePending, usePeers, useUndo } = hooks;
const useSuspensePartition = createSuspenseHook(hooks);
const snapshot = (more: Partial<Snapshot> = {}): Snapshot => ({
  serverId: "log-1",
  eventId: 5,
  proof: "p5",
  model: insieme.name,
  modelVersion: insieme.version,
  state: '{"title":"from the server","list":{"a":1}}',
  ...more,
});

const own = `${"0".repeat(31)}1`;

function Page() {
  const { title } = usePartition((state) => ({ title: (state as { title?: string }).title }));
  const { status, loaded } = useStatus();
  expect(useUndo()).toMatchObject({ canUndo: false, canRedo: false, undoLabel: undefined, undoBlock: undefined });
  return createElement("p", {}, `${title}, ${status}, ${loaded}, ${usePending().length}, ${usePeers().length}`);
}
const page = (client: unknown) => createElement(PartitionProvider, { client: client as never }, createElement(Page));

describe("on a server", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("[CL-10] a client that does not connect renders what it was created from, and uses nothing of the platform", async () => {
    const used: string[] = [];
    for (const name of ["WebSocket", "fetch", "indexedDB", "BroadcastChannel", "EventSource", "addEventListener"])
      vi.stubGlobal(
        name,
        new Proxy(function () {}, { construct: () => (used.push(name), {}), apply: () => used.push(name) }),
      );
    vi.stubGlobal("indexedDB", { open: () => used.push("indexedDB") });
    const client = createClient({
      url: "https://example.com",
      partition: "room",
      model: insieme,
      principal: "ada",
      initial: snapshot(),
      connect: false,
    });
    expect(renderToString(page(client))).toBe("<p>from the server, offline, true, 0, 0</p>");
    await settle();
    await client.ready;
    expect(client.dehydrate()).toEqual(snapshot());
    await expect(client.submit("set", { target: "a", value: 1 })).rejects.toThrow("closed");
    expect(used).toEqual([]);
    expect(client.status).toEqual({ status: "closed", reason: "closed", loaded: true });
  });

  it("[CL-10] without a state it says so, and does not wait", async () => {
    const { ports } = new FakeWorld();
    const client = createClient({
      url: "https://example.com",
      partition: "room",
      model: insieme,
      connect: false,
      ports,
    });
    await expect(client.ready).rejects.toThrow("before it had a state");
    expect(client.dehydrate()).toBeUndefined();
    for (const [more, isUsed] of [
      [{ modelVersion: 99 }, false],
      [{ model: "another" }, false],
      // An earlier version has rendered it.
      [{ model: undefined }, true],
    ] as const) {
      const rendered = createClient({
        url: "https://example.com",
        partition: "room",
        model: insieme,
        connect: false,
        initial: snapshot(more),
        ports,
      });
      expect([rendered.loaded, Object.hasOwn(rendered.state, "title")]).toEqual([isUsed, isUsed]);
    }
  });

  it("[CL-10] useSuspensePartition waits for the state, and does not render the initial one", async () => {
    function Waiting() {
      return createElement(
        "b",
        {},
        useSuspensePartition((state) => (state as { title?: string }).title ?? "none"),
      );
    }
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    const stream = await renderToReadableStream(
      createElement(
        PartitionProvider,
        { client: client as never },
        createElement(Suspense, { fallback: "loading" }, createElement(Waiting)),
      ),
    );
    world.socket.accept({ state: { title: "here" }, head: 1 });
    const html = await new Response(stream).text();
    expect([html.includes("<b>here</b>"), html.includes("none")]).toEqual([true, false]);
  });
});

describe("a client that was created from what a server rendered", () => {
  const store = async (...keys: string[]) => {
    const open = memoryStore();
    const before = await open("server/room/ada");
    for (const key of keys) {
      await before.append({
        key,
        mode: "single",
        drafts: [{ draftId: key, type: "set", payload: { target: "own", value: key } }],
        queuedAt: 1,
      });
    }
    return { open, before };
  };

  it("[CL-10] shows it at once, and continues from it with the events after it", async () => {
    const world = new FakeWorld();
    const client = world.client({ initial: snapshot() });
    expect([client.loaded, client.eventId, client.state]).toMatchObject([true, 5, { title: "from the server" }]);
    await client.ready;
    await settle();
    world.socket.open();
    const [connect] = world.socket.of("connect");
    expect(connect!.payload).toMatchObject({ sinceEventId: 5, proof: "p5" });
    expect(connect!.payload.initialState).toBeUndefined();
    world.socket.accept({ head: 5 });
    world.socket.say(broadcast(6, "set", { target: "title", value: "six" }));
    expect([client.eventId, client.state]).toMatchObject([6, { title: "six" }]);
    expect(client.dehydrate()).toMatchObject({
      eventId: 6,
      serverId: "log-1",
      proof: `t${event(6, "set", {}).event.timestamp}`,
    });
  });

  it("[CL-10] does not show what is queued twice: the state may have it already", async () => {
    const world = new FakeWorld();
    const { open } = await store("k1");
    const client = world.client({ store: open, initial: snapshot({ state: '{"own":"k1"}' }) });
    await settle();
    expect([client.state, client.pending]).toMatchObject([{ own: "k1" }, [{ key: "k1", waiting: true }]]);
    world.socket.accept({ head: 5 });
    await settle();
    world.socket.say({
      type: "event_accepted",
      payload: { draftId: "k1", ...event(4, "set", { target: "own", value: "k1" }, "me") },
    });
    await settle();
    expect([client.pending, client.state, client.eventId]).toEqual([[], { own: "k1" }, 5]);
  });

  it("[CL-10] [CL-13] shows what was never sent: the state cannot have it", async () => {
    const world = new FakeWorld();
    const { open, before } = await store();
    const drafts = [{ draftId: "k1", type: "set", payload: { target: "own", value: "k1" } }];
    await before.append({ key: "k1", mode: "single", drafts, queuedAt: 1, sentAt: 0 });
    const client = world.client({ store: open, initial: snapshot() });
    await settle();
    expect([client.state, client.pending]).toMatchObject([{ own: "k1" }, [{ key: "k1", waiting: false }]]);
    await client.close();
  });

  it.each([
    ["newer", { eventId: 7, serverId: "log-1" }, 7, false],
    ["of the same event", { eventId: 5, serverId: "log-1" }, 5, false],
    ["older", { eventId: 4, serverId: "log-1" }, 5, true],
    ["of another log", { eventId: 7, serverId: "log-0" }, 5, true],
  ])("[CL-10] with a kept state that is %s, it begins with the newer one", async (_, base, eventId, waiting) => {
    const world = new FakeWorld();
    const { open, before } = await store("k1");
    await before.saveBase({
      ...base,
      proof: `p${base.eventId}`,
      modelVersion: insieme.version,
      state: '{"title":"kept"}',
    });
    const client = world.client({ store: open, initial: snapshot() });
    expect(client.state).toMatchObject({ title: "from the server" });
    await settle();
    expect([client.eventId, client.pending[0]!.waiting]).toEqual([eventId, waiting]);
    expect(client.state).toMatchObject(waiting ? { title: "from the server" } : { title: "kept", own: "k1" });
    // While it hydrates, a page is what the server has rendered.
    expect(renderToString(page(client))).toBe("<p>from the server, offline, true, 0, 0</p>");
  });

  it.each([
    ["without a kept state", undefined, undefined],
    ["with a kept state of this log", "log-1", own],
    ["with a kept state of another log", "log-0", undefined],
  ])("[MD-13] [CL-10] %s, what is queued is never shown under another author", async (_, serverId, known) => {
    const world = new FakeWorld();
    const { open, before } = await store();
    const drafts = [{ draftId: "k1", type: "write", payload: { id: "mine", text: "x" } }];
    await before.append({ key: "k1", mode: "single", drafts, queuedAt: 1, sentAt: 0 });
    const state = JSON.stringify({ members: { [own]: { name: "M", role: "owner" } }, cards: {} });
    const rendered = snapshot({ model: board.name, modelVersion: board.version, state });
    if (serverId) await before.saveBase({ ...rendered, serverId, eventId: 4, author: own });
    const client = world.client({ model: board, store: open, initial: rendered });
    await settle();
    const cards = () => (client.state as { cards: object }).cards;
    const mine = { mine: { text: "x", by: own } };
    expect([client.author, cards()]).toEqual([known, known ? mine : {}]);
    expect(client.pending).toMatchObject([{ key: "k1", failure: undefined, waiting: !known }]);
    world.socket.accept({ head: 5, more: { author: own } });
    await settle();
    expect([client.author, cards()]).toEqual([own, mine]);
    expect(client.pending).toMatchObject([{ key: "k1", failure: undefined, waiting: false }]);
    expect(world.socket.of("submit_event").map(({ payload }) => payload.draftId)).toEqual(["k1"]);
    await client.close();
  });

  it("[CL-9] [CL-10] shows nothing of it to who is forbidden, or has signed out", async () => {
    const world = new FakeWorld();
    const client = world.client({ initial: snapshot() });
    await settle();
    await client.signOut();
    expect([client.state, client.loaded]).toEqual([{}, false]);
    expect(client.dehydrate()).toBeUndefined();
  });
});
