// Loaded before the first client needs it: tests count turns.
import "../../../src/client/stores/resilient.ts";
import "../../../src/client/api/rarely.ts";
import "../../../src/client/sync/rarely.ts";
import "../../../src/client/sync/presence.ts";
import { createHash } from "node:crypto";
// Loaded before the first tab needs it: the time here is not the real one.
import "../../../src/client/api/base-keeper.ts";
import "../../../src/client/api/merging.ts";
import "../../../src/client/stores/resilient.ts";
import "../../../src/client/sync/presence.ts";
import * as z from "zod/mini";
import { Client } from "../../../src/client/api/client.ts";
import { type Ports, type Reachability, type SocketEvents, uuidv7 } from "../../../src/client/transport/ports.ts";
import { type OpenStore, type QueueEntry, StoreError } from "../../../src/client/stores/store.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { tabsBackend } from "../../../src/client/tabs/backend.ts";
import type { Message } from "../../../src/client/tabs/messages.ts";
import type { LockEvents, TabsPort } from "../../../src/client/tabs/ports.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import type { BatchVerdict, Verdict } from "../../../src/client/sync/verdict.ts";
import { textEvent, type Texts } from "../../../src/models/text/index.ts";
import { type AnyModel, defineModel } from "../../../src/model/index.ts";
import type { ErrorCode } from "../../../src/protocol/index.ts";
import { Random } from "../../simulation/random.ts";
import { type TestConnection, TestPartition } from "../../support/partition.ts";

/** Each draft leaves a unique mark, so that duplicates are visible. A seat can be booked once: later drafts are rejected. */
const board = defineModel({
  name: "board",
  version: 1,
  initialState: () => ({ marks: [] as string[], seats: {} as Record<string, string> }),
  events: {
    note: {
      payload: z.strictObject({ mark: z.string() }),
      reduce(state, { payload }) {
        state.marks.push(payload.mark);
      },
    },
    seat: {
      payload: z.strictObject({ mark: z.string(), seat: z.string() }),
      validate: (state, { payload }) =>
        state.seats[payload.seat] === undefined
          ? undefined
          : { field: "payload.seat", code: "TAKEN", message: "the seat is taken" },
      reduce(state, { payload }) {
        state.seats[payload.seat] = payload.mark;
        state.marks.push(payload.mark);
      },
    },
  },
});

/** A board with texts. */
const desk = defineModel({
  ...board,
  name: "desk",
  initialState: () => ({ ...board.initialState(), texts: {} as Texts }),
  events: { ...board.events, edit: textEvent<{ marks: string[]; texts: Texts }>((state) => state.texts) },
} as never) as unknown as typeof board;

type Board = typeof board;
type BoardClient = Board extends { initialState: () => infer S } ? Client<S & object, any> : never;

const heartbeat = '{"type":"heartbeat"}';
/** Waits until all promises that can resolve have resolved. Turns of the event loop are real, the time is not. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Task {
  at: number;
  run: () => void;
}

/** The longest delays, in milliseconds. */
export interface Weather {
  channelMs: number;
  networkMs: number;
  storeMs: number;
  lockMs: number;
}
const calm: Weather = { channelMs: 1, networkMs: 5, storeMs: 2, lockMs: 1 };

/** The outcome of a draft of a tab. */
export interface Submission {
  tab: Tab;
  mark: string;
  /** Whether the server may reject it. */
  contested: boolean;
  verdict: Verdict | BatchVerdict | undefined;
}

/** A browser with tabs on one partition, and the production core as its server. The test controls time, network, locks, channel and storage. */
export class TabsWorld {
  now = 1_700_000_000_000;
  /** @internal */
  readonly model: Board;
  server: TestPartition;
  readonly random: Random;
  readonly weather: Weather;
  readonly tabs: Tab[] = [];
  readonly submissions: Submission[] = [];
  readonly channel = new Channel(this);
  readonly lock = new Lock(this);
  /** The lock of each tab. */
  readonly #tabLocks = new Map<string, Lock>();
  readonly wires = new Set<Wire>();
  /** How often each draft arrived at the server. */
  readonly submits = new Map<string, number>();
  /** Marks whose entry reached the store: they survive their tab. */
  readonly kept = new Set<string>();
  storage = memoryStore();
  durable = true;
  reachable = true;
  /** The number of attempts to connect. */
  dials = 0;
  /** @internal */
  lockOf(id: string): Lock {
    const lock = this.#tabLocks.get(id) ?? new Lock(this);
    this.#tabLocks.set(id, lock);
    return lock;
  }

  /** The process of a tab has ended. */
  released(tab: Tab): void {
    for (const lock of [this.lock, ...this.#tabLocks.values()]) lock.end(tab);
  }

  /** Returns the code of a problem that answers a message instead of the server. */
  refuses: (type: string, tab: Tab) => ErrorCode | undefined = () => undefined;
  #tasks: Task[] = [];
  #marks = 0;

  constructor({ seed = 1, weather = calm, hasTexts = false } = {}) {
    this.model = hasTexts ? desk : board;
    this.server = new TestPartition({ model: this.model as unknown as AnyModel });
    this.random = new Random(seed);
    this.weather = weather;
  }

  after(ms: number, run: () => void): () => void {
    const task = { at: this.now + ms, run };
    let at = this.#tasks.length;
    while (at > 0 && this.#tasks[at - 1]!.at > task.at) at--;
    this.#tasks.splice(at, 0, task);
    return () => (this.#tasks = this.#tasks.filter((other) => other !== task));
  }

  /** A delay; without faults always the same. */
  takes(kind: keyof Weather): number {
    const most = this.weather[kind];
    return this.weather === calm || most === 0 ? most : this.random.between(0, most);
  }

  /** Runs the next thing that is due before `end`. */
  async step(end: number): Promise<boolean> {
    await settle();
    const task = this.#tasks[0];
    if (!task || task.at > end) return false;
    this.#tasks.shift();
    this.now = Math.max(this.now, task.at);
    task.run();
    await settle();
    return true;
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    while (await this.step(end));
    this.now = end;
  }

  /** Opens a tab. */
  open(options: TabOptions = {}): Tab {
    const tab = new Tab(this, `t${this.tabs.length}`, options);
    this.tabs.push(tab);
    return tab;
  }

  /** Opens tabs and waits until the first one leads and the others follow. */
  async opened(count: number, options: TabOptions = {}): Promise<Tab[]> {
    const tabs: Tab[] = [];
    for (let left = count; left > 0; left--) {
      tabs.push(this.open(options));
      await this.pass(100);
    }
    return tabs;
  }

  newMark(tab: string): string {
    return `${tab}-${++this.#marks}`;
  }

  get state(): { marks: string[]; seats: Record<string, string> } {
    return this.server.state() as never;
  }

  /** Connections that a tab has opened and the server has not seen closed. */
  get connections(): number {
    return this.wires.size;
  }

  /** Another client submits an event. */
  elsewhere(): TestConnection {
    const connection = this.server.client("elsewhere", { presence: true });
    this.pump();
    return connection;
  }

  /** Another client adds a note. */
  happens(mark: string): void {
    this.elsewhere().submit(mark, "note", { mark });
    this.pump();
  }

  /** Delivers all messages of the server. */
  pump(): void {
    for (const wire of this.wires) wire.pump();
  }

  cutAll(): void {
    for (const wire of this.wires) wire.cut();
  }

  /** As after a restore: a new, empty log. */
  replaceLog(): void {
    this.cutAll();
    this.server = new TestPartition({ model: this.model as unknown as AnyModel });
    // Ids start at one, and the first is in use.
    this.server.open().raw("");
  }

  /** Another lifetime of the server begins with an empty copy of the log: it has the same id. */
  restoreLog(): void {
    this.cutAll();
    this.server = new TestPartition({ model: this.model as unknown as AnyModel });
    this.server.restart();
    // The first id that is drawn is that of the log.
    this.server.client("restores");
  }

  /** The stored entries that are not decided, as a new tab finds them. */
  async stored(): Promise<QueueEntry[]> {
    const { entries } = await (await this.storage("server/room/ada")).load();
    return entries.filter(({ rejected }) => !rejected);
  }
}

/** A message of a client. */
interface SentMessage {
  id: string;
  type: string;
  payload: any;
}

/** A WebSocket of a tab. */
class Wire {
  readonly tab: Tab;
  readonly #world: TabsWorld;
  readonly #events: SocketEvents;
  readonly connection: TestConnection;
  #delivered = 0;
  #downAt = 0;
  #upAt = 0;
  #over = false;

  constructor(world: TabsWorld, tab: Tab, events: SocketEvents) {
    this.#world = world;
    this.tab = tab;
    this.#events = events;
    this.connection = world.server.open();
    world.wires.add(this);
    this.#down(() => events.opened());
  }

  send(text: string): void {
    const { tab } = this;
    if (tab.dead) return;
    this.#up(() => {
      if (this.#over) return;
      const { server, now } = this.#world;
      server.elapse(Math.max(now - server.now, 0));
      if (text === heartbeat) {
        this.#down(() => this.#events.received(heartbeat));
        return;
      }
      const messages = [JSON.parse(text) as SentMessage | SentMessage[]].flat();
      const taken = messages.filter((message) => this.#accepts(message));
      if (taken.length === messages.length) this.connection.raw(text);
      else for (const message of taken) this.connection.raw(JSON.stringify(message));
      this.#world.pump();
    });
  }

  /** Counts what is submitted. A message that the world refuses is answered here. */
  #accepts({ id, type, payload }: SentMessage): boolean {
    const { now, submits } = this.#world;
    const code = this.#world.refuses(type, this.tab);
    if (code !== undefined) {
      const refusal = { message: "no", code, retryable: false, draftId: payload.draftId };
      const error = { id: "e", type: "error", inReplyTo: id, timestamp: now, payload: refusal };
      this.#down(() => this.#events.received(JSON.stringify(error)));
      return false;
    }
    const key = payload.batchId ?? payload.draftId;
    if (type.startsWith("submit")) submits.set(key, (submits.get(key) ?? 0) + 1);
    return true;
  }

  close(): void {
    this.#up(() => this.#end());
  }

  /** The network loses the connection, with the frames in flight. */
  cut(): void {
    this.#end();
    this.#world.after(this.#world.takes("networkMs"), () => this.tab.run(() => this.#events.closed(1006, "")));
  }

  pump(): void {
    const frames = this.connection.frames.slice(this.#delivered);
    this.#delivered = this.connection.frames.length;
    for (const frame of frames) this.#down(() => this.#events.received(frame));
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#world.wires.delete(this);
    this.#world.server.close(this.connection);
    this.#world.pump();
  }

  #up(run: () => void): void {
    this.#upAt = Math.max(this.#upAt, this.#world.now + this.#world.takes("networkMs"));
    this.#world.after(this.#upAt - this.#world.now, run);
  }

  #down(run: () => void): void {
    this.#downAt = Math.max(this.#downAt, this.#world.now + this.#world.takes("networkMs"));
    this.#world.after(this.#downAt - this.#world.now, () => {
      if (!this.#over) this.tab.run(run);
    });
  }
}

interface Member {
  tab: Tab;
  receive: (message: unknown) => void;
}

/** The BroadcastChannel: from each sender to each receiver in order; between senders in any order. */
class Channel {
  readonly #world: TabsWorld;
  readonly #members = new Set<Member>();
  readonly #lastAt = new Map<string, number>();
  /** How many messages were posted. */
  posted = 0;
  /** Called before a message is posted; false: it is not. */
  before: (tab: Tab, message: Message) => boolean = () => true;
  /** Called when a message was posted. */
  behind: (tab: Tab, message: Message) => void = () => {};
  /** Replaces a message for a tab; undefined: drops it. */
  hears: (tab: Tab, message: Message) => Message | undefined = (_, message) => message;

  constructor(world: TabsWorld) {
    this.#world = world;
  }

  open(tab: Tab, receive: Member["receive"]): ReturnType<TabsPort["open"]> {
    const member = { tab, receive };
    this.#members.add(member);
    let closed = false;
    return {
      post: (message) => {
        if (closed) throw new Error("the channel is closed");
        if (tab.dead || !this.before(tab, message as Message) || tab.dead) return;
        this.posted++;
        for (const other of this.#members) if (other !== member) this.#send(tab, other, message as Message);
        this.behind(tab, message as Message);
      },
      close: () => {
        closed = true;
        this.#members.delete(member);
      },
    };
  }

  /** Delivers a message to a tab once more. */
  repeat(tab: Tab, message: Message): void {
    for (const member of this.#members) if (member.tab === tab) tab.run(() => member.receive(structuredClone(message)));
  }

  #send(from: Tab, to: Member, message: Message): void {
    const world = this.#world;
    const heard = this.hears(to.tab, structuredClone(message));
    if (!heard) return;
    const way = `${from.name}>${to.tab.name}`;
    const at = Math.max(this.#lastAt.get(way) ?? 0, world.now + world.takes("channelMs"));
    this.#lastAt.set(way, at);
    world.after(at - world.now, () =>
      to.tab.run(() => {
        if (this.#members.has(to)) to.receive(heard);
      }),
    );
  }
}

interface LockRequest {
  tab: Tab;
  events: LockEvents;
  granted: boolean;
  released: boolean;
}

/** The Web Lock: first come, first served. A tab that ends releases it; a frozen tab does not. */
class Lock {
  readonly #world: TabsWorld;
  /** The delay until a tab learns that its lock was stolen, while it is not frozen. */
  lossMs = 0;
  #holder: LockRequest | undefined;
  #waiting: LockRequest[] = [];

  constructor(world: TabsWorld) {
    this.#world = world;
  }

  get holder(): Tab | undefined {
    return this.#holder?.tab;
  }

  /** `refused`: called if it is requested only if it is available, and is not. */
  request(tab: Tab, steal: boolean | "ifAvailable", events: LockEvents, refused = () => {}): () => void {
    const request: LockRequest = { tab, events, granted: false, released: false };
    if (!tab.dead) {
      this.#world.after(this.#world.takes("lockMs"), () => {
        if (request.released || tab.dead) return;
        if (steal === "ifAvailable" && this.#holder) return refused();
        if (steal === true) this.#steal(request);
        else this.#waiting.push(request);
        this.#grant();
      });
    }
    return () => {
      request.released = true;
      if (!tab.dead) this.#world.after(this.#world.takes("lockMs"), () => this.#drop(request));
    };
  }

  /** See `TabsPort`. */
  hold(tab: Tab, waits: boolean): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      const events = { held: () => resolve(release), lost: () => {} };
      const release = this.request(tab, waits ? false : "ifAvailable", events, () => tab.run(() => resolve(undefined)));
    });
  }

  /** The tab has ended. */
  end(tab: Tab): void {
    for (const request of [...this.#waiting, ...(this.#holder ? [this.#holder] : [])]) {
      if (request.tab === tab) this.#drop(request);
    }
  }

  #drop(request: LockRequest): void {
    this.#waiting = this.#waiting.filter((other) => other !== request);
    if (this.#holder === request) this.#holder = undefined;
    this.#grant();
  }

  #steal(request: LockRequest): void {
    const before = this.#holder;
    this.#hold(request);
    if (!before) return;
    before.tab.run(() => {
      this.#world.after(this.lossMs, () => {
        if (!before.released) before.tab.run(() => before.events.lost());
      });
    });
  }

  #grant(): void {
    if (!this.#holder && this.#waiting.length > 0) this.#hold(this.#waiting.shift()!);
  }

  #hold(request: LockRequest): void {
    this.#holder = request;
    this.#world.after(this.#world.takes("lockMs"), () =>
      request.tab.run(() => {
        if (!request.released) request.events.held();
      }),
    );
  }
}

export interface TabOptions {
  visible?: boolean;
  presence?: boolean;
  modelVersion?: number;
  /** False: the browser does not allow a channel. */
  hasChannel?: boolean;
}

/** A tab, with the real client in it. */
export class Tab {
  readonly name: string;
  readonly client: BoardClient;
  /** Statuses and other events of the client. */
  readonly reports: string[] = [];
  readonly rejected: string[] = [];
  dead = false;
  visible: boolean;
  /** Whether writes to the store fail. */
  storeFails = false;
  /** Whether its channel throws at each message. */
  channelThrows = false;
  /** How often a base was saved. */
  bases = 0;
  readonly #world: TabsWorld;
  readonly #hasChannel: boolean;
  #frozen: (() => void)[] | undefined;
  #watchers = new Set<Reachability>();
  #storeAt = 0;

  constructor(world: TabsWorld, name: string, { visible = true, presence = false, hasChannel = true }: TabOptions) {
    this.#world = world;
    this.#hasChannel = hasChannel;
    this.name = name;
    this.visible = visible;
    const ports = this.#ports();
    this.client = new Client({
      model: world.model,
      partition: "room",
      clientId: undefined,
      identity: { tenant: "default", principal: "ada" },
      host: "server",
      store: this.#store,
      ports,
      // A slow store is no silent one here.
      timing: { ...defaultTiming, storeMs: 10_000, verifyMs: 0 },
      engine: { url: "ws://server", token: undefined, presence },
      backend: () => tabsBackend(this.#tabs, ports, () => uuidv7(ports)),
    }) as unknown as BoardClient;
    this.client.on("status", ({ status, reason }) => this.reports.push(`${status} ${reason}`));
    this.client.on("rejected", ({ entry }) =>
      this.rejected.push(...entry.drafts.map(({ payload }) => payload["mark"] as string)),
    );
  }

  get frozen(): boolean {
    return this.#frozen !== undefined;
  }

  /** Runs something in the tab: now, or when it thaws. */
  run(body: () => void): void {
    if (this.dead) return;
    if (this.#frozen) this.#frozen.push(body);
    else body();
  }

  /** Submits a note or a booking. Returns its mark. */
  submit(seat?: string): string {
    return this.#entered(seat !== undefined, (mark) =>
      seat === undefined ? this.client.submit("note", { mark }) : this.client.submit("seat", { mark, seat }),
    );
  }

  /** Submits two notes at once. */
  submitBatch(mode: "atomic" | "sequential"): string {
    return this.#entered(false, (mark) =>
      this.client.submitBatch(mode, [
        { type: "note", payload: { mark } },
        { type: "note", payload: { mark: `${mark}b` } },
      ] as never),
    );
  }

  /** The application closes the client. */
  close(): void {
    void this.client.close();
  }

  /** The process ends. */
  crash(): void {
    if (this.dead) return;
    this.dead = true;
    const world = this.#world;
    for (const wire of world.wires) if (wire.tab === this) world.after(world.takes("networkMs"), () => wire.cut());
    world.after(world.takes("lockMs"), () => world.released(this));
  }

  freeze(): void {
    this.#frozen ??= [];
    this.visible = false;
  }

  thaw(): void {
    const missed = this.#frozen;
    this.#frozen = undefined;
    for (const body of missed ?? []) this.#world.after(0, () => this.run(body));
  }

  /** The tab becomes visible or hidden. */
  look(visible: boolean): void {
    this.visible = visible;
    if (visible) for (const watcher of this.#watchers) watcher.visible();
  }

  /** Checks that this tab shows the state of the server and its pending drafts, each once. */
  get marks(): readonly string[] {
    return (this.client.state as unknown as { marks: string[] }).marks;
  }

  #entered(contested: boolean, enter: (mark: string) => Promise<Verdict | BatchVerdict>): string {
    const mark = this.#world.newMark(this.name);
    const submission: Submission = { tab: this, mark, contested, verdict: undefined };
    this.#world.submissions.push(submission);
    void this.#waits(submission, enter(mark));
    return mark;
  }

  async #waits(submission: Submission, entered: Promise<Verdict | BatchVerdict>): Promise<void> {
    const verdict = await entered;
    if (!this.dead) submission.verdict = verdict;
  }

  get #tabs(): TabsPort {
    const { channel, lock } = this.#world;
    return {
      lock: (steal, events) => lock.request(this, steal, events),
      hold: (id, waits) => this.#world.lockOf(id).hold(this, waits),
      open: (receive) => {
        if (!this.#hasChannel) return undefined;
        const opened = channel.open(this, receive)!;
        const post = (message: unknown) => {
          if (this.channelThrows) throw new DOMException("", "InvalidStateError");
          opened.post(message);
        };
        return { post, close: () => opened.close() };
      },
      visible: () => this.visible,
    };
  }

  #ports(): Ports {
    const world = this.#world;
    return {
      now: () => world.now,
      after: (ms, run) => {
        let cancelled = false;
        const cancel = world.after(ms, () => this.run(() => cancelled || run()));
        return () => {
          cancelled = true;
          cancel();
        };
      },
      defer: (run) => queueMicrotask(run),
      random: () => world.random.next(),
      bytes: (count) => Uint8Array.from({ length: count }, () => world.random.between(0, 255)),
      open: (_, events) => {
        if (!this.dead) world.dials++;
        if (this.dead || !world.reachable) {
          if (!this.dead) world.after(world.takes("networkMs"), () => this.run(() => events.closed(1006, "")));
          return { send: () => {}, close: () => {} };
        }
        return new Wire(world, this, events);
      },
      watch: (reachability) => {
        this.#watchers.add(reachability);
        return () => void this.#watchers.delete(reachability);
      },
      // It is computed asynchronously, so that other events may happen meanwhile.
      sha256: (text) =>
        new Promise((resolve) => {
          const digest = createHash("sha256").update(text).digest("hex");
          world.after(2, () => this.run(() => resolve(digest)));
        }),
    };
  }

  /** The storage of the browser: calls are delayed, and continue while their tab is frozen. */
  readonly #store: OpenStore = async (scope) => {
    const world = this.#world;
    const store = await world.storage(scope);
    const call = <T>(body: () => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        this.#storeAt = Math.max(this.#storeAt, world.now + world.takes("storeMs"));
        world.after(this.#storeAt - world.now, () => {
          if (this.dead) return;
          if (this.storeFails) {
            this.run(() => reject(new StoreError("quota", undefined)));
            return;
          }
          void body().then(
            (result) => this.run(() => resolve(result)),
            (error: unknown) => this.run(() => reject(error as Error)),
          );
        });
      });
    return {
      durable: world.durable,
      load: () => call(() => store.load()),
      identify: (fresh) => call(() => store.identify(fresh)),
      append: (entry) =>
        call(async () => {
          await store.append(entry);
          world.kept.add(entry.drafts[0]!.payload["mark"] as string);
        }),
      update: (entry) => call(() => store.update(entry)),
      remove: (keys) => call(() => store.remove(keys)),
      removeUnsent: (key) => call(() => store.removeUnsent!(key)),
      saveBase: (base) => {
        this.bases++;
        return call(() => store.saveBase(base));
      },
      delete: (what) => call(() => store.delete(what)),
      close: () => call(() => store.close()),
    };
  };
}
