import type { SubmitEffect } from "../../model/effects.ts";
import {
  type Author,
  bounds,
  type ErrorCode,
  isRetryable,
  type JsonObject,
  lacksRoom,
  systemAuthor,
  utf8Length,
} from "../../protocol/index.ts";
import type { LogFields } from "../../protocol/log-events.ts";
import {
  type DeadLetterRow,
  effectIdOf,
  type OutboxKey,
  type OutboxKind,
  type OutboxRow,
  type StoredEffect,
  type StorageWrites,
} from "../../storage/port.ts";
import { single, type Submission } from "../commands.ts";
import type { Environment } from "../environment.ts";
import { isFault } from "../faults.ts";
import type { Live } from "../live.ts";
import type { Memory } from "../memory.ts";
import { describe } from "../ports.ts";
import type { Outcome } from "../replies.ts";
import type { Lane } from "./outbox.ts";
import { guard } from "./guard.ts";
import { retryDelayMs } from "./retry.ts";
import { letterCount, lettersIn } from "./letters.ts";

/** The first effects of a lane, which are sent together. */
export interface Delivery {
  readonly lane: string;
  readonly kind: OutboxKind;
  readonly destination: string;
  readonly rows: readonly OutboxRow[];
  /** Of webhooks to all endpoints: those for which something of before waits. */
  readonly behind: ReadonlySet<string>;
}

/** What became of an effect that was sent. */
export type Delivered =
  /**
   * Its destination has it for good. `eventId`: of a draft, the event that it became. `missing`: of a webhook to all
   * endpoints, those that do not have it.
   */
  | { readonly kind: "delivered"; readonly eventId?: number; readonly missing?: readonly string[] }
  /** It will never be accepted. `rejected`: by a stored verdict. */
  | { readonly kind: "rejected" | "refused"; readonly code: string; readonly detail: string }
  /** It may be accepted later; or nothing is known of it. */
  | { readonly kind: "later"; readonly code: string; readonly retryAfterMs?: number | undefined };

/** How a verdict comes back, as in `SubmitEffect`. */
type Answers = Pick<SubmitEffect, "acceptedAs" | "rejectedAs" | "step">;

/** The event by which a verdict comes back. */
interface Answer {
  readonly event: { readonly type: string; readonly payload: JsonObject };
  /** How many effects have led to it. */
  readonly hops: number;
  /** Whether it is of a step of a saga. */
  readonly step: boolean;
}

/** Effects whose delivery has ended, and that are removed together. */
interface Leaving {
  readonly rows: number;
  readonly bytes: number;
}

/** What happens to an effect whose delivery has ended. */
interface Ended {
  readonly row: OutboxRow;
  /** The endpoints that do not have it, each of which has a lane of its own then. */
  readonly missing?: readonly string[];
  readonly dead: Pick<DeadLetterRow, "reason" | "detail"> | undefined;
}

const readOnly: ErrorCode = "read_only";
const damagedDetail = JSON.stringify({ detail: "What is stored of it is damaged." });

type Submit = (author: Author, clientId: string, submission: Submission, now: number) => Outcome;

/** Gives out what is to be delivered, and records what became of it. */
export class Deliveries {
  readonly #environment: Environment;
  readonly #memory: Memory;
  readonly #submit: Submit;

  constructor(environment: Environment, memory: Memory, submit: Submit) {
    this.#environment = environment;
    this.#memory = memory;
    this.#submit = submit;
  }

  /** Whether there is something to deliver in another lane than these. */
  isReady(busy: ReadonlySet<string>): boolean {
    const outbox = this.#memory.live?.outbox;
    if (outbox) for (const name of outbox.ready.keys()) if (!busy.has(name)) return true;
    return false;
  }

  /** The next effects to deliver in another lane than these; undefined: there are none. */
  next(busy: ReadonlySet<string>, now: number): Delivery | undefined {
    const { outbox } = this.#memory.load(now);
    for (const lane of outbox.ready.values()) {
      if (busy.has(lane.name)) continue;
      const rows = this.#read(lane, now);
      outbox.moveToEnd(lane);
      // None: the lane was parked, or what was damaged in it was set aside.
      if (rows.length === 0) continue;
      const { name, kind, destination } = lane;
      return { lane: name, kind, destination, rows, behind: new Set(kind === "webhook" ? outbox.endpoints : []) };
    }
    return undefined;
  }

  /**
   * Records what became of a delivery: `results` are those of its first effects, in their order. What comes after a
   * `later`, and what has no result, is sent again.
   */
  settle(delivery: Delivery, results: readonly Delivered[], now: number): void {
    const ended: Ended[] = [];
    let later: Extract<Delivered, { kind: "later" }> | undefined;
    let bytes = 0;
    for (const [at, row] of delivery.rows.entries()) {
      const result = results[at];
      if (!result) break;
      bytes += utf8Length(row.body);
      const end = result.kind === "later" ? result : this.#end(row, result, { rows: at + 1, bytes }, now);
      if ("kind" in end) {
        later = end;
        break;
      }
      ended.push(end);
    }
    const live = this.#memory.load(now);
    const lane = live.outbox.lane(delivery.lane);
    if (!lane) return;
    // What has waited for a day because nothing could be sent, as in a pause, has not failed for a day; nor has what waits
    // for a partition that is read-only.
    if (later && later.code !== readOnly && lane.attempts + 1 >= bounds.effectAttemptsMin) {
      for (const row of delivery.rows.slice(ended.length)) {
        if (row.queuedAt > now - bounds.effectAgeMsMax) break;
        ended.push({ row, dead: { reason: "expired", detail: JSON.stringify({ code: later.code }) } });
      }
    }
    // With no room for dead letters nothing is lost: the lane stops.
    const room = bounds.deadLettersMax - letterCount(live, this.#environment.ports.storage);
    let dead = 0;
    const fits = ended.findIndex((end) => end.dead && ++dead > room);
    if (fits >= 0) {
      ended.length = fits;
      later = { kind: "later", code: "dead_letters_full" };
    }
    this.#memory.write(now, (writes) => {
      for (const end of ended) this.#leave(writes, live, lane, end, now);
      if (ended.some(({ dead: given }) => given?.reason !== "expired")) lane.attempts = 0;
      if (later) this.#park(writes, live, lane, later.retryAfterMs, now);
      else this.#unpark(writes, live, lane);
      guard(live, now);
    });
    this.#log(delivery, ended, later);
    const { measure } = this.#environment.ports;
    for (const { dead: reason } of ended) measure("effects", 1, reason ? "dead" : "delivered");
    if (later) measure("effects", 1, "again");
  }

  /** Removes an effect from its lane, and from the storage where it is nowhere else. */
  #leave(writes: StorageWrites, live: Live, lane: Lane, { row, missing = [], dead }: Ended, now: number): void {
    if (missing.length > 0) {
      const added = live.outbox.spread(lane, row, missing);
      if (!added) return;
      writes.outbox.redirect(row, missing.join(" "));
      for (const other of added) this.#park(writes, live, other, 0, now);
      return;
    }
    const left = live.outbox.remove(lane, row);
    if (!left) return;
    if (left.size === 0) writes.outbox.remove(row);
    else writes.outbox.redirect(row, [...left].join(" "));
    if (!dead) return;
    // It can be one already for another endpoint: then it is one of both.
    const known = lane.kind === "webhook" && lettersIn(this.#environment.ports.storage).find(row);
    lettersIn(this.#environment.ports.storage).add({ ...row, destination: lane.destination, ...dead, diedAt: now });
    if (!known) live.deadLetters.added();
  }

  /** What happens to an effect that has its last answer; `later`: that could not come back now. `leaving`: what is removed then. */
  #end(
    row: OutboxRow,
    result: Exclude<Delivered, { kind: "later" }>,
    leaving: Leaving,
    now: number,
  ): Ended | Extract<Delivered, { kind: "later" }> {
    const answer = this.#answerOf(row, result);
    if (answer) {
      const failure = this.#comeBack(row, answer, leaving, now);
      if (!failure) return { row, dead: undefined };
      if ("kind" in failure) return failure;
      return { row, dead: { reason: "answer_failed", detail: JSON.stringify(failure) } };
    }
    if (result.kind === "delivered") return { row, missing: result.missing ?? [], dead: undefined };
    const { kind: reason, code, detail } = result;
    return { row, dead: { reason, detail: JSON.stringify({ code, detail }) } };
  }

  /** The event by which a verdict comes back; undefined: none is declared. */
  #answerOf(row: OutboxRow, result: Exclude<Delivered, { kind: "later" }>): Answer | undefined {
    if (row.kind !== "submit") return undefined;
    const { acceptedAs, rejectedAs, step } = JSON.parse(row.body) as Answers;
    if (result.kind === "refused" && !step) return undefined;
    // Of a key that has another content nothing is known: whether it is done has to be found out by somebody.
    if (step && result.kind !== "delivered" && result.code === "idempotency_key_reused") return undefined;
    const type = result.kind === "delivered" ? acceptedAs : rejectedAs;
    if (type === undefined) return undefined;
    const of = { effectId: effectIdOf(row), partition: row.destination, ...(step && { about: step.about }) };
    const payload =
      result.kind === "delivered"
        ? { ...of, eventId: result.eventId! }
        : { ...of, code: result.code, detail: result.detail };
    return { event: { type, payload }, hops: step ? row.hops - 1 : row.hops, step: step !== undefined };
  }

  /**
   * Submits a verdict to this partition, under the key of its effect: so it comes back once. Returns why it could not. What
   * it causes has the room of what leaves: else an outbox that is full of effects whose answers cause others stays full.
   */
  #comeBack(
    row: OutboxRow,
    { event, hops, step }: Answer,
    { rows, bytes }: Leaving,
    now: number,
  ): Extract<Delivered, { kind: "later" }> | { code: string; detail: string } | undefined {
    const author = systemAuthor("partition", row.destination);
    const { correlationId } = row;
    const draft = {
      draftId: effectIdOf(row),
      event,
      expectedEventId: undefined,
      cause: { correlationId, hops, settles: true },
    };
    const { outbox } = this.#memory.load(now);
    const outcome = outbox.without(rows, bytes, () => this.#submit(author, author.principal, single(draft), now));
    if (outcome.kind === "refused") {
      const { code, detail, retryAfter } = outcome.failure;
      // A saga goes on by its answers: so they wait for room.
      const waits = isRetryable(code) || (step && lacksRoom(code));
      return waits ? { kind: "later", code, retryAfterMs: (retryAfter ?? 0) * 1_000 } : { code, detail };
    }
    const result = outcome.verdict.results[0]!;
    if (result.kind !== "rejected") return undefined;
    const { code, detail } = result.failure;
    return { code, detail };
  }

  /** The first effects of a lane. None: it is parked, or its first effect was damaged and is a dead letter now. */
  #read(lane: Lane, now: number): OutboxRow[] {
    const rows: OutboxRow[] = [];
    let bytes = 0;
    try {
      for (const effect of lane.waiting) {
        if (rows.length === bounds.deliveryRowsMax || (bytes += effect.bytes) > bounds.deliveryBytesMax) break;
        const row = this.#environment.ports.storage.outbox.find(effect);
        if (row && isWhole(row)) rows.push(row);
        else {
          if (rows.length === 0) this.#setAside(lane, effect, row, now);
          break;
        }
      }
    } catch (error) {
      if (!isFault(error)) throw error;
      if (rows.length === 0) {
        this.#logDamage(lane, { error: describe(error) });
        this.#parkFor(lane, now);
      }
    }
    return rows;
  }

  /**
   * Makes the first effect of a lane a dead letter, as the bytes that are stored: read again it would be damaged again, and
   * what is behind it must not wait for that. `row` undefined: nothing is stored of it.
   */
  #setAside(lane: Lane, key: OutboxKey, row: StoredEffect | undefined, now: number): void {
    const live = this.#memory.load(now);
    const { storage } = this.#environment.ports;
    if (row && letterCount(live, storage) >= bounds.deadLettersMax) {
      this.#parkFor(lane, now);
      return;
    }
    this.#logDamage(
      lane,
      row ? { effectId: effectIdOf(row), correlationId: row.correlationId } : { eventId: key.eventId },
    );
    this.#memory.write(now, (writes) => {
      if (row) {
        lettersIn(storage).addStored(key, { diedAt: now, reason: "damaged", detail: damagedDetail });
        live.deadLetters.added();
      }
      writes.outbox.remove(key);
      live.outbox.forget(lane, key);
      guard(live, now);
    });
  }

  #parkFor(lane: Lane, now: number): void {
    const live = this.#memory.load(now);
    this.#memory.write(now, (writes) => this.#park(writes, live, lane, bounds.effectRetryMsMax, now));
  }

  #logDamage(lane: Lane, about: LogFields<"effect_damaged">): void {
    const { name, ports } = this.#environment;
    ports.log("effect_damaged", { ...name, lane: lane.name, ...about });
  }

  /** Has a lane wait for its next attempt. */
  #park(writes: StorageWrites, live: Live, lane: Lane, retryAfterMs = 0, now: number): void {
    if (lane.waiting.length === 0) return;
    const fraction = this.#environment.ports.random.fraction();
    const dueAt = now + Math.max(retryDelayMs(lane.attempts, fraction), retryAfterMs);
    lane.attempts++;
    live.outbox.park(lane);
    live.schedule.retry(writes, { kind: "redeliver", key: lane.name, dueAt, attempts: lane.attempts });
  }

  /** Has a lane go on: what was sent has arrived. It can be parked, where the row that says so was loaded meanwhile. */
  #unpark(writes: StorageWrites, live: Live, lane: Lane): void {
    live.outbox.unpark(lane);
    if (live.schedule.has("redeliver", lane.name)) live.schedule.cancel(writes, "redeliver", lane.name);
  }

  #log(
    { lane, rows }: Delivery,
    ended: readonly Ended[],
    later: Extract<Delivered, { kind: "later" }> | undefined,
  ): void {
    const { name, ports } = this.#environment;
    for (const { row, dead } of ended) {
      if (!dead) continue;
      const { correlationId, destination } = row;
      const about = { effectId: effectIdOf(row), destination, correlationId };
      ports.log("effect_died", {
        ...name,
        ...about,
        reason: dead.reason,
        detail: dead.detail,
      });
    }
    const first = rows[ended.length];
    if (!later || !first) return;
    const about = { effectId: effectIdOf(first), correlationId: first.correlationId };
    ports.log("effects_wait", { ...name, lane, ...about, code: later.code });
  }
}

function isWhole(row: StoredEffect): row is OutboxRow {
  return row.body !== undefined;
}
