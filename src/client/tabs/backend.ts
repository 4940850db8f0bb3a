import type { JsonObject } from "../../protocol/index.ts";
import type { Backend, BackendParts, EngineBackend } from "../sync/backend.ts";
import type { FeedItem } from "../sync/feed.ts";
import { type Ports, uuidv7 } from "../transport/ports.ts";
import type { QueueEntry } from "../stores/store.ts";
import { SharedState, type Undecided } from "./shared-state.ts";
import type { Answer, FromLeader, Message, ToLeader } from "./messages.ts";
import type { TabsPort } from "./ports.ts";

/** How often a visible tab asks whether its leader answers. */
const heartbeatMs = 2_000;
/** After this many unanswered heartbeats, the leader counts as frozen. */
const unansweredMax = 2;

/**
 * Lets the tabs of one browser share an engine: one tab is the leader, has the engine, and passes its
 * reports to the others. If drafts are kept in memory only, each tab has its own engine.
 */
export function tabsBackend(tabs: TabsPort, ports: Ports): (parts: BackendParts) => Backend {
  return (parts) => (parts.store.durable ? new TabsBackend(tabs, ports, parts) : parts.engine(parts.host));
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
  readonly #parts: BackendParts;
  readonly #id: string;
  readonly #shared = new SharedState();
  readonly #channel: ReturnType<TabsPort["open"]>;
  /** Resolve the promises of unanswered requests, by id. */
  readonly #requests = new Map<number, (answer: Answer | undefined) => void>();
  #requestCount = 0;
  #hellos = 0;
  /** The term of this tab, while it holds the lock. */
  #term: string | undefined;
  /** Set while this tab is the leader. */
  #engine: EngineBackend | undefined;
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
  /** While this tab is the leader: the tab that has set a presence last. */
  #presenceOf: string | undefined;
  #closed = false;
  #releaseLock = () => {};
  #cancelHeartbeat = () => {};
  #unwatch = () => {};

  constructor(tabs: TabsPort, ports: Ports, parts: BackendParts) {
    this.#tabs = tabs;
    this.#ports = ports;
    this.#parts = parts;
    this.#id = uuidv7(ports);
    this.#channel = tabs.open((message) => this.#receive(message as Message));
  }

  get keepsBase(): boolean {
    return this.#engine !== undefined && !this.#shared.undecided.some(({ doubtful }) => doubtful);
  }

  start(entries: readonly QueueEntry[]): void {
    for (const entry of entries) this.#shared.add(entry, true, false);
    this.#requestLock(false);
    this.#hello();
    this.#scheduleHeartbeat();
    // A hidden tab may have missed something, and its leader may wait for its next attempt.
    this.#unwatch = this.#ports.watch({ online: () => {}, offline: () => {}, visible: () => this.#hello() });
  }

  offer(entry: QueueEntry, sent = false): void {
    if (this.#closed) return;
    const known = this.#shared.add(entry, false, sent);
    if (this.#engine) {
      this.#postItem({ kind: "entry", entry });
      this.#engine.offer(entry, sent);
    } else if (known && this.#leader !== undefined) this.#offerTo(this.#leader, known);
  }

  async withdraw(key: string): Promise<void> {
    if (this.#engine) this.#engine.withdraw(key);
    else await this.#request(key);
  }

  discard(key: string): void {
    this.#post({ kind: "discard", key });
  }

  show(state: JsonObject | null): void {
    this.#presence = state;
    if (this.#engine) this.#showPresence(this.#engine, this.#id, state);
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
    if (this.#engine) return this.#engine.verify();
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
    if (!this.#engine) this.show(null);
    this.#closed = true;
    this.#resign();
    this.#follow(undefined);
    this.#cancelHeartbeat();
    this.#unwatch();
    this.#channel.close();
    this.#releaseLock();
  }

  // — leading

  #requestLock(steal: boolean): void {
    this.#releaseLock();
    this.#releaseLock = this.#tabs.lock(steal, { held: () => void this.#lead(), lost: () => this.#lose() });
  }

  async #lead(): Promise<void> {
    const term = (this.#term = uuidv7(this.#ports));
    const { host, store, engine: newEngine } = this.#parts;
    // Rejects only on a closed store.
    const loaded = await store.load().catch(() => undefined);
    if (!loaded || this.#term !== term) return;
    this.#follow(undefined);
    this.#shared.addStored(loaded.entries.filter(({ parked }) => !parked));
    const engine = newEngine({
      get cursor() {
        return host.cursor;
      },
      take: (item) => {
        if (this.#engine === engine) this.#report(item);
      },
      hash: () => host.hash(),
    });
    this.#engine = engine;
    this.#post({ kind: "lead", term });
    if (this.#paused) engine.pause();
    this.#showPresence(engine, this.#id, this.#presence);
    const { undecided } = this.#shared;
    if (this.#hadLeader) for (const known of undecided) known.sent = true;
    engine.start(undecided.filter(({ sent }) => sent).map(({ entry }) => entry));
    for (const { entry, sent, doubtful } of undecided) if (!sent) engine.offer(entry, doubtful);
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
    const engine = this.#engine;
    this.#term = this.#engine = undefined;
    engine?.close();
  }

  /** Passes an item of the engine to this tab and to the others. */
  #report(item: FeedItem): void {
    if (item.kind === "status" && item.report.status === "closed") {
      // The reason may be specific to this tab, for example its token: another tab can try.
      this.#parts.host.take(item);
      this.close();
      return;
    }
    this.#shared.apply(item);
    // Before the own client, because that may change the item.
    this.#postItem(item);
    this.#parts.host.take(item);
  }

  #postItem(item: FeedItem): void {
    this.#post({ kind: "item", term: this.#term!, item });
  }

  #receiveAsLeader(engine: EngineBackend, message: ToLeader): void {
    switch (message.kind) {
      case "hello":
        // A leader that was frozen must not answer a message to its successor.
        if (message.leader === undefined || message.leader === this.#term) this.#welcome(engine, message);
        return;
      case "offer": {
        const { entry, sent, leader } = message;
        // For an earlier leader. Earlier offers may be unknown here; all of them follow with a `hello`.
        if (leader !== this.#term) return;
        if (this.#shared.add(entry, true, sent)) {
          this.#report({ kind: "entry", entry });
          engine.offer(entry, sent);
        }
        return;
      }
      case "show":
        this.#showPresence(engine, message.from, message.state);
        return;
      case "ask":
        void this.#answer(engine, message);
        return;
      case "beat":
        this.#post({ kind: "here", term: this.#term! });
    }
  }

  #welcome(engine: EngineBackend, { from, id, cursor, shown, entries }: Extract<Message, { kind: "hello" }>): void {
    const { host } = this.#parts;
    this.#showPresence(engine, from, shown);
    engine.wake();
    const items: FeedItem[] = [];
    const doubtful: string[] = [];
    for (const entry of entries) {
      const { key } = entry;
      const verdict = this.#shared.verdict(key);
      if (verdict) items.push({ kind: "verdict", key, verdict });
      else if (this.#shared.add(entry, true, true)) {
        // An earlier leader may have sent it, and its events may be in the state: only its own tab shows it.
        engine.offer(entry, true);
      }
    }
    const { eventId, serverId } = host.cursor;
    const onlyDecided = host.onlyDecided();
    const sameLog = cursor.serverId === serverId;
    const behind = serverId !== undefined && !(sameLog && cursor.eventId >= eventId);
    // The state of a tab that is ahead is unknown here.
    const equal = sameLog && cursor.eventId === eventId && onlyDecided;
    for (const known of this.#shared.undecided) {
      const { entry } = known;
      if (known.doubtful || !onlyDecided) doubtful.push(entry.key);
      if (behind || (equal && !known.doubtful)) items.push({ kind: "entry", entry });
    }
    if (behind) {
      const why = sameLog ? "far_behind" : cursor.serverId === undefined ? "first" : "log_replaced";
      items.push({ kind: "reset", serverId, eventId, state: host.confirmed(), sent: doubtful, why });
    }
    items.push(...this.#shared.latest);
    this.#post({ kind: "welcome", term: this.#term!, to: from, id, paused: this.#paused, items });
  }

  async #answer(engine: EngineBackend, { from, id, key }: Extract<Message, { kind: "ask" }>): Promise<void> {
    const answer: Answer = { kind: "answer", term: this.#term!, to: from, id };
    if (key === undefined) {
      answer.same = await engine.verify();
      answer.eventId = this.#parts.host.cursor.eventId;
      if (answer.same) answer.hash = await this.#parts.host.hash();
    } else engine.withdraw(key);
    this.#post(answer);
  }

  /** Shows the presence that was set last; after `null` from that tab, the presence of this one. */
  #showPresence(engine: EngineBackend, from: string, state: JsonObject | null): void {
    if (state) this.#presenceOf = from;
    else if (this.#presenceOf !== from) return;
    engine.show(state ?? this.#presence);
  }

  // — following

  /** Follows another leader, or none: the earlier one does not answer any more. */
  #follow(leader: string | undefined): void {
    this.#leader = leader;
    this.#welcomed = false;
    for (const resolve of this.#requests.values()) resolve(undefined);
    this.#requests.clear();
  }

  /** Asks for everything that is missing here; `all`: for the confirmed state in any case. */
  #hello(all = false): void {
    if (this.#term !== undefined) return;
    this.#welcomed = false;
    const { undecided } = this.#shared;
    for (const known of undecided) known.sent = true;
    const { eventId, serverId } = this.#parts.host.cursor;
    this.#post({
      kind: "hello",
      leader: this.#leader,
      from: this.#id,
      id: ++this.#hellos,
      cursor: { eventId, serverId: all ? undefined : serverId },
      shown: this.#presence,
      entries: undecided.map(({ entry }) => entry),
    });
  }

  #offerTo(leader: string, known: Undecided): void {
    this.#post({ kind: "offer", leader, entry: known.entry, sent: known.doubtful });
    known.sent = true;
  }

  #request(key?: string): Promise<Answer | undefined> {
    if (this.#leader === undefined) return Promise.resolve(undefined);
    const id = ++this.#requestCount;
    this.#post({ kind: "ask", from: this.#id, id, ...(key === undefined ? {} : { key }) });
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
      this.#earlyVerdicts.set(message.item.key, message.item);
    } else if (message.term !== this.#leader) return;
    this.#unanswered = 0;
    if (message.kind === "gone") {
      this.#follow(undefined);
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
      const { eventId } = host.cursor;
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
        this.#follow(undefined);
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
      if (this.#engine) this.#receiveAsLeader(this.#engine, message);
    } else if (!this.#engine) this.#receiveFromLeader(message);
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    this.#pausedAt = this.#hellos;
    if (paused) this.#engine?.pause();
    else this.#engine?.resume();
  }

  #post(message: Message): void {
    if (!this.#closed) this.#channel.post(message);
  }
}
