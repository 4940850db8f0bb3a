import type { SqlDriver, SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";

/** A database that can crash. */
export interface Disk extends SqlDriver {
  /** The process has ended: what was not committed is lost. No transaction is open. */
  crash(): void;
  close(): void;
}

/** A correct disk: what was committed stays. */
export class MemoryDisk extends NodeSqlDriver implements Disk {
  crash(): void {}
}

/** Thrown where the process "ends": code that catches it has no effect any more. */
class Crash extends Error {
  override name = "Crash";
}

/** The faults of one statement. */
const statementFaults = ["statement_fails", "crash_before_statement", "crash_after_statement"] as const;
/** The faults of one commit. */
const commitFaults = ["commit_fails", "commit_in_doubt", "crash_before_commit", "crash_after_commit"] as const;
/** The faults after the commit, at the n-th message that is sent. */
const deliveryFaults = ["crash_while_sending"] as const;
export const faults = [...statementFaults, ...commitFaults, ...deliveryFaults];
export type Fault = (typeof faults)[number];

/**
 * The driver of the core under test: the disk, with the armed faults. After a crash it fails, as in a process that
 * has ended; `revive` starts the next process on what was committed.
 */
export class FaultyDisk implements SqlDriver {
  readonly disk: Disk;
  /** Called when a fault occurs. */
  readonly #onFault: (fault: Fault) => void;
  #depth = 0;
  #dead = false;
  #armed: { fault: Fault; skip: number; times: number } | undefined;
  /** The event of the log whose payload is read as half of what is stored; undefined: none. */
  damagedEvent: number | undefined;

  constructor(disk: Disk, onFault: (fault: Fault) => void) {
    this.disk = disk;
    this.#onFault = onFault;
  }

  /** Whether a transaction is open: writes can still be rolled back. */
  get open(): boolean {
    return this.#depth > 0;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Makes `fault` occur after `skip` more points of its kind, `times` times in a row. */
  arm(fault: Fault, skip: number, times: number): void {
    this.#armed = { fault, skip, times };
  }

  disarm(): void {
    this.#armed = undefined;
  }

  revive(): void {
    this.disk.crash();
    this.#dead = false;
  }

  /** Must be called for each message that is sent; after a crash nothing is sent. */
  delivering(): void {
    if (!this.#dead && this.#strikes(deliveryFaults)) this.#dead = true;
  }

  query(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#statement(() => this.disk.query(sql, ...values)).map((row) => this.#read(row));
  }

  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#statement(() => this.disk.write(sql, ...values));
  }

  wrote(sql: string, ...values: SqlValue[]): boolean {
    return this.#statement(() => this.disk.wrote(sql, ...values));
  }

  script(sql: string): void {
    this.#statement(() => this.disk.script(sql));
  }

  transaction<T>(body: () => T): T {
    this.#assertAlive();
    this.#depth++;
    let fault: Fault | undefined;
    let result: T;
    try {
      result = this.disk.transaction(() => {
        const returned = body();
        this.#assertAlive();
        if (this.#depth > 1) return returned;
        fault = this.#strikes(commitFaults);
        if (fault === "commit_fails") throw new Error("disk I/O error: not committed");
        if (fault === "crash_before_commit") this.#crash();
        return returned;
      });
    } finally {
      this.#depth--;
    }
    if (fault === "commit_in_doubt") throw new Error("disk I/O error: committed");
    if (fault === "crash_after_commit") this.#crash();
    return result;
  }

  #statement<T>(run: () => T): T {
    this.#assertAlive();
    const fault = this.#strikes(statementFaults);
    if (fault === "statement_fails") throw new Error("disk I/O error: statement");
    if (fault === "crash_before_statement") this.#crash();
    const result = run();
    if (fault === "crash_after_statement") this.#crash();
    return result;
  }

  #read(row: SqlRow): SqlRow {
    const { event_id: eventId, payload } = row;
    if (this.damagedEvent === undefined || eventId !== this.damagedEvent || !(payload instanceof Uint8Array))
      return row;
    return { ...row, payload: payload.subarray(0, payload.length / 2) };
  }

  #strikes(kinds: readonly Fault[]): Fault | undefined {
    const armed = this.#armed;
    if (!armed || !kinds.includes(armed.fault) || armed.skip-- > 0) return undefined;
    if (--armed.times === 0) this.#armed = undefined;
    this.#onFault(armed.fault);
    return armed.fault;
  }

  #assertAlive(): void {
    if (this.#dead) throw new Crash("the process has ended");
  }

  #crash(): never {
    this.#dead = true;
    throw new Crash("the process ends here");
  }
}
