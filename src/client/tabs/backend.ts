import type { JsonObject } from "../../protocol/index.ts";
import type { Backend, BackendParts, EngineBackend } from "../sync/backend.ts";
import type { FeedItem } from "../sync/feed.ts";
import { type Ports, uuidv7 } from "../transport/ports.ts";
import type { QueueEntry } from "../stores/store.ts";
import { Knowledge, type Undecided } from "./knowledge.ts";
import type { Answer, FromLeader, Message, ToLeader } from "./messages.ts";
import type { TabsPort } from "./ports.ts";

/** How often a tab that is looked at asks whether its leader is still there. */
const beatMs = 2_000;
/** With so many questions unanswered, the leader is taken for frozen. */
const unansweredMax = 2;

/**
 * Makes the tabs of one browser share an engine: one of them leads, has it, and tells all others what
 * it is told. Where drafts are kept in memory only there is nothing to share, and each tab has its own.
 */
export function tabsBackend(tabs: TabsPort, ports: Ports): (parts: BackendParts) => Backend {
  return (parts) => (parts.store.durable ? new TabsBackend(tabs, ports, parts) : parts.engine(parts.host));
}

/**
 * One tab. Whose lock it is leads: it sends what is undecided in any tab. Everything that is said
 * can be said twice, for entries go by their keys, and events by their ids. All that a follower
 * knows of the others comes from the leader, in one order; whenever it cannot be sure of that, it
 * says `hello`, and goes on from the `welcome`.
 */
class TabsBackend implements Backend {
  readonly #tabs: TabsPort;
  readonly #ports: Ports;
  readonly #parts: BackendParts;
  readonly #name: string;
  readonly #known = new Knowledge();
  readonly #channel: ReturnType<TabsPort["open"]>;
  /** Asked, and not answered yet, by id. */
  readonly #asked = new Map<number, (answer: Answer | undefined) => void>();
  #asks = 0;
  #hellos = 0;
  /** Our own term, from when the lock is ours. */
  #term: string | undefined;
  /** While we lead. */
  #engine: EngineBackend | undefined;
  /** The term of who leads us. */
  #leader: string | undefined;
  /** Whether what the leader tells follows what is known here: the last `hello` was answered. */
  #welcome = false;
  /** Verdicts that were told before the welcome, by key: the state that comes with it may have their events. */
  readonly #early = new Map<string, FeedItem>();
  /** Whether anybody has led since we began: who did may have sent what is undecided, for the store has it. */
  #led = false;
  #unanswered = 0;
  #paused = false;
  /** How many times we had said `hello` when that was told last: an answer to an earlier one does not know of it. */
  #pausedAt = 0;
  #shown: JsonObject | null = null;
  /** While we lead: the tab that has shown something last. */
  #showing: string | undefined;
  #closed = false;
  #letGo = () => {};
  #cancelBeat = () => {};
  #unwatch = () => {};

  constructor(tabs: TabsPort, ports: Ports, parts: BackendParts) {
    this.#tabs = tabs;
    this.#ports = ports;
    this.#parts = parts;
    this.#name = uuidv7(ports);
    this.#channel = tabs.open((message) => this.#receive(message as Message));
  }

  get keepsBase(): boolean {
    return this.#engine !== undefined && !this.#known.undecided.some(({ doubtful }) => doubtful);
  }

  start(entries: readonly QueueEntry[]): void {
    for (const entry of entries) this.#known.add(entry, true, false);
    this.#request(false);
    this.#hello();
    this.#beat();
    // A tab that was not looked at may have missed something, and its leader may wait for its next attempt.
    this.#unwatch = this.#ports.watch({ online: () => {}, offline: () => {}, visible: () => this.#hello() });
  }

  offer(entry: QueueEntry, sent = false): void {
    if (this.#closed) return;
    const known = this.#known.add(entry, false, sent);
    if (this.#engine) {
      this.#relay({ kind: "entry", entry });
      this.#engine.offer(entry, sent);
    } else if (known && this.#leader !== undefined) this.#pass(known);
  }

  async withdraw(key: string): Promise<void> {
    if (this.#engine) this.#engine.withdraw(key);
    else await this.#ask(key);
  }

  discard(key: string): void {
    this.#post({ kind: "discard", key });
  }

  show(state: JsonObject | null): void {
    this.#shown = state;
    if (this.#engine) this.#display(this.#engine, this.#name, state);
    else this.#post({ kind: "show", from: this.#name, state });
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
    const answer = await this.#ask();
    if (!answer?.same) return answer?.same;
    const { host } = this.#parts;
    // More has come meanwhile: what is here now is not what the leader has compared.
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
    this.#cancelBeat();
    this.#unwatch();
    this.#channel.close();
    this.#letGo();
  }

  // — leading

  #request(steal: boolean): void {
    this.#letGo();
    this.#letGo = this.#tabs.lock(steal, { held: () => void this.#lead(), lost: () => this.#lose() });
  }

  async #lead(): Promise<void> {
    const term = (this.#term = uuidv7(this.#ports));
    const { host, store, engine: newEngine } = this.#parts;
    // Rejects on a closed store only.
    const loaded = await store.load().catch(() => undefined);
    if (!loaded || this.#term !== term) return;
    this.#follow(undefined);
    this.#known.addStored(loaded.entries.filter(({ parked }) => !parked));
    const engine = newEngine({
      get cursor() {
        return host.cursor;
      },
      take: (item) => {
        if (this.#engine === engine) this.#tell(item);
      },
      hash: () => host.hash(),
    });
    this.#engine = engine;
    this.#post({ kind: "lead", term });
    if (this.#paused) engine.pause();
    this.#display(engine, this.#name, this.#shown);
    const { undecided } = this.#known;
    if (this.#led) for (const known of undecided) known.sent = true;
    engine.start(undecided.filter(({ sent }) => sent).map(({ entry }) => entry));
    for (const { entry, sent, doubtful } of undecided) if (!sent) engine.offer(entry, doubtful);
  }

  /** Another tab has taken the lock: we were not there for a while. */
  #lose(): void {
    const term = this.#term!;
    this.#resign();
    this.#post({ kind: "gone", term });
    this.#request(false);
    this.#hello();
  }

  #resign(): void {
    const engine = this.#engine;
    this.#term = this.#engine = undefined;
    engine?.close();
  }

  /** The engine tells something: here, and everywhere. */
  #tell(item: FeedItem): void {
    if (item.kind === "status" && item.report.status === "closed") {
      // It has ended for a reason that may be this tab's own, as its token: another one may have more luck.
      this.#parts.host.take(item);
      this.close();
      return;
    }
    this.#known.note(item);
    // First, for our own client may change what it is given.
    this.#relay(item);
    this.#parts.host.take(item);
  }

  #relay(item: FeedItem): void {
    this.#post({ kind: "item", term: this.#term!, item });
  }

  #serve(engine: EngineBackend, message: ToLeader): void {
    switch (message.kind) {
      case "hello":
        // A leader that was frozen must not answer what was meant for the next one.
        if (message.leader === undefined || message.leader === this.#term) this.#greet(engine, message);
        return;
      case "offer": {
        const { entry, sent, leader } = message;
        // To an earlier leader: what was offered before it may be unknown here, and comes with it by `hello`.
        if (leader !== this.#term) return;
        if (this.#known.add(entry, true, sent)) {
          this.#tell({ kind: "entry", entry });
          engine.offer(entry, sent);
        }
        return;
      }
      case "show":
        this.#display(engine, message.from, message.state);
        return;
      case "ask":
        void this.#answer(engine, message);
        return;
      case "beat":
        this.#post({ kind: "here", term: this.#term! });
    }
  }

  #greet(engine: EngineBackend, { from, id, cursor, shown, entries }: Extract<Message, { kind: "hello" }>): void {
    const { host } = this.#parts;
    this.#display(engine, from, shown);
    engine.wake();
    const items: FeedItem[] = [];
    const doubtful: string[] = [];
    for (const entry of entries) {
      const { key } = entry;
      const verdict = this.#known.verdict(key);
      if (verdict) items.push({ kind: "verdict", key, verdict });
      else if (this.#known.add(entry, true, true)) {
        // An earlier leader may have sent it, and it may be in the state already: it is shown where it was made.
        engine.offer(entry, true);
      }
    }
    const { eventId, serverId } = host.cursor;
    const whole = host.whole();
    const sameLog = cursor.serverId === serverId;
    const behind = serverId !== undefined && !(sameLog && cursor.eventId >= eventId);
    // What a tab that is ahead has in its state cannot be known here.
    const level = sameLog && cursor.eventId === eventId && whole;
    for (const known of this.#known.undecided) {
      const { entry } = known;
      if (known.doubtful || !whole) doubtful.push(entry.key);
      if (behind || (level && !known.doubtful)) items.push({ kind: "entry", entry });
    }
    if (behind) {
      const why = sameLog ? "far_behind" : cursor.serverId === undefined ? "first" : "log_replaced";
      items.push({ kind: "reset", serverId, eventId, state: host.confirmed(), sent: doubtful, why });
    }
    items.push(...this.#known.latest);
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

  /** The last tab that has something to show is shown; if it has no more, this one. */
  #display(engine: EngineBackend, from: string, state: JsonObject | null): void {
    if (state) this.#showing = from;
    else if (this.#showing !== from) return;
    engine.show(state ?? this.#shown);
  }

  // — following

  /** Whom we follow; who was asked before will not answer. */
  #follow(leader: string | undefined): void {
    this.#leader = leader;
    this.#welcome = false;
    for (const resolve of this.#asked.values()) resolve(undefined);
    this.#asked.clear();
  }

  /** Asks for what is lacking here; `all`: the confirmed state in any case. */
  #hello(all = false): void {
    if (this.#term !== undefined) return;
    this.#welcome = false;
    const { undecided } = this.#known;
    for (const known of undecided) known.sent = true;
    const { eventId, serverId } = this.#parts.host.cursor;
    this.#post({
      kind: "hello",
      leader: this.#leader,
      from: this.#name,
      id: ++this.#hellos,
      cursor: { eventId, serverId: all ? undefined : serverId },
      shown: this.#shown,
      entries: undecided.map(({ entry }) => entry),
    });
  }

  #pass(known: Undecided): void {
    this.#post({ kind: "offer", leader: this.#leader!, entry: known.entry, sent: known.doubtful });
    known.sent = true;
  }

  #ask(key?: string): Promise<Answer | undefined> {
    if (this.#leader === undefined) return Promise.resolve(undefined);
    const id = ++this.#asks;
    this.#post({ kind: "ask", from: this.#name, id, ...(key === undefined ? {} : { key }) });
    return new Promise((resolve) => this.#asked.set(id, resolve));
  }

  #hear(message: FromLeader): void {
    this.#led = true;
    if (message.kind === "lead") {
      this.#early.clear();
      this.#follow(message.term);
      this.#hello();
    } else if (message.kind === "welcome" && message.to === this.#name) {
      if (this.#welcome || message.id !== this.#hellos) return;
      if (message.term !== this.#leader) this.#follow(message.term);
      this.#welcome = true;
      if (this.#pausedAt < message.id) this.#paused = message.paused;
      for (const item of message.items) this.#take(item);
      for (const item of this.#early.values()) this.#take(item);
      this.#early.clear();
      for (const known of this.#known.undecided) if (!known.sent) this.#pass(known);
    } else if (message.kind === "item" && message.item.kind === "verdict" && !this.#welcome) {
      this.#early.set(message.item.key, message.item);
    } else if (message.term !== this.#leader) return;
    this.#unanswered = 0;
    if (message.kind === "gone") {
      this.#follow(undefined);
      this.#hello();
    } else if (message.kind === "item" && this.#welcome) this.#take(message.item);
    else if (message.kind === "answer" && message.to === this.#name) {
      this.#asked.get(message.id)?.(message);
      this.#asked.delete(message.id);
    }
  }

  /** The leader tells something: what is known here already is left out. */
  #take(told: FeedItem): void {
    const { host } = this.#parts;
    let item = told;
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
      // A leader that is behind may not know that it is decided.
      if (this.#known.verdict(item.entry.key)) return;
      this.#known.add(item.entry, true, false);
    } else if (item.kind === "reset" && typeof item.state === "string") {
      item = { ...item, state: JSON.parse(item.state), sent: [...item.sent, ...this.#early.keys()] };
    }
    this.#known.note(item);
    try {
      host.take(item);
    } catch {
      // The model cannot fold it on the state that is here; where the leader cannot either, it ends.
      this.#hello(true);
    }
  }

  #beat(): void {
    this.#cancelBeat = this.#ports.after(beatMs, () => {
      this.#beat();
      if (this.#term !== undefined) return;
      const visible = this.#tabs.visible();
      if (visible && this.#unanswered++ >= unansweredMax) {
        this.#unanswered = 0;
        this.#request(true);
      } else if (!this.#welcome) {
        // Whoever leads: our leader may be the one before.
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
      if (this.#engine) this.#serve(this.#engine, message);
    } else if (!this.#engine) this.#hear(message);
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
