import type { DayCost } from "../platform/metrics-api.ts";
import type { MetricsPorts } from "./ports.ts";

const dayMs = 24 * 60 * 60 * 1_000;

type Figures = { -readonly [Name in Exclude<keyof DayCost, "day" | "storedBytes">]: number };

/**
 * What the platform bills for one object, counted in memory by days (UTC). The rows of a time are those of the day on which
 * they are looked at: `look` is to be called at the end of each entry into the object.
 *
 * `activeMs` is how long the object had something under way that keeps it from hibernating: a timer, a stream, a call. What
 * runs within a turn is not in it, because the clock stands still there: so it is the least that is billed.
 */
export class Costs {
  readonly #metrics: Pick<MetricsPorts, "rowsRead" | "rowsWritten">;
  readonly #now: () => number;
  #days: { readonly day: number; readonly figures: Figures }[] = [];
  #rows = { read: 0, written: 0 };
  /** Rows that no statement writes. */
  #alarms = 0;
  /** Since the last look: the day of each would cost more than to count it. */
  #messages = 0;
  #events = 0;
  #underWay = 0;
  #activeSince = 0;

  constructor(metrics: Pick<MetricsPorts, "rowsRead" | "rowsWritten">, now: () => number) {
    this.#metrics = metrics;
    this.#now = now;
  }

  /** An alarm was set: a billed row. */
  alarmSet(): void {
    this.#alarms++;
  }

  /** A message came by a WebSocket. */
  message(): void {
    this.#messages++;
  }

  events(count: number): void {
    this.#events += count;
  }

  /** The object was called or requested, or its alarm came. */
  request(): void {
    this.#today.requests++;
  }

  /** Something keeps the object from hibernating. Returns what is to be called at its end, any number of times. */
  begin(): () => void {
    if (this.#underWay++ === 0) this.#activeSince = this.#now();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#addActive();
      this.#underWay--;
    };
  }

  /** Whether something was counted that has not been taken. */
  get isOwed(): boolean {
    return this.#days.some(({ figures }) => figures.requests > 0 || figures.socketMessages > 0);
  }

  look(): void {
    const { rowsRead, rowsWritten } = this.#metrics;
    const [read, written] = [rowsRead(), rowsWritten() + this.#alarms];
    const today = this.#today;
    today.rowsRead += read - this.#rows.read;
    today.rowsWritten += written - this.#rows.written;
    this.#rows = { read, written };
    today.socketMessages += this.#messages;
    today.events += this.#events;
    this.#messages = this.#events = 0;
    this.#addActive();
  }

  /** What was counted since the last call. */
  take(storedBytes: number): readonly DayCost[] {
    this.look();
    const taken = this.#days.map(({ day, figures }) => ({ day: dayOf(day), storedBytes, ...figures }));
    this.#days = [];
    return taken;
  }

  #addActive(): void {
    if (this.#underWay === 0) return;
    const now = this.#now();
    this.#today.activeMs += Math.max(0, now - this.#activeSince);
    this.#activeSince = now;
  }

  get #today(): Figures {
    const day = Math.floor(this.#now() / dayMs);
    const last = this.#days.at(-1);
    if (last?.day === day) return last.figures;
    const figures = { requests: 0, socketMessages: 0, rowsRead: 0, rowsWritten: 0, activeMs: 0, events: 0 };
    this.#days.push({ day, figures });
    return figures;
  }
}

/** As 2026-11-30. */
const dayOf = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);
