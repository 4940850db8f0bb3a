import { type Author, bounds, type ErrorCode, type Failure, type TracedFailure } from "../../protocol/index.ts";
import type { EventRow } from "../../storage/port.ts";
import type { Conversation, Reply, HoldingCode, SessionState, Subscriber } from "../replies.ts";
import { Cursor, type CursorState } from "./cursor.ts";
import { retryAfterSeconds, tokenExpired } from "./endings.ts";
import type { Listener } from "./listener.ts";

/** The failure of commands that come before `connect` was answered. */
export const notConnected: Failure = {
  code: "not_connected",
  detail: "Send connect first, and wait for connected.",
};

const noEvents: readonly EventRow[] = [];

/** The conversation with one connection: who it is, what it asked for, and whether a refused draft holds back later ones. */
export class Session implements Listener {
  declare readonly cursor: Cursor;
  /** The trace id of the upgrade, where it came with a `traceparent`: problems of the connection have it, too. */
  declare readonly traceId: string | undefined;
  readonly #subscriber: Subscriber;
  #state: Conversation;
  /** The state at the beginning of the window. */
  #before: Conversation;
  /** What the subscriber keeps of it. */
  #saved: Conversation;
  #savedCursor: CursorState;
  /** Why nothing more is accepted from it, once it has ended. */
  #ended: Failure | undefined;
  #replies: Reply[] = [];
  /** The last event that a hash in `#replies` is of. */
  #hashed = 0;
  /** Events that are not delivered yet, and whose acceptance is: with `echo: false` it stands for the broadcast. */
  readonly #own = new Set<number>();

  constructor(subscriber: Subscriber, { behind, told, ...conversation }: SessionState, traceId?: string) {
    this.traceId = traceId;
    this.#subscriber = subscriber;
    this.cursor = new Cursor({ behind, delivered: told });
    this.#state = this.#before = this.#saved = conversation;
    this.#savedCursor = this.cursor.state;
  }

  get state(): Readonly<Conversation> {
    return this.#state;
  }

  /** What must be known of it again after hibernation. */
  get kept(): SessionState {
    const { behind, delivered } = this.cursor.state;
    return { ...this.#state, behind, told: delivered };
  }

  /** How many bytes its next page may have. */
  get pageBytes(): number {
    return this.#subscriber.pageBytes ?? bounds.pageBytesMax;
  }

  get mayVanish(): boolean {
    return this.#subscriber.mayVanish;
  }

  /** When its token expires, in milliseconds since 1970. */
  get expiresAt(): number {
    return this.#state.author?.expiresAt ?? Number.POSITIVE_INFINITY;
  }

  /** Why it accepts nothing more at `now`: it has ended, or its token has expired. Undefined: it accepts. */
  endingAt(now: number): Failure | undefined {
    return this.#ended ?? (this.expiresAt <= now ? tokenExpired : undefined);
  }

  /** Whether it has to receive events without a request, before those that are committed next. */
  get follows(): boolean {
    const { client, cycleEnd } = this.#state;
    return client?.passive === true && cycleEnd === undefined && !this.cursor.atHead && this.#ended === undefined;
  }

  get author(): Author | undefined {
    return this.#state.author;
  }

  get reads(): boolean {
    return this.#state.client !== undefined;
  }

  /** Whether this failure has ended it: a reply with it is the last one. */
  endsWith(failure: Failure): boolean {
    return this.#ended === failure;
  }

  /** The principal whose events have their draft ids in what is broadcast to it. */
  get broadcastsNameDraftsOf(): string | undefined {
    const { client, author } = this.#state;
    return client?.broadcastDraftIds ? author?.principal : undefined;
  }

  get awaitsToken(): boolean {
    return this.#state.awaitsToken;
  }

  end(failure: TracedFailure, reconnectAfterMs?: number): void {
    if (this.#ended) return;
    this.#ended = failure;
    const now = failure.timestamp;
    if (reconnectAfterMs !== undefined) this.reply({ kind: "draining", now, reconnectAfterMs });
    else this.reply({ kind: "error", requestId: undefined, draftId: undefined, failure });
  }

  /** Whether it has received the whole log, and so receives each new event. */
  get live(): boolean {
    return this.#ended === undefined && this.#state.client !== undefined && this.cursor.atHead;
  }

  /** Keeps up to where events were delivered: later ones cannot be read now. */
  doubt(): void {
    if (!this.live) return;
    this.cursor.doubt();
    this.keep();
  }

  begin(): void {
    this.#before = this.#state;
    this.cursor.begin();
  }

  /** Changes what is known of the connection. */
  update(change: Partial<Conversation>): void {
    this.#state = { ...this.#state, ...change };
  }

  /** Keeps what is known of the connection over hibernation. */
  keep(): void {
    if (this.#state === this.#saved && this.cursor.state === this.#savedCursor) return;
    this.#saved = this.#state;
    this.#savedCursor = this.cursor.state;
    this.#subscriber.save(this.kept);
  }

  announce(readOnly: boolean, now: number): void {
    const { client } = this.#state;
    if (client?.readOnly === undefined || client.readOnly === readOnly) return;
    this.update({ client: { ...client, readOnly } });
    this.keep();
    this.send({ kind: "read_only", now, readOnly });
  }

  /** Sends something at once: what no window has brought. */
  send(reply: Reply): void {
    if (!this.#ended) this.#subscriber.deliver([reply], noEvents);
  }

  /** Sends something when the window is committed. */
  reply(reply: Reply): void {
    this.#replies.push(reply);
    if (reply.kind === "hash") this.#hashed = reply.eventIndex;
    if (reply.kind !== "decided") return;
    for (const result of reply.verdict.results) {
      if (result.kind !== "accepted") continue;
      const { event } = result;
      // A hash goes out after the events up to it: an acceptance behind it comes too late to stand for one of those.
      if (event.eventId > this.#hashed && this.cursor.isNew(event)) this.#own.add(event.eventId);
    }
  }

  /** What it is sent when the window is committed. */
  get replies(): readonly Reply[] {
    return this.#replies;
  }

  rollback(): void {
    this.#state = this.#before;
    this.cursor.rollback();
    this.#replies = [];
    this.#hashed = 0;
    this.#own.clear();
  }

  /**
   * Sends the replies, then the new events that this connection has not received yet. So a submitter has its
   * verdict before the broadcast of its own event. Only a hash comes after the events that it is of, so that
   * its reader can compare.
   */
  flush(fresh: readonly EventRow[], now: number): void {
    const { live } = this;
    this.#deliver(live ? this.#advance(fresh) : noEvents);
    if (live && !this.cursor.atHead && !this.follows) {
      // Once: from here on it pulls.
      this.#subscriber.deliver([{ kind: "head", now, currentEventIndex: fresh.at(-1)!.eventId }], noEvents);
    }
    if (fresh.length > 0) {
      // Clearing an empty set allocates.
      if (this.#own.size > 0) this.#own.clear();
      this.cursor.endDoubt();
    }
    this.keep();
    if (this.#replies.length > 0) this.#replies = [];
    this.#hashed = 0;
  }

  /** Why this draft is refused because an earlier one has to come again first; undefined: it is not. */
  heldBack(draftId: string): Failure | undefined {
    const { held } = this.#state;
    if (!held || held.draftId === draftId) return undefined;
    return {
      code: held.code,
      detail: `Draft "${held.draftId}" was refused before this one: send it again first, so that the order stays.`,
      retryAfter: retryAfterSeconds,
    };
  }

  /** Updates whether `draftId` holds back later drafts, after its outcome: `code` of its refusal; undefined: decided. */
  updateHold(draftId: string, code: ErrorCode | undefined): void {
    const { held } = this.#state;
    if (isHolding(code)) {
      if (!held) this.update({ held: { draftId, code } });
    } else if (held?.draftId === draftId) this.update({ held: undefined });
  }

  #deliver(broadcasts: readonly EventRow[]): void {
    let replies = this.#replies;
    if (replies.length === 0) {
      if (broadcasts.length > 0) this.#subscriber.deliver(replies, broadcasts);
      return;
    }
    let events = broadcasts;
    for (let at = replies.findIndex(isHashReply); at >= 0; at = replies.findIndex(isHashReply)) {
      const { eventIndex } = replies[at] as Hash;
      const before = replies.slice(0, at);
      // An acceptance before it can be of a later event, where the hash is an earlier one again: no hole may be in front.
      const last = Math.max(eventIndex, lastAccepted(before));
      const hashed = events.filter(({ eventId }) => eventId <= last);
      if (at > 0 || hashed.length > 0) this.#subscriber.deliver(before, hashed);
      this.#subscriber.deliver([replies[at]!], []);
      replies = replies.slice(at + 1);
      events = events.slice(hashed.length);
    }
    if (replies.length > 0 || events.length > 0) this.#subscriber.deliver(replies, events);
  }

  #advance(fresh: readonly EventRow[]): readonly EventRow[] {
    const { client } = this.#state;
    const skipped = client?.echo === false && this.#own.size > 0 ? this.#own : undefined;
    return this.cursor.advance(fresh, client?.credit, skipped, client?.authors === true, this.broadcastsNameDraftsOf);
  }
}

type Hash = Extract<Reply, { kind: "hash" }>;

function isHashReply(reply: Reply): reply is Hash {
  return reply.kind === "hash";
}

/** The last event that these replies accept; 0: none. */
function lastAccepted(replies: readonly Reply[]): number {
  let last = 0;
  for (const reply of replies) {
    if (reply.kind !== "decided") continue;
    for (const result of reply.verdict.results) {
      if (result.kind === "accepted") last = Math.max(last, result.event.eventId);
    }
  }
  return last;
}

const holdingCodes: readonly string[] = [
  "storage_unavailable",
  "schema_mismatch",
  "quarantined",
  "rebuilding",
  "overloaded",
  "rate_limited",
  "read_only",
  // Of the first draft of a partition, where it cannot be found out whether the tenant may have another one.
  "identity_unavailable",
  "partition_unavailable",
] satisfies HoldingCode[];

function isHolding(code: ErrorCode | undefined): code is HoldingCode {
  return code !== undefined && holdingCodes.includes(code);
}

export const newSession = (author: SessionState["author"], awaitsToken = false): SessionState => ({
  author,
  awaitsToken,
  client: undefined,
  wire: undefined,
  behind: undefined,
  told: undefined,
  held: undefined,
  presence: undefined,
  provisionalLogId: undefined,
});
