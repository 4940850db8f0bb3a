import type { JsonObject } from "../../protocol/index.ts";
import type { Backend, BackendParts, EngineHost, NewBackend } from "../sync/backend.ts";
import type { FeedItem } from "../sync/feed.ts";
import type { Ports } from "../transport/ports.ts";
import type { QueueEntry } from "../stores/store.ts";
import { SharedState, type Undecided } from "./shared-state.ts";
import { differ, Leader } from "./leader.ts";
import type { Answer, FromLeader, Message } from "./messages.ts";
import type { TabsPort } from "./ports.ts";

export { browserTabs } from "./browser.ts";

/** How often a visible tab asks whether its leader answers. */
const heartbeatMs = 2_000;
/** After this many unanswered heartbeats, the leader counts as frozen. */
const unansweredMax = 2;

// It must not import modules of the main bundle: bundlers would move those into a third file.
/**
 * Lets the tabs of one browser share an engine: one tab is the leader, has the engine, and passes its
 * reports to the others. If drafts are kept in memory only, each tab has its own engine.
 */
export function tabsBackend(tabs: TabsPort, ports: Ports, newId: () => string): NewBackend {
  const id = newId();
  const make = (parts: BackendParts) =>
    parts.store.durable ? new TabsBackend(tabs, ports, newId, id, parts) : parts.engine(parts.host);
  return Object.assign(make, { tab: { id, hold: tabs.hold } });
}

/**
 * One tab. The tab that holds the lock is the leader: it sends the undecided entries of all tabs. Each
 * message can be repeated, because entries have keys, and events have ids. A follower gets everything
 * from the leader, in one order. When it may have missed something, it sends `hello`, and continues from
 * the `welcome`.
 */
class TabsBackend implements Backend {
  readonly #tabs: TabsPort;
  readonly #ports: Ports;
  readonly #newId: () => string;
  readonly #parts: BackendParts;
  readonly #id: string;
  readonly #shared = new SharedState();
  /** Undefined: the browser does not allow one. */
  readonly #channel: ReturnType<TabsPort["open"]>;
  /** Whether this tab works alone, because its channel does not work. */
  #alone = false;
  /** Resolve the promises of unanswered requests, by id. */
  readonly #requests = new Map<number, (answer?: Answer) => void>();
  #requestCount = 0;
  #hellos = 0;
  /** The term of this tab, while it holds the lock. */
  #term: string | undefined;
  /** Set while this tab is the leader. */
  #leading: Leader | undefined;
  /** The term of the leader that this tab follows. */
  #leader: string | undefined;
  /** Whether the last `hello` was answered: then items of the leader follow those that are known here. */
  #welcomed = false;
  /** Verdicts that arrived before the `welcome`, by key: its state may have their events. */
  readonly #earlyVerdicts = new Map<string, FeedItem>();
  /** Whether any tab was the leader since the start: it may have sent the undecided entries, because the store has them. */
  #hadLeader = false;
  #unanswered = 0;
  #paused = false;
  /** The number of `hello` messages before the last change of `#paused`: a `welcome` to an earlier one does not know it. */
  #pausedAt = 0;
  #presence: JsonObject | null = null;
  #closed = false;
  #releaseLock = () => {};
  #cancelHeartbeat = () => {};
  #unwatch = () => {};

  constructor(tabs: TabsPort, ports: Ports, newId: () => string, id: string, parts: BackendParts) {
    this.#tabs = tabs;
    this.#ports = ports;
    this.#newId = newId;
    this.#parts = parts;
    this.#id = id;
    this.#channel = tabs.open((message) => this.#receive(message as Message));
  }

  get keepsBase(): boolean {
    return this.#leading !== undefined && !this.#shared.undecided.some(({ doubtful }) => doubtful);
  }

  start(entries: readonly QueueEntry[]): void {
    for (const entry of entries) this.#shared.add(entry, true, false, false, true);
    // An earlier message has shown that its channel does not work: it leads already.
    if (this.#alone) return;
    this.#requestLock(false);
    this.#scheduleHeartbeat();
    this.#hello();
    // A hidden tab may have missed something, and its leader may wait for its next attempt.
    this.#unwatch = this.#ports.watch({ online: () => {}, offline: () => {}, visible: () => this.#hello() });
  }

  offer(entry: QueueEntry, sent = false): void {
    if (this.#closed) return;
    const { key } = entry;
    const verdict = this.#shared.verdict(key);
    // Another tab has left it, and it was decided meanwhile.
    if (verdict) {
      this.#parts.host.take({ kind: "verdict", key, verdict });
      return;
    }
    const known = this.#shared.add(entry, false, sent);
    if (known) known.own = true;
    if (this.#leading) this.#leading.offer(entry, sent);
    else if (known && this.#leader !== undefined) this.#offerTo(this.#leader, known);
  }

  async withdraw(key: string, replaced?: true): Promise<void> {
    const { store } = this.#parts;
    // The caller waits for its verdict.
    const known = this.#shared.get(key);
    if (known) known.own = true;
    // The leader looks for it there: what was appended before has to be in the store.
    if (!this.#leading && store.durable) await store.remove([]);
    if (this.#leading) await this.#leading.engine.withdraw(key, replaced);
    else await this.#request({ key, ...(replaced && { replaced }), unstored: !store.durable });
  }

  canReplace(key: string): boolean {
    // A tab that follows asks the leader, by `withdraw`.
    return this.#leading?.engine.canReplace(key) ?? true;
  }

  discard(key: string): void {
    this.#post({ kind: "discard", key });
  }

  show(state: JsonObject | null): void {
    this.#presence = state;
    if (this.#leading) this.#leading.show(this.#id, state);
    else this.#post({ kind: "show", from: this.#id, state });
  }

  pause(): void {
    this.#pause(true);
    this.#post({ kind: "pause" });
  }

  resume(): void {
    this.#pause(false);
    this.#post({ kind: "resume" });
  }

  async verify(): Promise<boolean | undefined> {
    if (this.#leading) return this.#leading.engine.verify();
    const answer = await this.#request();
    if (!answer?.same) return answer?.same;
    const { host } = this.#parts;
    // The states differ by later events: this is not the state that the leader has verified.
    if (host.cursor.eventId !== answer.eventId) return undefined;
    const same = (await host.hash()) === answer.hash;
    if (!same) this.#hello(true);
    return same;
  }

  close(): void {
    if (this.#closed) return;
    if (!this.#leading) this.show(null);
    this.#closed = true;
    this.#resign();
    this.#follow();
    this.#cancelHeartbeat();
    this.#unwatch();
    this.#channel?.close();
    this.#releaseLock();
  }

  // — leading

  #requestLock(steal: boolean): void {
    this.#releaseLock();
    this.#releaseLock = this.#tabs.lock(steal, { held: () => void this.#lead(), lost: () => this.#lose() });
  }

  async #lead(): Promise<void> {
    const term = (this.#term = this.#newId());
    // Rejects only on a closed store.
    const loaded = await this.#parts.store.load().catch(() => undefined);
    if (!loaded || this.#term !== term) return;
    this.#follow();
    // What has left the store was settled by another tab, whose verdict has not arrived here. What is not there yet is sent by
    // its own tab, where each works alone.
    for (const { entry, own, stored } of this.#shared.addStored(loaded.entries.filter(({ parked }) => !parked)))
      if ((stored || this.#alone) && !own && loaded.entries.every(({ key }) => key !== entry.key))
        this.#take({ kind: "verdict", key: entry.key, verdict: { status: "withdrawn", lost: true } });
    this.#leading = new Leader({
      term,
      id: this.#id,
      parts: this.#parts,
      shared: this.#shared,
      paused: this.#paused,
      presence: this.#presence,
      post: (message) => this.#post(message),
      mark: (entries) => this.#mark(entries),
      ended: () => this.close(),
    });
    this.#leading.start(this.#hadLeader);
  }

  /** What came from the store is sent only while it is there: a tab that works alone may have withdrawn it. */
  #mark(entries: readonly QueueEntry[]): ReturnType<EngineHost["mark"]> {
    const { store, host } = this.#parts;
    for (const entry of entries) {
      const known = this.#shared.get(entry.key);
      if (known) known.entry = entry;
      if (known?.unstored) store.append(entry).catch(() => {});
    }
    return host.mark(entries);
  }

  /** Another tab has taken the lock: this tab was frozen for a while. */
  #lose(): void {
    const term = this.#term!;
    this.#resign();
    this.#post({ kind: "gone", term });
    this.#requestLock(false);
    this.#hello();
  }

  #resign(): void {
    const leading = this.#leading;
    this.#term = this.#leading = undefined;
    leading?.close();
  }

  // — following

  /** Follows another leader, or none: the earlier one does not answer any more. */
  #follow(leader?: string): void {
    this.#leader = leader;
    this.#welcomed = false;
    for (const resolve of this.#requests.values()) resolve();
    this.#requests.clear();
  }

  /** Asks for everything that is missing here; `all`: for the confirmed state in any case. `unstored`: see `Undecided`. */
  #hello(all = false, unstored = !this.#parts.store.durable): void {
    if (this.#term !== undefined) return;
    this.#welcomed = false;
    const { undecided } = this.#shared;
    for (const known of undecided) known.sent = true;
    const { eventId, serverId, proof } = this.#parts.host.cursor;
    this.#post({
      kind: "hello",
      leader: this.#leader,
      from: this.#id,
      id: ++this.#hellos,
      cursor: { eventId, serverId: all ? undefined : serverId, proof },
      shown: this.#presence,
      entries: undecided.map(({ entry }) => entry),
      unstored,
    });
  }

  #offerTo(leader: string, known: Undecided): void {
    const unstored = !this.#parts.store.durable;
    this.#post({ kind: "offer", leader, entry: known.entry, sent: known.doubtful, unstored });
    known.sent = true;
  }

  #request(entry?: { key: string; replaced?: true; unstored: boolean }): Promise<Answer | undefined> {
    if (this.#leader === undefined) return Promise.resolve(undefined);
    const id = ++this.#requestCount;
    this.#post({ kind: "ask", from: this.#id, id, ...entry });
    return new Promise((resolve) => this.#requests.set(id, resolve));
  }

  #receiveFromLeader(message: FromLeader): void {
    this.#hadLeader = true;
    if (message.kind === "lead") {
      this.#earlyVerdicts.clear();
      this.#follow(message.term);
      this.#hello();
    } else if (message.kind === "welcome" && message.to === this.#id) {
      if (this.#welcomed || message.id !== this.#hellos) return;
      if (message.term !== this.#leader) this.#follow(message.term);
      this.#welcomed = true;
      if (this.#pausedAt < message.id) this.#paused = message.paused;
      for (const item of message.items) this.#take(item);
      for (const item of this.#earlyVerdicts.values()) this.#take(item);
      this.#earlyVerdicts.clear();
      for (const known of this.#shared.undecided) if (!known.sent) this.#offerTo(message.term, known);
    } else if (message.kind === "item" && message.item.kind === "verdict" && !this.#welcomed) {
      const { item } = message;
      // What is withdrawn has no event, and this tab must not send it if it leads next.
      if (item.verdict.status === "withdrawn") this.#take(item);
      else this.#earlyVerdicts.set(item.key, item);
    } else if (message.term !== this.#leader) return;
    this.#unanswered = 0;
    if (message.kind === "gone") {
      this.#follow();
      this.#hello();
    } else if (message.kind === "item" && this.#welcomed) this.#take(message.item);
    else if (message.kind === "answer" && message.to === this.#id) {
      this.#requests.get(message.id)?.(message);
      this.#requests.delete(message.id);
    }
  }

  /** Applies an item of the leader, without events that are known. */
  #take(received: FeedItem): void {
    const { host } = this.#parts;
    let item = received;
    if (item.kind === "events") {
      const { eventId, proof } = host.cursor;
      // The leader has another log since this tab missed something.
      if (item.events.some((event) => event.eventId === eventId && differ(event.proof, proof))) {
        this.#hello(true);
        return;
      }
      const events = item.events.filter((event) => event.eventId > eventId);
      if (events.length === 0) return;
      if (events[0]!.eventId > eventId + 1) {
        this.#hello();
        return;
      }
      item = { kind: "events", events };
    } else if (item.kind === "entry") {
      // A leader that is behind may not know that the entry is decided.
      if (this.#shared.verdict(item.entry.key)) return;
      this.#shared.add(item.entry, true, false);
    } else if (item.kind === "verdict" && "lost" in item.verdict && this.#shared.get(item.key)?.own) {
      // Another tab has settled it: the server has its verdict, and the state may have its event.
      this.#hello(false, true);
      return;
    } else if (item.kind === "reset" && typeof item.state === "string") {
      item = { ...item, state: JSON.parse(item.state), sent: [...item.sent, ...this.#earlyVerdicts.keys()] };
    }
    this.#shared.apply(item);
    try {
      host.take(item);
    } catch {
      // The model cannot fold the events on this state. If the leader cannot either, it closes.
      this.#hello(true);
    }
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat = this.#ports.after(heartbeatMs, () => {
      this.#scheduleHeartbeat();
      if (this.#term !== undefined) return;
      const visible = this.#tabs.visible();
      if (visible && this.#unanswered++ >= unansweredMax) {
        this.#unanswered = 0;
        this.#requestLock(true);
      } else if (!this.#welcomed) {
        // Addressed to any leader: the known one may have ended.
        this.#follow();
        this.#hello();
      } else if (visible) this.#post({ kind: "beat" });
    });
  }

  // — the channel

  #receive(message: Message): void {
    switch (message.kind) {
      case "pause":
      case "resume":
        this.#pause(message.kind === "pause");
        return;
      case "discard":
        this.#parts.host.take({ kind: "discarded", key: message.key });
        return;
    }
    if (!("term" in message)) {
      this.#leading?.receive(message);
    } else if (!this.#leading) this.#receiveFromLeader(message);
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    this.#pausedAt = this.#hellos;
    this.#leading?.pause(paused);
  }

  #post(message: Message): void {
    if (this.#closed || this.#alone) return;
    try {
      this.#channel!.post(message);
    } catch {
      this.#isolate();
    }
  }

  /** The other tabs may send the same entries: they have the same keys. */
  #isolate(): void {
    this.#alone = true;
    this.#releaseLock();
    this.#cancelHeartbeat();
    this.#follow();
    if (this.#term === undefined) void this.#lead();
  }
}
