import type { SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { type Disk, MemoryDisk } from "./disk.ts";
import type { Variant } from "./world.ts";

/** One in this many commits goes wrong, where not all do. */
const everyCommits = 10;

/** At a crash, the last commit is gone: it was reported before it was safe. */
class ForgetfulDisk implements Disk {
  #disk = new MemoryDisk();
  /** What each committed transaction did, to do it again up to the last but one. */
  readonly #commits: ((disk: MemoryDisk) => void)[][] = [];
  #running: ((disk: MemoryDisk) => void)[] | undefined;

  query(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#disk.query(sql, ...values);
  }

  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#running?.push((disk) => disk.write(sql, ...values));
    return this.#disk.write(sql, ...values);
  }

  wrote(sql: string, ...values: SqlValue[]): boolean {
    this.#running?.push((disk) => disk.wrote(sql, ...values));
    return this.#disk.wrote(sql, ...values);
  }

  script(sql: string): void {
    this.#running?.push((disk) => disk.script(sql));
    this.#disk.script(sql);
  }

  transaction<T>(body: () => T): T {
    if (this.#running) return this.#disk.transaction(body);
    this.#running = [];
    try {
      const result = this.#disk.transaction(body);
      this.#commits.push(this.#running);
      return result;
    } finally {
      this.#running = undefined;
    }
  }

  crash(): void {
    this.#commits.pop();
    this.#disk.close();
    this.#disk = new MemoryDisk();
    for (const commit of this.#commits) this.#disk.transaction(() => commit.forEach((write) => write(this.#disk)));
  }

  close(): void {
    this.#disk.close();
  }
}

/** The log has no unique key: the same draft can be in it twice. */
class KeylessDisk extends MemoryDisk {
  override wrote(sql: string, ...values: SqlValue[]): boolean {
    return super.wrote(sql.replace("ON CONFLICT (principal, draft_id) DO NOTHING", ""), ...values);
  }

  override script(sql: string): void {
    // Of the tables that have this constraint, the log is the first.
    super.script(sql.replace("UNIQUE (principal, draft_id)", "CHECK (1)"));
  }
}

/** A transaction that fails is committed as far as it came. */
class TornDisk extends MemoryDisk {
  override transaction<T>(body: () => T): T {
    let failure: { error: unknown } | undefined;
    const result = super.transaction(() => {
      try {
        return body();
      } catch (error) {
        failure = { error };
        return undefined;
      }
    });
    if (failure) throw failure.error;
    return result as T;
  }
}

/** Some commits are reported as done, and are not. */
class LyingDisk extends MemoryDisk {
  #commits = 0;
  #depth = 0;

  override transaction<T>(body: () => T): T {
    const lies = this.#depth === 0 && ++this.#commits % everyCommits === 0;
    let result: T;
    const undone = new Error("not committed");
    this.#depth++;
    try {
      return super.transaction(() => {
        result = body();
        if (lies) throw undone;
        return result;
      });
    } catch (error) {
      if (error !== undone) throw error;
      return result!;
    } finally {
      this.#depth--;
    }
  }
}

/** Systems that are broken on purpose: the simulator must find each of them. */
export const planted: Readonly<Record<string, Variant>> = {
  "a disk that loses the last commit at a crash": { disk: () => new ForgetfulDisk() },
  "a log without the unique key": { disk: () => new KeylessDisk() },
  "a transaction that is not taken back when it fails": { disk: () => new TornDisk() },
  "a commit that is reported, and was not made": { disk: () => new LyingDisk() },
};
