import { describe, expect, it } from "vitest";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import type { OpenStore, StoredBase } from "../../../src/client/stores/store.ts";
import type { ConfirmedEvent } from "../../../src/client/sync/replica.ts";
import type { FeedItem } from "../../../src/client/sync/feed.ts";
import { tabsBackend } from "../../../src/client/tabs/backend.ts";
import type { Message } from "../../../src/client/tabs/messages.ts";
import type { TabsPort } from "../../../src/client/tabs/ports.ts";
import { board } from "../../support/board.ts";
import { event, FakeWorld, refused, settle } from "./harness.ts";

const own = "0".repeat(31) + "1";
const other = "0".repeat(31) + "2";
const member = (role: string) => ({ name: "M", role });
const state = (role: string, more: object = {}) => ({
  members: { [other]: member("owner"), [own]: member(role) },
  cards: {},
  ...more,
});
const card = (id: string) => ({ id, text: "x" });
const by = (eventId: number, author: string, type: string, payload: object) => {
  const numbered = event(eventId, type, payload as never);
  return { type: "broadcast", payload: { ...numbered, event: { ...numbered.event, author } } };
};
const scope = "server/room/ada";
const base: StoredBase = { serverId: "log-1", eventId: 3, modelVersion: 1, state: JSON.stringify(state("editor")) };
/** A store that survives, with a base. */
async function kept(saved: StoredBase) {
  const open = memoryStore();
  const store = await open(scope);
  await store.saveBase(saved);
  return open;
}
const cards = (client: { state: unknown }) => (client.state as { cards: object }).cards;

describe("authors", () => {
  it("[MD-13] are asked for, and the own one is in pending drafts as it is in the event", async () => {
    const world = new FakeWorld();
    const client = await world.online({ model: board }, { state: state("editor"), more: { author: own } });
    expect(world.socket.of("connect")[0]!.payload.authors).toBe(true);
    expect(client.author).toBe(own);
    void client.submit("write", card("mine"));
    expect(cards(client)).toEqual({ mine: { text: "x", by: own } });
    await settle();
    const [sent] = world.socket.of("submit_event");
    const { payload } = by(1, own, "write", card("mine"));
    world.socket.say({ type: "event_accepted", payload: { draftId: sent!.payload.draftId, ...payload } });
    world.socket.say(by(2, other, "write", card("theirs")));
    await settle();
    expect(cards(client)).toEqual({ mine: { text: "x", by: own }, theirs: { text: "x", by: other } });
    expect(client.pending).toEqual([]);
  });

  it("[MD-13] a draft that was made before the own one was known is applied again with it", async () => {
    const world = new FakeWorld();
    const client = world.client({ model: board });
    const verdict = client.submit("write", card("early"));
    await settle();
    expect(client.author).toBeUndefined();
    world.socket.accept({ state: state("editor"), more: { author: own } });
    await settle();
    expect(cards(client)).toEqual({ early: { text: "x", by: own } });
    expect(world.socket.of("submit_event")).toHaveLength(1);
    expect(client.pending.map(({ failure }) => failure)).toEqual([undefined]);
    await client.close();
    expect(await verdict).toEqual({ status: "undecided" });
  });

  it("[MD-13] [CL-10] the own one is kept with the base: a client without network judges and shows with it", async () => {
    const world = new FakeWorld();
    const client = world.client({ model: board, store: await kept({ ...base, author: own }) });
    await settle();
    expect([client.loaded, client.author]).toEqual([true, own]);
    void client.submit("write", card("offline"));
    expect(cards(client)).toEqual({ offline: { text: "x", by: own } });
    expect(await client.submit("share", { link: null })).toMatchObject({
      status: "rejected",
      local: true,
      problem: { code: "forbidden", layer: "permission", status: 403 },
    });
  });

  it("[MD-13] [CL-10] a base that an earlier version has kept without it is shown, and drafts wait until it is known", async () => {
    const world = new FakeWorld();
    const store = await kept({ ...base, tail: ["[]"] });
    const client = world.client({ model: board, store });
    const verdict = client.submit("write", card("early"));
    await settle();
    expect([client.loaded, client.author]).toEqual([true, undefined]);
    expect(client.state).toEqual(state("editor"));
    const unowned = client.submit("share", { link: null });
    expect(client.pending).toMatchObject([{ waiting: true }, { waiting: true }]);
    expect(cards(client)).toEqual({});
    expect(await client.submit("write", { id: "!", text: "x" })).toMatchObject({ status: "rejected", local: true });
    world.socket.accept({ head: 3, more: { author: own } });
    await settle();
    expect(cards(client)).toEqual({ early: { text: "x", by: own } });
    expect(client.pending).toMatchObject([{ waiting: false }, { failure: { code: "forbidden" } }]);
    await client.close();
    expect([await verdict, await unowned]).toEqual([{ status: "undecided" }, { status: "undecided" }]);
  });

  it("[MD-13] [CL-10] such a base is stored again with it", async () => {
    const world = new FakeWorld();
    const store = await kept(base);
    const surviving: OpenStore = async (of) => Object.defineProperty(await store(of), "durable", { value: true });
    const client = world.client({ model: board, store: surviving });
    await settle();
    world.socket.accept({ head: 3, more: { author: own } });
    await settle();
    await world.pass(10_000);
    await settle();
    expect((await (await store(scope)).load()).base).toEqual({ ...base, author: own, model: board.name });
    await client.close();
  });

  it("[MD-13] a model that shows principals needs no server to know it", async () => {
    const world = new FakeWorld();
    const client = world.client({ model: { ...board, authors: "shown" }, store: await kept(base), clientId: "laptop" });
    await settle();
    expect(client.author).toBe("dev:laptop");
    expect(await client.submit("share", { link: null })).toMatchObject({ status: "rejected", local: true });
  });

  it("[MD-13] [CL-5] [LC-5] a tab that follows one of an earlier version, which does not say the own one, shows drafts as waiting", async () => {
    const posted: Message[] = [];
    let tell!: (message: Message) => void;
    const tabs: TabsPort = {
      lock: () => () => {},
      hold: () => Promise.resolve(undefined),
      open: (receive) => {
        tell = receive;
        return { post: (message) => void posted.push(message as Message), close() {} };
      },
      visible: () => true,
    };
    const world = new FakeWorld();
    const open = memoryStore();
    const store: OpenStore = async (of) => Object.defineProperty(await open(of), "durable", { value: true });
    let tab = 0;
    const backend = () => Promise.resolve(tabsBackend(tabs, world.ports, () => `tab-${++tab}`));
    const client = world.client({ model: board, store, backend });
    await settle();
    tell({ kind: "lead", term: "before" });
    const hello = posted.findLast((message) => message.kind === "hello")!;
    const online: FeedItem = { kind: "status", report: { status: "online", reason: "ok" } };
    const fetched = { serverId: "log-1", eventId: 1, proof: "p1", state: JSON.stringify(state("editor")), sent: [] };
    const items: FeedItem[] = [{ kind: "reset", ...fetched, why: "first" }, online];
    tell({ kind: "welcome", term: "before", to: hello.from, id: hello.id, paused: false, items });
    void client.submit("write", card("mine"));
    await settle();
    // It is sent: the leader does not need to know whose it is.
    const { entry } = posted.find((message) => message.kind === "offer")!;
    expect([client.author, cards(client)]).toEqual([undefined, {}]);
    expect(client.pending).toMatchObject([{ failure: undefined, waiting: true }]);
    const { payload } = by(2, own, "write", card("mine")) as unknown as { payload: ConfirmedEvent };
    tell({ kind: "item", term: "before", item: { kind: "events", events: [{ ...payload, draftId: entry.key }] } });
    expect(cards(client)).toEqual({ mine: { text: "x", by: own } });
    void client.submit("write", card("next"));
    await settle();
    expect(cards(client)).toEqual({ mine: { text: "x", by: own } });
    // A leader of this version says it.
    tell({ kind: "lead", term: "now" });
    tell({ kind: "item", term: "now", item: { kind: "author", author: own } });
    const again = posted.findLast((message) => message.kind === "hello")!;
    const said: FeedItem[] = [{ kind: "author", author: own }, online];
    tell({ kind: "welcome", term: "now", to: again.from, id: again.id, paused: false, items: said });
    await settle();
    expect(cards(client)).toMatchObject({ next: { text: "x", by: own } });
    await client.close();
  });

  it("[MD-13] peers have theirs", async () => {
    const world = new FakeWorld();
    const engine = { url: "ws://server/v1/partitions/room/ws", token: undefined, presence: true };
    const client = await world.online(
      { model: board, engine },
      { state: state("viewer"), more: { author: own, peerId: "p-1" } },
    );
    const peer = { peerId: "p-2", clientId: "laptop", author: other, state: { x: 1 } };
    world.socket.say({ type: "presence", payload: { peers: [peer], gone: [], all: true } });
    await settle();
    expect(client.peers).toEqual([peer]);
  });
});

describe("authorize", () => {
  it("[MD-16] rejects own drafts here as the server would, member by member of a batch", async () => {
    const world = new FakeWorld();
    const client = await world.online({ model: board }, { state: state("viewer"), more: { author: own } });
    expect(await client.submit("write", card("no"))).toMatchObject({ status: "rejected", local: true });
    const demoted = { type: "leave", payload: {} } as const;
    expect(await client.submitBatch("atomic", [demoted, { type: "leave", payload: {} }])).toMatchObject({
      status: "rejected",
      local: true,
      problem: { code: "forbidden" },
    });
    expect(world.socket.of("submit_event")).toEqual([]);
    expect(world.socket.of("submit_events")).toEqual([]);
  });

  it("[MD-16] [CL-1] takes a pending draft out of the view while the state does not allow it, and leaves the decision to the server", async () => {
    const world = new FakeWorld();
    const client = await world.online({ model: board }, { state: state("editor"), more: { author: own } });
    void client.submit("write", card("mine"));
    world.socket.say(by(1, other, "setRole", { member: own, role: "viewer" }));
    await settle();
    expect(cards(client)).toEqual({});
    expect(client.pending[0]!.failure).toMatchObject({ code: "forbidden" });
    world.socket.say(by(2, other, "setRole", { member: own, role: "editor" }));
    await settle();
    expect(cards(client)).toEqual({ mine: { text: "x", by: own } });
  });

  it("[MD-16] [CL-9] a client that loses its right shows nothing of what it had, and deletes its copy", async () => {
    const world = new FakeWorld();
    const store = await kept({ ...base, author: own });
    const client = await world.online({ model: board, store }, { head: 3, more: { author: own } });
    expect(client.status.status).toBe("online");
    void client.submit("write", card("mine"));
    world.socket.say(refused({ id: "", type: "", payload: {} }, "forbidden", { draftId: undefined, retryable: false }));
    await settle();
    expect(client.status).toMatchObject({ status: "closed", problem: { code: "forbidden" } });
    expect(client.state).toEqual(board.initialState());
    const { entries, base: left } = await (await store(scope)).load();
    expect(left).toBeUndefined();
    // It is sent if the right comes back.
    expect(entries).toHaveLength(1);
  });
});

describe("a model that hides its authors", () => {
  it("[MD-13] gives reducers no client id, for pending drafts as for events", async () => {
    const world = new FakeWorld();
    const seen: string[] = [];
    const model = {
      ...board,
      authors: "hidden" as const,
      authorize: () => true,
      eventType(type: string) {
        const definition = board.eventType(type);
        return (
          definition && {
            ...definition,
            reduce: (_: object, given: { clientId: string }) => void seen.push(given.clientId),
          }
        );
      },
    };
    const client = await world.online({ model: model as never }, { state: state("viewer") });
    void client.submit("leave", {});
    void client.state;
    await settle();
    const [sent] = world.socket.of("submit_event");
    world.socket.say(by(1, other, "leave", {}));
    const verdict = { draftId: sent!.payload.draftId, ...event(2, "leave", {}, "me") };
    world.socket.say({ type: "event_accepted", payload: verdict });
    await settle();
    expect(client.eventId).toBe(2);
    expect(client.pending).toEqual([]);
    expect(seen.length).toBeGreaterThan(1);
    expect(new Set(seen)).toEqual(new Set([""]));
  });
});
