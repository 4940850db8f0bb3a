import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { Json } from "../../../src/protocol/index.ts";
import type { Talk } from "../conversation.ts";
import type { EventRow } from "../../../src/storage/port.ts";
import { partitionName } from "../host.ts";
import { canonicalText, type Ledger } from "../ledger.ts";
import type { Trace } from "../trace.ts";
import type { Asked, Told } from "../wire.ts";
import type { Message } from "./guest.ts";

interface Page {
  events: Message["payload"][];
  nextSinceCommittedId: number;
  hasMore: boolean;
  syncToCommittedId: number;
}

/**
 * Checks what the server says on a connection of the wire "1.0": an answer to each message; pages and broadcasts
 * without a gap, as the log has them; and no broadcast within a cycle of pages.
 */
export class GuestTalk implements Talk {
  readonly #name: string;
  readonly #ledger: Ledger;
  readonly #trace: Trace;
  readonly #unanswered = new Map<string, Message>();
  /** Own events that were reported as committed: their broadcasts do not come. */
  readonly #own = new Set<number>();
  /** Own events that were reported as committed after everything before them: they are never broadcast. */
  readonly #silent = new Set<number>();
  /** The last event before this step. */
  #headBefore = 0;
  #cursor = 0;
  #connected = false;
  /** The end of the cycle of pages that is open. */
  #cycleEnd: number | undefined;

  constructor(name: string, ledger: Ledger, trace: Trace) {
    this.#name = name;
    this.#ledger = ledger;
    this.#trace = trace;
  }

  get quiet(): boolean {
    return this.#unanswered.size === 0;
  }

  get cursor(): number {
    return this.#cursor;
  }

  asked({ id, frame }: Asked): void {
    this.#unanswered.set(id, JSON.parse(frame) as Message);
  }

  woken(): void {}

  skipOwn(): void {
    for (let next = this.#cursor + 1; this.#own.has(next) || this.#isAsked(next); next++) {
      this.#own.add(next);
      this.#cursor = next;
    }
  }

  /** Whether it is of a message that has no answer yet: one that is refused in part is done again before it is answered. */
  #isAsked(eventId: number): boolean {
    const row = this.#ledger.rows[eventId - 1];
    if (row?.principal !== "insieme:") return false;
    const submitted = [...this.#unanswered.values()].filter(isSubmission);
    return submitted.some(({ payload }) => payload.events.some(({ id }: { id: string }) => id === row.draftId));
  }

  told(messages: readonly Told[], headBefore: number): void {
    this.#headBefore = headBefore;
    for (const message of messages) this.#hear(message as unknown as Message);
  }

  #hear({ type, payload, msgId }: Message): void {
    if (type === "event_broadcast") {
      this.#broadcast(payload);
      return;
    }
    const asked = this.#unanswered.get(msgId ?? "");
    if (type === "error") {
      // It ends the connection: what else was asked is not answered.
      if (asked) this.#unanswered.delete(msgId!);
      else this.#unanswered.clear();
      return;
    }
    this.#check(asked !== undefined, () => `${type} answers nothing`);
    if (!asked) return;
    if (asked.type === "submit_events") {
      const first = [...this.#unanswered.values()].find(isSubmission);
      this.#check(asked === first, () => `${msgId} is answered before ${first?.msgId}, which was sent before it`);
    }
    this.#unanswered.delete(msgId!);
    switch (type) {
      case "connected":
        this.#check(asked.type === "connect", () => `${asked.type} is answered by connected`);
        this.#connected = true;
        this.#cursor = payload.projectLastCommittedId;
        this.#check(this.#cursor <= this.#ledger.head, () => `connected tells of event ${this.#cursor}`);
        return;
      case "sync_response":
        this.#check(asked.type === "sync", () => `${asked.type} is answered by sync_response`);
        this.#page(asked.payload.sinceCommittedId, payload);
        return;
      case "submit_events_result":
        this.#results(asked.payload.events, payload.results);
        return;
      default:
        this.#check(false, () => `${type} is no answer`);
    }
  }

  #broadcast(event: Message["payload"]): void {
    this.#check(this.#connected, () => "a broadcast comes before connected");
    this.#check(this.#cycleEnd === undefined, () => `event ${event.committedId} is broadcast within a cycle of pages`);
    this.#check(!this.#silent.has(event.committedId), () => `event ${event.committedId} is broadcast to its submitter`);
    this.#checkEvent(event);
    this.skipOwn();
    // An own one may come, too, in what follows a cycle of pages.
    if (this.#own.delete(event.committedId) && event.committedId <= this.#cursor) return;
    this.#check(
      event.committedId === this.#cursor + 1,
      () => `event ${event.committedId} is broadcast, but the cursor is at ${this.#cursor}`,
    );
    this.#cursor = event.committedId;
    this.skipOwn();
  }

  #page(since: number, { events, nextSinceCommittedId, hasMore, syncToCommittedId }: Page): void {
    for (const [at, event] of events.entries()) {
      this.#check(
        event.committedId === since + 1 + at,
        () => `a page after ${since} has event ${event.committedId} at ${at}`,
      );
      this.#checkEvent(event);
    }
    const end = this.#cycleEnd ?? syncToCommittedId;
    this.#check(syncToCommittedId === end, () => `a cycle of pages ends at ${end}, and then at ${syncToCommittedId}`);
    this.#check(
      nextSinceCommittedId === since + events.length && hasMore === nextSinceCommittedId < end,
      () => `a page after ${since} of ${events.length} goes on at ${nextSinceCommittedId} of ${end}: ${hasMore}`,
    );
    this.#cycleEnd = hasMore ? end : undefined;
    this.#cursor = nextSinceCommittedId;
  }

  #results(events: Message["payload"][], results: Message["payload"][]): void {
    this.#check(
      results.map(({ id }) => id).join() === events.map(({ id }) => id).join(),
      () => `the results are not of what was submitted: ${JSON.stringify(results)}`,
    );
    const live = this.#cycleEnd === undefined && this.#cursor === this.#headBefore;
    let blockedBy: string | undefined;
    for (const [at, { id, status, committedId, serverTs, reason, blockedById }] of results.entries()) {
      this.#check(
        blockedBy === undefined || (status === "not_processed" && blockedById === blockedBy),
        () => `${id} is ${status}, blocked by ${blockedById}, behind ${blockedBy}, which was not committed`,
      );
      if (status !== "committed") blockedBy ??= id;
      const row = this.#ledger.event("insieme:", id);
      if (status === "rejected" && row) {
        const isOther = reason === "validation_failed" && !isContentOf(row, events[at]);
        this.#check(isOther, () => `${id} is in the log as it was submitted, and is rejected: ${reason}`);
      }
      if (status !== "committed") continue;
      const same =
        row !== undefined && row.eventId === committedId && row.timestamp === serverTs && isContentOf(row, events[at]);
      this.#check(same, () => `${id} is shown as event ${committedId}, and the log has ${JSON.stringify(row)}`);
      if (committedId <= this.#cursor) continue;
      this.#own.add(committedId);
      if (live && committedId > this.#headBefore) this.#silent.add(committedId);
    }
  }

  #checkEvent(event: Message["payload"]): void {
    const row = this.#ledger.rows[event.committedId - 1];
    const expected = row && {
      id: row.principal === "insieme:" ? row.draftId : `evt-${row.eventId}`,
      partition: row.annotations?.label ?? partitionName.partition,
      type: row.type,
      schemaVersion: row.version ?? 1,
      payload: canonicalText(row.payload),
      serverTs: row.timestamp,
    };
    const { id, partition, type, schemaVersion, payload, serverTs } = event;
    const told = { id, partition, type, schemaVersion, payload: canonicalJson(payload), serverTs };
    this.#check(
      expected !== undefined && canonicalJson(told) === canonicalJson(expected as Json),
      () => `event ${event.committedId} is shown as ${JSON.stringify(event)}, and stored as ${JSON.stringify(row)}`,
    );
  }

  #check(holds: boolean, what: () => string): void {
    this.#trace.check(holds, () => `${this.#name}: ${what()}`);
  }
}

const isSubmission = ({ type }: Message): boolean => type === "submit_events";

/** Whether an item of `submit_events` is what was committed, from any sender. */
function isContentOf({ annotations, ...row }: EventRow, item: Message["payload"]): boolean {
  const { partition, userId, type, schemaVersion, payload, meta } = item;
  const { clientId: _, ...kept } = meta;
  const submitted = { label: partition, userId, meta: kept, type, version: schemaVersion, payload };
  const { type: committed, version } = row;
  const stored = { ...annotations, type: committed, version, payload: JSON.parse(row.payload) as Json };
  return canonicalJson(JSON.parse(JSON.stringify(submitted)) as Json) === canonicalJson(stored as Json);
}
