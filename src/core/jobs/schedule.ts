import { DueHeap } from "./due-heap.ts";
import type { JobKind, JobRow, StorageWrites } from "../../storage/port.ts";

/** The kinds that follow from what is stored elsewhere: they have no row, and are due again after each load. */
const derivedKinds: ReadonlySet<JobKind> = new Set(["rebuild", "deliver", "seal"]);

/** The jobs of a partition, as the table `jobs` has them: the only writer of that table. */
export class Schedule {
  readonly #rows = new Map<string, JobRow>();
  /** What comes next is asked for with each frame. */
  readonly #due = new DueHeap();

  constructor(rows: readonly JobRow[]) {
    for (const row of rows) this.#keep(row);
  }

  /** When the next job is due, in milliseconds since 1970; undefined: there is none. */
  get next(): number | undefined {
    return this.#due.next;
  }

  /** All jobs, in no order. */
  get all(): readonly JobRow[] {
    return [...this.#rows.values()];
  }

  has(kind: JobKind, key = ""): boolean {
    return this.#rows.has(nameOf(kind, key));
  }

  /** When `kind` is due for the first time, in milliseconds since 1970; undefined: it is not, or has failed since. */
  firstDueAt(kind: JobKind): number | undefined {
    const row = this.#rows.get(nameOf(kind, ""));
    return row?.attempts === 0 ? row.dueAt : undefined;
  }

  /** The jobs that are due at `now`, earliest first, at most `limit`. */
  due(now: number, limit: number): JobRow[] {
    return this.#due.due(now, limit).map((name) => this.#rows.get(name)!);
  }

  /** Makes `kind` due at `dueAt`, unless it is due at some time already. */
  once(writes: StorageWrites, kind: JobKind, dueAt: number): void {
    if (!this.has(kind)) this.set(writes, kind, dueAt);
  }

  /** Makes `kind` due at `dueAt`, and at no other time. */
  set(writes: StorageWrites, kind: JobKind, dueAt: number): void {
    this.#put(writes, { kind, key: "", dueAt, attempts: 0 });
  }

  /** A job has run: it is due again at `next`, or not any more. */
  succeeded(writes: StorageWrites, { kind, key }: JobRow, next: number | undefined, attempts = 0): void {
    if (next !== undefined) {
      this.#put(writes, { kind, key, dueAt: next, attempts });
      return;
    }
    this.cancel(writes, kind, key);
  }

  /** A job is not due any more. */
  cancel(writes: StorageWrites, kind: JobKind, key: string): void {
    if (!derivedKinds.has(kind)) writes.jobs.remove(kind, key);
    this.#drop(kind, key);
  }

  /** A job has failed: it is due again at `retryAt`. */
  failed(writes: StorageWrites, { kind, key, attempts }: JobRow, retryAt: number): void {
    this.retry(writes, { kind, key, dueAt: retryAt, attempts: attempts + 1 });
  }

  /** Makes a job due that has failed, or what it stands for. */
  retry(writes: StorageWrites, row: JobRow): void {
    this.#put(writes, row);
  }

  /** Makes a kind due at `dueAt` in memory only: the next load finds out again whether it is. undefined: not any more. */
  derive(kind: JobKind, dueAt: number | undefined): void {
    if (dueAt === undefined) this.#drop(kind, "");
    else this.#keep({ kind, key: "", dueAt, attempts: 0 });
  }

  #put(writes: StorageWrites, row: JobRow): void {
    if (!derivedKinds.has(row.kind)) writes.jobs.put(row);
    this.#keep(row);
  }

  #keep(row: JobRow): void {
    const name = nameOf(row.kind, row.key);
    this.#rows.set(name, row);
    this.#due.set(name, row.dueAt);
  }

  #drop(kind: JobKind, key: string): void {
    const name = nameOf(kind, key);
    this.#rows.delete(name);
    this.#due.delete(name);
  }
}

function nameOf(kind: JobKind, key: string): string {
  return `${kind} ${key}`;
}
