import type { ErrorCode, Failure } from "../../protocol/index.ts";
import type { EventRow } from "../../storage/port.ts";
import { Credit } from "./credit.ts";
import type { Effect, HoldingCode, SessionState, Subscriber } from "../replies.ts";

/** How long a client waits after a refusal that may pass, in seconds. */
export const retryAfterSeconds = 1;

/** The refusal of what comes before `connect` was answered. */
export const notConnected: Failure = {
  code: "not_connected",
  detail: "Send connect first, and wait for connected.",
};

/** The last thing that a connection is told whose token has expired. */
export const expired: Failure = { code: "auth_expired", detail: "Your token has expired: connect with a new one." };

/** The last thing that a connection is told whose token was revoked. */
export const revoked: Failure = { code: "auth_revoked", detail: "Your token was revoked: sign in again." };

/** What is answered while the partition is being moved. */
export const draining: Failure = {
  code: "draining",
  detail: "This partition is being moved: send the same again in a moment.",
  retryAfter: retryAfterSeconds,
};

/** One connection: who it is, what it has seen, and whether a refused draft holds back its later ones. */
export class Session {
  readonly #subscriber: Subscriber;
  #state: SessionState;
  /** What the subscriber keeps of the state. */
  #saved: SessionState;
  /** Why nothing more is taken from it, once it has ended. */
  #ended: Failure | undefined;
  /** The state at the beginning of the window. */
  #before: SessionState;
  #replies: Effect[] = [];
  /** The last event that a live connection has been given; undefined after sleep, until the log could be read. */
  #at: number | undefined;
  #atBefore: number | undefined;
  readonly #credit = new Credit();
  /** Events after `#at` whose acceptance was told here. */
  readonly #own = new Set<number>();

  constructor(subscriber: Subscriber, state: SessionState) {
    this.#subscriber = subscriber;
    this.#state = this.#saved = this.#before = state;
  }

  get state(): Readonly<SessionState> {
    return this.#state;
  }

  /** When its token expires, in milliseconds since 1970. */
  get expiresAt(): number {
    return this.#state.author?.expiresAt ?? Number.POSITIVE_INFINITY;
  }

  /** Why nothing more is taken from it: it has ended, or its token has expired by `now`. */
  over(now: number): Failure | undefined {
    return this.#ended ?? (this.expiresAt <= now ? expired : undefined);
  }

  /** Nothing more is taken from it, and `last` is the last that it is told. */
  end(failure: Failure, last: Effect): void {
    if (this.#ended) return;
    this.reply(last);
    this.#ended = failure;
  }

  /** Whether it has seen the whole log, and so is given each new event. */
  get live(): boolean {
    return this.#ended === undefined && this.#state.client !== undefined && this.#state.behind === undefined;
  }

  /** Takes up again what was known of the connection: if it was live, it was given everything up to `head`, or less in doubt. */
  resume(head: number): void {
    this.#at = this.#state.told ?? head;
  }

  /** Keeps, over hibernation too, up to where a live connection was told: there may be more, which cannot be read now. */
  doubt(): void {
    if (!this.live || this.#at === undefined || this.#state.told === this.#at) return;
    this.update({ told: this.#at });
    this.keep();
  }

  begin(): void {
    this.#before = this.#state;
    this.#atBefore = this.#at;
  }

  /** Changes what is known of the connection. */
  update(change: Partial<SessionState>): void {
    this.#state = { ...this.#state, ...change };
  }

  /** Keeps what is known of the connection over hibernation. */
  keep(): void {
    if (this.#state !== this.#saved) this.#subscriber.save((this.#saved = this.#state));
  }

  /** Tells this connection something at once: what no window has brought. */
  tell(effect: Effect): void {
    if (!this.#ended) this.#subscriber.deliver([effect], []);
  }

  /** Tells this connection something, when the window is committed. */
  reply(effect: Effect): void {
    this.#replies.push(effect);
    if (effect.kind === "decided") {
      for (const result of effect.verdict.results) if (result.kind === "accepted") this.#owns(result.event);
    }
  }

  /** Sets the delivery cursor to `eventId`. */
  seen(eventId: number, head: number): void {
    this.#at = eventId;
    const behind = eventId === head ? undefined : eventId;
    if (behind !== this.#state.behind) this.update({ behind });
  }

  rollback(): void {
    this.#state = this.#before;
    this.#at = this.#atBefore;
    this.#replies = [];
    this.#own.clear();
  }

  /**
   * Says what is to be said: the replies, then the new events that this connection has not been
   * given yet. So a submitter has its verdict before the broadcast of its own event. Only a hash
   * comes after the events that it is of, so that whoever gets it can compare.
   */
  flush(fresh: readonly EventRow[], now: number): void {
    const unseen = this.live ? this.#unseen(fresh) : [];
    const broadcasts = this.#affordable(unseen);
    this.#deliver(broadcasts);
    if (broadcasts.length < unseen.length) {
      // With the rest this connection is behind. It is told so once, and pulls.
      this.update({ behind: unseen[broadcasts.length]!.eventId - 1 });
      this.#subscriber.deliver([{ kind: "head", now, currentEventIndex: fresh.at(-1)!.eventId }], []);
    }
    if (fresh.length > 0) {
      if (this.live) this.#at = fresh.at(-1)!.eventId;
      this.#own.clear();
      if (this.#state.told !== undefined) this.update({ told: undefined });
    }
    this.keep();
    this.#replies = [];
  }

  /** The refusal that a held connection gives to every draft but the one it waits for. */
  heldBack(draftId: string): Failure | undefined {
    const { held } = this.#state;
    if (!held || held.draftId === draftId) return undefined;
    return {
      code: held.code,
      detail: `Draft "${held.draftId}" was refused before this one: send it again first, so that the order stays.`,
      retryAfter: retryAfterSeconds,
    };
  }

  /** Remembers, or forgets, that `draftId` was refused and must come again before any other. */
  settle(draftId: string, refusal: ErrorCode | undefined): void {
    const { held } = this.#state;
    if (isHolding(refusal)) {
      if (!held) this.update({ held: { draftId, code: refusal } });
    } else if (held?.draftId === draftId) this.update({ held: undefined });
  }

  #deliver(broadcasts: readonly EventRow[]): void {
    let replies = this.#replies;
    let events = broadcasts;
    for (let at = replies.findIndex(isHash); at >= 0; at = replies.findIndex(isHash)) {
      const { eventIndex } = replies[at] as Hash;
      const hashed = events.filter(({ eventId }) => eventId <= eventIndex);
      if (at > 0 || hashed.length > 0) this.#subscriber.deliver(replies.slice(0, at), hashed);
      this.#subscriber.deliver([replies[at]!], []);
      replies = replies.slice(at + 1);
      events = events.slice(hashed.length);
    }
    if (replies.length > 0 || events.length > 0) this.#subscriber.deliver(replies, events);
  }

  #unseen(fresh: readonly EventRow[]): readonly EventRow[] {
    if (fresh.length === 0) return fresh;
    const skipsOwn = this.#own.size > 0 && this.#state.client?.echo === false;
    // Mostly all of it, and then the same array for everybody.
    const at = this.#at ?? 0;
    if (fresh[0]!.eventId > at && !skipsOwn) return fresh;
    return fresh.filter(({ eventId }) => eventId > at && !(skipsOwn && this.#own.has(eventId)));
  }

  #owns({ eventId }: EventRow): void {
    if (eventId > (this.#at ?? 0)) this.#own.add(eventId);
  }

  /** As much of `unseen`, from the first on, as there is credit for. */
  #affordable(unseen: readonly EventRow[]): readonly EventRow[] {
    const allowed = this.#state.client?.credit;
    if (allowed === undefined || unseen.length === 0) return unseen;
    const affordable = this.#credit.spend(unseen, allowed);
    return affordable === unseen.length ? unseen : unseen.slice(0, affordable);
  }

  /** Gives back the credit of all events up to `eventId`. */
  acknowledge(eventId: number): void {
    this.#credit.release(eventId);
  }
}

type Hash = Extract<Effect, { kind: "hash" }>;

function isHash(effect: Effect): effect is Hash {
  return effect.kind === "hash";
}

const holdingCodes: readonly string[] = [
  "storage_unavailable",
  "schema_mismatch",
  "quarantined",
  "overloaded",
  "rate_limited",
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
