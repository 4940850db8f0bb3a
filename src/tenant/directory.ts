import type {
  DirectoryQuery,
  DirectoryRow,
  NameRange,
  PlacedPage,
  PlacedQuery,
  PlacedRow,
  RowFilter,
  RowOrder,
} from "../platform/directory-api.ts";
import type { DayCost, Gauge, MetricsReport } from "../platform/metrics-api.ts";
import type { DirectoryStorage } from "../storage/directory/storage.ts";
import { addCosts, costDaysMax, firstCostDay } from "./costs.ts";

/** The partitions of one object, about 200 bytes each; one that comes after them is not listed, and that is logged. */
const listedPartitionsMax = 250_000;
/** Partitions whose last figures wait to be stored, an estimated 300 bytes each. */
const waitingMax = 10_000;
/** Up to this many partitions of a token are read by their names. Of more, all partitions are read by place. */
const fewMax = 1_000;
/** Rows of one step of that, and of one page. */
const placedStep = 1_000;
const placedLookedAtMax = 20_000;

/**
 * A part of the directory of a tenant: its partitions, with the figures of their last reports. A row is written at once
 * for a partition that is new, or whose flags have changed, and otherwise at most once a minute: `store` is to be called
 * while something waits. With the row goes what the partition has used of what the platform bills: a row a day.
 * Synchronous: each call is one step.
 */
export class Directory {
  readonly #storage: DirectoryStorage;
  readonly #waiting = new Map<string, DirectoryRow>();
  /** Of those that wait: since when, and what they have used. */
  readonly #since = new Map<string, number>();
  readonly #costs = new Map<string, readonly DayCost[]>();
  #count: number;

  /** @throws MigrationError where the storage's schema is not one of ours. */
  constructor(storage: DirectoryStorage, now: number) {
    this.#storage = storage;
    storage.open(now);
    if (storage.partitions.isPlaceless()) storage.transaction(now, (writes) => writes.partitions.place());
    this.#count = storage.partitions.count();
  }

  /** Whether there is no room for another partition, so that there may be some that are not listed. */
  get isFull(): boolean {
    return this.#count >= listedPartitionsMax;
  }

  /** Takes a report. Returns what becomes of it. */
  report(report: MetricsReport, now: number): "nothing" | "stored" | "waiting" | "full" {
    if (!report.log) return "nothing";
    const known = this.find(report.partition);
    const row = rowOf(report, report.log, known, now);
    if (!known && this.isFull) return "full";
    const costs = addCosts(this.#costs.get(row.name) ?? [], report.costs ?? []);
    if (known && flagsOf(known) === flagsOf(row) && this.#waiting.size < waitingMax) {
      this.#waiting.set(row.name, row);
      this.#costs.set(row.name, costs);
      if (!this.#since.has(row.name)) this.#since.set(row.name, now);
      return "waiting";
    }
    this.#put([row], () => costs, now);
    if (!known) this.#count++;
    return "stored";
  }

  /** Stores what has waited for `waitedMs`. Returns how many partitions are stored, and how many still wait. */
  store(now: number, waitedMs = 0): { stored: number; waiting: number } {
    const due = [...this.#waiting.values()].filter(({ name }) => now - this.#since.get(name)! >= waitedMs);
    if (due.length > 0) this.#put(due, (name) => this.#costs.get(name)!, now);
    return { stored: due.length, waiting: this.#waiting.size };
  }

  #put(rows: readonly DirectoryRow[], costsOf: (name: string) => readonly DayCost[], now: number): void {
    this.#storage.transaction(now, (writes) => {
      for (const row of rows) {
        writes.partitions.put(row);
        const costs = costsOf(row.name);
        if (costs.length === 0) continue;
        for (const cost of addCosts(this.#storage.costs.of(row.name), costs)) {
          if (costs.some(({ day }) => day === cost.day)) writes.costs.put(row.name, cost);
        }
        writes.costs.deleteBefore(row.name, firstCostDay(now));
      }
    });
    for (const { name } of rows) for (const waiting of [this.#waiting, this.#since, this.#costs]) waiting.delete(name);
  }

  /** What a partition has used, a day each, the newest first. */
  costsOf(name: string): readonly DayCost[] {
    return addCosts(this.#storage.costs.of(name), this.#costs.get(name) ?? [])
      .toReversed()
      .slice(0, costDaysMax);
  }

  find(name: string): DirectoryRow | undefined {
    return this.#waiting.get(name) ?? this.#storage.partitions.find(name);
  }

  /** Those after a name, by name. */
  page({ ranges, after, only, limit }: Pick<DirectoryQuery, "ranges" | "after" | "only" | "limit">): DirectoryRow[] {
    const found: DirectoryRow[] = [];
    for (const range of ranges) {
      if (found.length >= limit) break;
      if (range.to > after) {
        found.push(...this.#storage.partitions.page(range, after, only, limit - found.length));
      }
    }
    return found.map((row) => this.#waiting.get(row.name) ?? row);
  }

  /**
   * Those after a place, by place: so who reads its pages learns nothing from where they begin and end. A page can end
   * before `limit`.
   */
  placed({ ranges, after, limit }: PlacedQuery): PlacedPage {
    const { rows, last } = this.#few(ranges, after) ?? this.#afterPlace(ranges, after, limit);
    const page = rows.slice(0, limit);
    const lookedTo = rows.length > limit ? page.at(-1)!.place : last;
    return {
      rows: page.map((row) => Object.assign({}, row, this.#waiting.get(row.name))),
      ...(lookedTo === undefined ? {} : { last: lookedTo }),
    };
  }

  #few(ranges: readonly NameRange[], after: number): PlacedPage | undefined {
    const rows: PlacedRow[] = [];
    for (const range of ranges) {
      rows.push(...this.#storage.partitions.some(range, fewMax + 1 - rows.length));
      if (rows.length > fewMax) return undefined;
    }
    return { rows: rows.filter(({ place }) => place > after).toSorted((a, b) => a.place - b.place) };
  }

  #afterPlace(ranges: readonly NameRange[], after: number, limit: number): PlacedPage {
    const rows: PlacedRow[] = [];
    let last = after;
    for (let lookedAt = 0; lookedAt < placedLookedAtMax && rows.length <= limit; lookedAt += placedStep) {
      const step = this.#storage.partitions.afterPlace(last, placedStep);
      rows.push(...step.filter(({ name }) => isIn(ranges, name)));
      if (step.length < placedStep) return { rows };
      last = step.at(-1)!.place;
    }
    return { rows, last };
  }

  /** The first ones of `names`, in their order. */
  among(
    names: readonly string[],
    { ranges, only, limit }: Pick<DirectoryQuery, "ranges" | "only" | "limit">,
  ): DirectoryRow[] {
    const found: DirectoryRow[] = [];
    for (const name of names) {
      if (found.length >= limit) break;
      const row = isIn(ranges, name) ? this.find(name) : undefined;
      if (row && passes(only, row)) found.push(row);
    }
    return found;
  }

  /** Those with the most. */
  top(
    order: RowOrder,
    { ranges, only, limit }: Pick<DirectoryQuery, "ranges" | "only" | "limit">,
  ): readonly DirectoryRow[] {
    const waiting = [...this.#waiting.values()].filter((row) => isIn(ranges, row.name) && passes(only, row));
    // As many more as can be there with figures that are not the last ones.
    const enough = limit + this.#waiting.size;
    const stored = ranges.flatMap((range) => this.#storage.partitions.top(range, order, only, enough));
    return [...stored.filter(({ name }) => !this.#waiting.has(name)), ...waiting]
      .toSorted((a, b) => byMost(order, a, b))
      .slice(0, limit);
  }

  /** What the cursors of pages are encrypted with: `fresh`, where there is none yet. */
  cursorKey(fresh: Uint8Array, now: number): Uint8Array {
    const known = this.#storage.cursorKey.find();
    if (known) return known;
    this.#storage.transaction(now, (writes) => writes.cursorKey.put(fresh));
    return fresh;
  }
}

/** The order of those with the most. */
export function byMost(order: RowOrder, a: DirectoryRow, b: DirectoryRow): number {
  const most = order === "largest" ? b.logBytes - a.logBytes : b.fullness - a.fullness;
  return most || (a.name < b.name ? -1 : 1);
}

const isIn = (ranges: readonly NameRange[], name: string): boolean =>
  ranges.some(({ from, to }) => name >= from && name < to);

const passing: Readonly<Record<RowFilter, (row: DirectoryRow) => boolean>> = {
  quarantined: ({ quarantined }) => quarantined,
  deadLetters: ({ deadLetters }) => deadLetters > 0,
  damaged: ({ findings }) => findings > 0,
};

const passes = (only: RowFilter | undefined, row: DirectoryRow): boolean => only === undefined || passing[only](row);

/** Those that it has of what can be asked for: where they change, the row is stored at once. */
const flagsOf = (row: DirectoryRow): string =>
  Object.values(passing)
    .map((has) => has(row))
    .join(" ");

function rowOf(
  { partition, gauges }: MetricsReport,
  { head, quarantined, verified }: NonNullable<MetricsReport["log"]>,
  known: DirectoryRow | undefined,
  now: number,
): DirectoryRow {
  const used = (name: string): number | undefined => gauges.find((gauge) => gauge.name === name)?.used;
  const fullest = gauges.reduce<Gauge | undefined>(
    (most, gauge) => (fullness(gauge) > fullness(most) ? gauge : most),
    undefined,
  );
  return {
    name: partition,
    createdAt: known?.createdAt ?? now,
    activeAt: now,
    head: head ?? known?.head ?? 0,
    logBytes: used("logBytes") ?? known?.logBytes ?? 0,
    stateBytes: used("stateBytes") ?? known?.stateBytes ?? 0,
    ...(fullest && { fullest: fullest.name }),
    fullness: fullness(fullest),
    quarantined,
    deadLetters: used("deadLetters") ?? known?.deadLetters ?? 0,
    verifiedAt: verified?.at ?? known?.verifiedAt ?? 0,
    findings: verified?.findings ?? known?.findings ?? 0,
  };
}

/** 0 to 1; 0 where there is no bound. */
function fullness(gauge: Gauge | undefined): number {
  return gauge?.max ? gauge.used / gauge.max : 0;
}
