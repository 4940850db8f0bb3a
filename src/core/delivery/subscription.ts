import { type Author, bounds, type Failure, type TracedFailure } from "../../protocol/index.ts";
import type { EventRow } from "../../storage/port.ts";
import { Refusal } from "../refusal.ts";
import type { Page } from "../replies.ts";
import type { WindowContext } from "../window/context.ts";
import { costOfBytes } from "../cost.ts";
import { assertAuthorized } from "./access.ts";
import { assertNotAhead } from "./connect.ts";
import { Cursor } from "./cursor.ts";
import { clampLimit, readPage } from "./page.ts";
import { tokenExpired } from "./endings.ts";
import { assertSameLog, proofAt } from "./proof.ts";
import type { Listener } from "./listener.ts";
import { bytesOfPage } from "./read-cost.ts";

/** Takes what a subscription delivers. Its methods must not throw. */
export interface SubscriptionReader {
  /**
   * The subscription begins after the event `position`, whose proof is `proof`; the log ends at `head`. Called once,
   * before anything else but `ended`.
   */
  started(serverId: string, position: number, head: number, proof: string | undefined): void;
  deliver(events: readonly EventRow[]): void;
  /** More events follow. They are delivered when they are pulled. */
  behind(): void;
  /** Nothing more is delivered. */
  ended(failure: TracedFailure): void;
}

/** Where a subscription begins: after this event. */
export interface SubscriptionStart {
  eventId: number;
  /** Undefined: the reader proves nothing. */
  proof: string | undefined;
}

/** How a subscription has begun, until its reader knows it. */
interface Start {
  serverId: string;
  position: number;
  head: number;
  proof: string | undefined;
}

/** Reads the log for an author, from an event on: by pages that are pulled, and by broadcasts as far as there is credit. */
export class Subscription implements Listener {
  declare readonly traceId: string | undefined;
  declare readonly author: Author;
  readonly awaitsToken = false;
  /** A stream is written to all the time, which fails when its peer is gone. */
  readonly mayVanish = false;
  /** The event after which it begins, with the proof that its reader has of it; undefined: the head. */
  declare readonly since: SubscriptionStart | undefined;
  readonly cursor = new Cursor({ behind: undefined, delivered: undefined });
  /** How many bytes the next page may have. */
  readonly pageBytes: () => number;
  /** Whether its events have their authors. */
  declare readonly authors: boolean;
  readonly #creditBytes: number;
  readonly #reader: SubscriptionReader;
  #started = false;
  #startedBefore = false;
  #start: Start | undefined;
  #page: Page | undefined;
  #waits = false;
  #ended: Failure | undefined;
  #endedBefore: Failure | undefined;
  /** Why it ends, until its reader knows it. */
  #ending: TracedFailure | undefined;

  constructor(
    author: Author,
    since: SubscriptionStart | undefined,
    creditBytes: number,
    reader: SubscriptionReader,
    traceId?: string,
    pageBytes = (): number => bounds.pageBytesMax,
    authors = false,
  ) {
    this.authors = authors;
    this.pageBytes = pageBytes;
    this.traceId = traceId;
    this.author = author;
    this.since = since;
    this.#creditBytes = creditBytes;
    this.#reader = reader;
  }

  get expiresAt(): number {
    return this.author.expiresAt ?? Number.POSITIVE_INFINITY;
  }

  get reads(): boolean {
    return this.#started;
  }

  /** Why it accepts nothing more at `now`: it has ended, or its token has expired. Undefined: it accepts. */
  endingAt(now: number): Failure | undefined {
    return this.#ended ?? (this.expiresAt <= now ? tokenExpired : undefined);
  }

  /** Begins, when the window is committed, after the event `position`. */
  start(start: Start): void {
    this.#started = true;
    this.#start = start;
  }

  /** Delivers a page when the window is committed. */
  pulled(page: Page): void {
    this.#page = page;
    this.cursor.seek(page.nextSinceEventId, page.currentEventIndex);
  }

  /** Delivers no page when the window is committed: the reader pulls again later. */
  wait(): void {
    this.#waits = true;
  }

  end(failure: TracedFailure): void {
    if (this.#ended) return;
    this.#ended = this.#ending = failure;
  }

  /** Nothing is kept over hibernation: an open stream keeps the object awake. */
  doubt(): void {}

  /** A reader of the log submits nothing. */
  announce(): void {}

  begin(): void {
    this.#startedBefore = this.#started;
    this.#endedBefore = this.#ended;
    this.cursor.begin();
  }

  rollback(): void {
    this.#started = this.#startedBefore;
    this.#ended = this.#endedBefore;
    this.#start = this.#page = this.#ending = undefined;
    this.#waits = false;
    this.cursor.rollback();
  }

  flush(fresh: readonly EventRow[]): void {
    const start = this.#start;
    const page = this.#page;
    const ending = this.#ending;
    const waits = this.#waits;
    this.#start = this.#page = this.#ending = undefined;
    this.#waits = false;
    if (start) this.#reader.started(start.serverId, start.position, start.head, start.proof);
    if (page) this.#reader.deliver(page.events);
    if (ending) this.#reader.ended(ending);
    if (!this.#started || this.#ended) return;
    const wasAtHead = this.cursor.atHead;
    if (wasAtHead)
      this.#reader.deliver(this.cursor.advance(fresh, this.#creditBytes, undefined, this.authors, undefined));
    if (!this.cursor.atHead && (page || waits || wasAtHead)) this.#reader.behind();
  }
}

/**
 * Delivers the next page to a subscription, and begins it with the first one. A pull says that everything before
 * was read, too. A reader that is over its rate gets nothing before it may begin; later it waits.
 *
 * @throws Refusal where the subscription ends instead.
 */
export function pull(context: WindowContext, subscription: Subscription): void {
  const { live, ports, now, serverId, limiter, window } = context;
  const ending = subscription.endingAt(now);
  if (ending) throw new Refusal(ending);
  assertAuthorized(context, live, subscription.author);
  const { principal } = subscription.author;
  const excess = limiter.readExcess(principal, now);
  if (excess && subscription.reads) {
    subscription.wait();
    return;
  }
  if (excess) throw new Refusal(excess);
  const head = live.head.eventId;
  let after = subscription.cursor.state.behind;
  if (!subscription.reads) {
    const { since } = subscription;
    assertNotAhead(live.head, since?.eventId, "events");
    assertSameLog(ports.storage, since?.eventId, since?.proof);
    after = since?.eventId ?? head;
    subscription.start({ serverId: serverId(live), position: after, head, proof: proofAt(ports.storage, after) });
  }
  if (after === undefined) return;
  subscription.cursor.acknowledge(after);
  const page = readPage(
    ports.storage,
    after,
    clampLimit(undefined),
    head,
    undefined,
    subscription.pageBytes(),
    subscription.authors,
  );
  const bytes = bytesOfPage(page);
  window.work += costOfBytes(bytes);
  limiter.read(principal, bytes, now);
  subscription.pulled(page);
}
