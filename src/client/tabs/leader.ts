import type { JsonObject } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { BackendParts, EngineBackend, EngineHost } from "../sync/backend.ts";
import type { FeedItem } from "../sync/feed.ts";
import type { Answer, Message, ToLeader } from "./messages.ts";
import type { SharedState } from "./shared-state.ts";

/** Whether two proofs of one event show that it is in two logs. A tab of an earlier version has none. */
export function differ(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

/** What a leader gets from its tab. */
export interface LeaderOptions {
  term: string;
  /** The id of the tab. */
  id: string;
  parts: BackendParts;
  shared: SharedState;
  paused: boolean;
  presence: JsonObject | null;
  post(message: Message): void;
  mark: BackendParts["host"]["mark"];
  /** The engine has closed. */
  ended(): void;
}

/** A tab while it is the leader: has the engine, passes its reports to all tabs, and answers them. */
export class Leader {
  readonly #term: string;
  readonly #id: string;
  readonly #host: BackendParts["host"];
  readonly #shared: SharedState;
  readonly #post: (message: Message) => void;
  readonly #ended: () => void;
  readonly engine: EngineBackend;
  #paused: boolean;
  /** The presence of this tab. */
  #presence: JsonObject | null;
  /** The tab that has set a presence last. */
  #presenceOf: string | undefined;
  #over = false;

  constructor({ term, id, parts, shared, paused, presence, post, mark, ended }: LeaderOptions) {
    const { host } = parts;
    this.#term = term;
    this.#id = id;
    this.#host = host;
    this.#shared = shared;
    this.#paused = paused;
    this.#presence = presence;
    this.#post = post;
    this.#ended = ended;
    const own: Partial<EngineHost> = {
      take: (item) => {
        if (!this.#over) this.#report(item);
      },
      mark,
    };
    // The rest is the client's.
    this.engine = parts.engine(Object.assign(Object.create(host), own));
  }

  /** Begins the term. `hadLeader`: an earlier leader may have sent the undecided entries. */
  start(hadLeader: boolean): void {
    const engine = this.engine;
    this.#post({ kind: "lead", term: this.#term });
    if (this.#paused) engine.pause();
    this.show(this.#id, this.#presence);
    const { undecided } = this.#shared;
    if (hadLeader) for (const known of undecided) known.sent = true;
    engine.start(undecided.filter(({ sent }) => sent).map(({ entry }) => entry));
    for (const { entry, sent, doubtful } of undecided) if (!sent) engine.offer(entry, doubtful);
  }

  /** Sends an entry of this tab, which `shared` has already. */
  offer(entry: QueueEntry, sent: boolean): void {
    this.#postItem({ kind: "entry", entry });
    this.engine.offer(entry, sent);
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    if (paused) this.engine.pause();
    else this.engine.resume();
  }

  /** A tab has set its presence. The last one is shown; after `null` from that tab, the presence of this one. */
  show(from: string, state: JsonObject | null): void {
    if (from === this.#id) this.#presence = state;
    if (state) this.#presenceOf = from;
    else if (this.#presenceOf !== from) return;
    this.engine.show(state ?? this.#presence);
  }

  receive(message: ToLeader): void {
    switch (message.kind) {
      case "hello":
        // A leader that was frozen must not answer a message to its successor.
        if (message.leader === undefined || message.leader === this.#term) this.#welcome(message);
        return;
      case "offer": {
        const { entry, sent, leader, unstored } = message;
        // For an earlier leader. Earlier offers may be unknown here; all of them follow with a `hello`.
        if (leader !== this.#term) return;
        if (this.#shared.add(entry, true, sent, unstored)) {
          this.#report({ kind: "entry", entry });
          this.engine.offer(entry, sent);
        }
        return;
      }
      case "show":
        this.show(message.from, message.state);
        return;
      case "ask":
        void this.#answer(message);
        return;
      case "beat":
        this.#post({ kind: "here", term: this.#term });
    }
  }

  /** Ends the term. */
  close(): void {
    this.#over = true;
    this.engine.close();
  }

  /** Passes an item of the engine to this tab and to the others. */
  #report(item: FeedItem): void {
    if (item.kind === "status" && item.report.status === "closed") {
      // The reason may be specific to this tab, for example its token: another tab can try.
      this.#host.take(item);
      this.#ended();
      return;
    }
    this.#shared.apply(item);
    // Before the own client, because that may change the item.
    this.#postItem(item);
    this.#host.take(item);
  }

  #postItem(item: FeedItem): void {
    this.#post({ kind: "item", term: this.#term, item });
  }

  #welcome({ from, id, cursor, shown, entries, unstored }: Extract<Message, { kind: "hello" }>): void {
    const host = this.#host;
    this.show(from, shown);
    this.engine.wake();
    const items: FeedItem[] = [];
    const doubtful: string[] = [];
    for (const entry of entries) {
      const { key } = entry;
      const verdict = this.#shared.verdict(key);
      if (verdict) items.push({ kind: "verdict", key, verdict });
      else if (this.#shared.add(entry, true, true, unstored)) {
        // An earlier leader may have sent it, and its events may be in the state: only its own tab shows it.
        this.engine.offer(entry, true);
      }
    }
    const { eventId, serverId, proof } = host.cursor;
    const onlyDecided = host.onlyDecided();
    const sameLog = cursor.serverId === serverId && !(cursor.eventId === eventId && differ(cursor.proof, proof));
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
      items.push({ kind: "reset", serverId, eventId, proof, state: host.confirmed(), sent: doubtful, why });
    }
    items.push(...this.#shared.latest);
    this.#post({ kind: "welcome", term: this.#term, to: from, id, paused: this.#paused, items });
  }

  async #answer({ from, id, key, replaced, unstored }: Extract<Message, { kind: "ask" }>): Promise<void> {
    const answer: Answer = { kind: "answer", term: this.#term, to: from, id };
    if (key === undefined) {
      answer.same = await this.engine.verify();
      answer.eventId = this.#host.cursor.eventId;
      if (answer.same) answer.hash = await this.#host.hash();
    } else await this.engine.withdraw(key, replaced, unstored);
    this.#post(answer);
  }
}
