import { defineEffects, type Effect, type Effects } from "../../src/model/effects.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { isMigrated } from "../../src/storage/migrations.ts";
import type { EventRow } from "../../src/storage/port.ts";
import { counter } from "../workerd/models.ts";
import type { Trace } from "./trace.ts";

/** How far ahead a timer is set, in milliseconds. */
const delaysMs = [0, 1_500, 20_000, 5 * 60_000, 1_000];

/** What a note does with timers: so the drafts of the runs set, replace and cancel some. */
function timerOf(text: string, timestamp: number): Effect | undefined {
  const number = Number(/\d+$/.exec(text)?.[0]);
  if (Number.isNaN(number)) return undefined;
  const key = `t${number % 4}`;
  if (number % 7 === 6) return { kind: "cancel", key };
  // Some set or cancel the timer of the same key by their own event.
  const own = number >= 4 && number % 3 === 0;
  const draft = {
    kind: "schedule",
    key,
    type: own ? "note" : "add",
    version: own ? undefined : 2,
    payload: own ? { text: `again${number - 4}` } : { by: (number % 5) - 2 },
  } as const;
  if (number % 7 === 5) return { ...draft, cron: "*/5 * * * *", timeZone: "Europe/Berlin" };
  return { ...draft, at: timestamp + delaysMs[number % delaysMs.length]! };
}

/** How long a hold of the inventory lasts, in milliseconds. */
const holdMs = 600_000;

/** What an event of any model does with timers. */
function effectOf({ type, payload, timestamp }: EventRow): Effect | undefined {
  const { text, hold } = JSON.parse(payload) as { text: string; hold: string };
  const key = `hold:${hold}`;
  switch (type) {
    case "note":
      return timerOf(text, timestamp);
    case "reserve":
      return { kind: "schedule", key, type: "expire", payload: {}, at: timestamp + holdMs };
    case "confirm":
    case "release":
    case "settle":
      return { kind: "cancel", key };
    default:
      return undefined;
  }
}

/** The effects of the model `counter`. */
export const counterEffects: Effects = defineEffects(counter, {
  note: (_, { payload, timestamp }) => timerOf(payload.text, timestamp),
});

/** A timer that is set. */
interface SetTimer {
  /** Not earlier than then; undefined: it recurs. */
  readonly at: number | undefined;
  /** The times at which it has fired. */
  readonly fired: Set<string>;
}

/** The timers that the log says are set: what fires is judged by them. */
export class TimerBook {
  readonly #disk: SqlDriver;
  readonly #trace: Trace;
  readonly #timers = new Map<string, SetTimer>();
  /** Whether rejections were forgotten: then it is not known any more what became of a timer. */
  forgets = false;

  constructor(disk: SqlDriver, trace: Trace) {
    this.#disk = disk;
    this.#trace = trace;
  }

  /** Notes an event of the log. `latest`: the latest time that the server's clock has had. */
  observe(row: EventRow, latest: number): void {
    const { eventId, principal, draftId } = row;
    if (principal.startsWith("timer:")) this.#fired(eventId, principal.slice(6), draftId, latest);
    const effect = effectOf(row);
    if (effect?.kind === "cancel") this.#timers.delete(effect.key);
    else if (effect?.kind === "schedule") {
      this.#timers.set(effect.key, { at: "at" in effect ? effect.at : undefined, fired: new Set() });
    }
  }

  #fired(eventId: number, key: string, draftId: string, latest: number): void {
    const timer = this.#timers.get(key);
    const dueAt = Number(draftId.split(":").at(-1));
    this.#trace.check(timer !== undefined, () => `event ${eventId} is of the timer ${key}, which is not set`);
    if (!timer) return;
    this.#trace.check(dueAt >= (timer.at ?? 0), () => `the timer ${key} is set for ${timer.at}, and due at ${dueAt}`);
    this.#trace.check(dueAt <= latest, () => `the timer ${key} is due at ${dueAt}, and fires at ${latest}`);
    this.#trace.check(!timer.fired.has(draftId), () => `the timer ${key} fires twice at ${dueAt}`);
    timer.fired.add(draftId);
    if (timer.at !== undefined) this.#timers.delete(key);
  }

  /** How many timers are due at `now`, and have not fired. */
  due(now: number): number {
    return this.#stored("SELECT key FROM timers WHERE max(due_at, coalesce(retry_at, 0)) <= ?", now).length;
  }

  /** Whether a timer waits. */
  get waits(): boolean {
    return this.#stored("SELECT key FROM timers").length > 0;
  }

  /** Checks at the end that each timer that is set waits, or was rejected; and that no other one waits. */
  check(): void {
    const waiting = new Set(this.#stored("SELECT key FROM timers"));
    for (const key of waiting) {
      this.#trace.check(this.#timers.has(key), () => `the timer ${key} waits, and is not set`);
    }
    if (this.forgets) return;
    const rejected =
      "SELECT DISTINCT substr(principal, 7) AS key FROM idempotency_records WHERE principal LIKE 'timer:%'";
    const known = new Set([...waiting, ...this.#stored(rejected)]);
    for (const [key, { at }] of this.#timers) {
      this.#trace.check(
        known.has(key) && (at !== undefined || waiting.has(key)),
        () => `the timer ${key} is set for ${at ?? "ever"}, and is lost`,
      );
    }
  }

  #stored(sql: string, ...values: number[]): string[] {
    if (!isMigrated(this.#disk)) return [];
    return this.#disk.query(sql, ...values).map((row) => row["key"] as string);
  }
}
