import { type Bucket, fullBucket, refill, secondsUntil } from "../core/rates/bucket.ts";
import { Revocations } from "./revocations.ts";
import type { LimitsOverride, Revocation, TenantChanges } from "../platform/rpc.ts";
import { type Failure, bounds, type Author, type Limits, type Rate } from "../protocol/index.ts";
import type { SqlDriver, SqlRow, SqlValue } from "../storage/driver.ts";
import { isMigrated, migrate, type Migration } from "../storage/migrations.ts";

/** A rate is written when this part of its burst was taken since: what a restart gives back at most. */
const unsavedShareMax = 1 / 10;
/** How often the partitions that do not listen any more are looked for among those that did. */
const attendingSweepMs = 60_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A partition that has not been told of the last changes yet. */
interface Untold {
  partition: string;
  toldSeq: number;
}

/** Everything that concerns a tenant as a whole, in one database. Synchronous: each call is one step. */
export class Tenant {
  readonly #driver: SqlDriver;
  readonly #migrations: readonly Migration[];
  /** What the application has set. */
  readonly #limits: Limits;
  readonly #buckets = new Map<string, { bucket: Bucket; unsaved: number }>();
  #migrated: boolean;
  /** When those were last dropped that do not listen any more. */
  #sweptAt = 0;

  constructor(driver: SqlDriver, migrations: readonly Migration[], limits: Limits, now: number) {
    this.#driver = driver;
    this.#migrations = migrations;
    this.#limits = limits;
    this.#migrated = isMigrated(driver);
    if (this.#migrated) migrate(driver, migrations, now);
  }

  /** What holds for this tenant, with what it differs in. */
  get limits(): Limits {
    return { ...this.#limits, ...this.override };
  }

  get override(): LimitsOverride {
    const [row] = this.#read("SELECT limits FROM settings");
    return row ? (JSON.parse(decoder.decode(row["limits"] as Uint8Array)) as LimitsOverride) : {};
  }

  /** The last change. */
  get seq(): number {
    return (this.#read("SELECT seq FROM settings")[0]?.["seq"] as number | undefined) ?? 0;
  }

  setLimits(override: LimitsOverride, now: number): void {
    this.#write(now, () => {
      const seq = this.seq + 1;
      this.#run("INSERT OR REPLACE INTO settings VALUES (1, ?, ?)", seq, encoder.encode(JSON.stringify(override)));
    });
  }

  /** Revokes; of one that is revoked already the later end counts. Says why it cannot, if so. */
  revoke({ kind, id, at, expiresAt }: Revocation, now: number): Failure | undefined {
    return this.#write(now, () => {
      this.#run("DELETE FROM revocations WHERE expires_at <= ?", now);
      const [{ count } = { count: 0 }] = this.#read("SELECT count(*) AS count FROM revocations");
      const [known] = this.#read("SELECT at, expires_at FROM revocations WHERE kind = ? AND id = ?", kind, id);
      if (!known && (count as number) >= bounds.revocationsMax) return full("revocations", bounds.revocationsMax);
      const seq = this.seq + 1;
      const override = encoder.encode(JSON.stringify(this.override));
      this.#run("INSERT OR REPLACE INTO settings VALUES (1, ?, ?)", seq, override);
      this.#run(
        "INSERT OR REPLACE INTO revocations VALUES (?, ?, ?, ?, ?)",
        seq,
        kind,
        id,
        Math.max(at, (known?.["at"] as number | undefined) ?? 0),
        Math.max(expiresAt, (known?.["expires_at"] as number | undefined) ?? 0),
      );
      return undefined;
    });
  }

  /** Whether this author's token is revoked. */
  isRevoked(author: Author, now: number): boolean {
    const rows = this.#read(
      "SELECT * FROM revocations WHERE expires_at > ?1 AND ((kind = 'jti' AND id = ?2) OR (kind = 'sub' AND id = ?3))",
      now,
      author.tokenId ?? "",
      author.principal,
    );
    const known = new Revocations();
    known.add(rows.map(revocationOf), now);
    return known.covers(author);
  }

  /** What is revoked, the latest first. */
  revocations(now: number, limit: number): Revocation[] {
    return this.#read("SELECT * FROM revocations WHERE expires_at > ? ORDER BY seq DESC LIMIT ?", now, limit).map(
      revocationOf,
    );
  }

  /** All changes after `seq`. */
  changesSince(seq: number, now: number): TenantChanges {
    const rows = this.#read("SELECT * FROM revocations WHERE seq > ? AND expires_at > ? ORDER BY seq", seq, now);
    return { seq: this.seq, revocations: rows.map(revocationOf), limits: this.override };
  }

  /** Notes that `partition` wants to be told of changes for `leaseMs`; all that holds now after change `knownSeq`. */
  attend(partition: string, leaseMs: number, knownSeq: number, now: number): TenantChanges {
    // A change that was never made: it knows another tenant, as before a restore.
    const changes = this.changesSince(knownSeq <= this.seq ? knownSeq : 0, now);
    const [row] = this.#read("SELECT until FROM attending WHERE partition = ?", partition);
    // A row is billed: it is written again only when half of its time is over.
    const enough = row !== undefined && (row["until"] as number) >= now + leaseMs / 2;
    this.#write(now, () => {
      if (enough)
        this.#run(
          "UPDATE attending SET told_seq = ? WHERE partition = ? AND told_seq < ?",
          changes.seq,
          partition,
          changes.seq,
        );
      else {
        if (now - this.#sweptAt >= attendingSweepMs) {
          this.#sweptAt = now;
          this.#run("DELETE FROM attending WHERE until <= ?", now);
        }
        this.#run("INSERT OR REPLACE INTO attending VALUES (?, ?, ?)", partition, now + leaseMs, changes.seq);
      }
    });
    return changes;
  }

  /** It does not want to be told any more, as it said of the changes up to `seq`; unless it has asked anew since. */
  release(partition: string, seq: number, now: number): void {
    this.#write(now, () => this.#run("DELETE FROM attending WHERE partition = ? AND told_seq < ?", partition, seq));
  }

  /** The partitions that were not told of the last change, those that will listen longest first. */
  untold(limit: number, now: number): Untold[] {
    return this.#read(
      "SELECT partition, told_seq FROM attending WHERE told_seq < ? AND until > ? ORDER BY until DESC LIMIT ?",
      this.seq,
      now,
      limit,
    ).map((row) => ({ partition: row["partition"] as string, toldSeq: row["told_seq"] as number }));
  }

  countUntold(now: number): number {
    const [row] = this.#read("SELECT count(*) AS count FROM attending WHERE told_seq < ? AND until > ?", this.seq, now);
    return (row?.["count"] as number | undefined) ?? 0;
  }

  /** `partition` was told of everything up to `seq`. */
  told(partition: string, seq: number, now: number): void {
    this.#write(now, () =>
      this.#run("UPDATE attending SET told_seq = max(told_seq, ?) WHERE partition = ?", seq, partition),
    );
  }

  /** The partitions that have connections, or had some a moment ago. */
  attending(limit: number, now: number): string[] {
    return this.#read("SELECT partition FROM attending WHERE until > ? ORDER BY until DESC LIMIT ?", now, limit).map(
      (row) => row["partition"] as string,
    );
  }

  /** Counts `partition` among the tenant's; says why it may not be one, if so. */
  claim(partition: string, now: number): Failure | undefined {
    if (this.#read("SELECT 1 FROM partitions WHERE name = ?", partition).length > 0) return undefined;
    const rate = this.limits.newPartitions;
    if (rate && this.#take("new-partitions", rate, 1, now) === 0) return tooManyPartitions(rate);
    this.#write(now, () => this.#run("INSERT OR IGNORE INTO partitions VALUES (?, ?)", partition, now));
    return undefined;
  }

  /** Up to `count` of the tenant's rate; or none, and when to ask again. */
  grant(count: number, now: number): { granted: number; retryAfterMs: number } {
    const rate = this.limits.tenant;
    if (!rate) return { granted: count, retryAfterMs: 0 };
    const granted = this.#take("drafts", rate, count, now);
    if (granted > 0) return { granted, retryAfterMs: 0 };
    return { granted, retryAfterMs: secondsUntil(this.#bucket("drafts", rate, now).bucket, rate, 1) * 1_000 };
  }

  /** Keeps a ticket; says why it cannot, if so. */
  putTicket(
    ticket: { sha256: Uint8Array; principal: string; subject: string; expiresAt: number },
    now: number,
  ): Failure | undefined {
    return this.#write(now, () => {
      this.#run("DELETE FROM tickets WHERE expires_at <= ?", now);
      const [row] = this.#read(
        "SELECT count(*) AS total, count(*) FILTER (WHERE principal = ?) AS own FROM tickets",
        ticket.principal,
      );
      if ((row!["own"] as number) >= bounds.ticketsPerPrincipalMax)
        return full("tickets", bounds.ticketsPerPrincipalMax);
      if ((row!["total"] as number) >= bounds.ticketsMax) return full("tickets", bounds.ticketsMax);
      this.#run(
        "INSERT INTO tickets VALUES (?, ?, ?, ?)",
        ticket.sha256,
        ticket.principal,
        encoder.encode(ticket.subject),
        ticket.expiresAt,
      );
      return undefined;
    });
  }

  /** Whom the ticket speaks for; undefined: it is none, or was used. It can be taken once. */
  takeTicket(sha256: Uint8Array, now: number): string | undefined {
    if (!this.#migrated) return undefined;
    const [row] = this.#write(now, () =>
      this.#run("DELETE FROM tickets WHERE sha256 = ? RETURNING subject, expires_at", sha256),
    );
    if (!row || (row["expires_at"] as number) <= now) return undefined;
    return decoder.decode(row["subject"] as Uint8Array);
  }

  /** As much of `count` as there is. */
  #take(name: string, rate: Rate, count: number, now: number): number {
    const known = this.#bucket(name, rate, now);
    const taken = Math.min(count, Math.max(Math.floor(known.bucket.level), 0));
    known.bucket.level -= taken;
    known.unsaved += taken;
    if (known.unsaved >= rate.burst * unsavedShareMax) {
      known.unsaved = 0;
      this.#write(now, () =>
        this.#run("INSERT OR REPLACE INTO rate_buckets VALUES (?, ?, ?)", name, Math.floor(known.bucket.level), now),
      );
    }
    return taken;
  }

  #bucket(name: string, rate: Rate, now: number): { bucket: Bucket; unsaved: number } {
    let known = this.#buckets.get(name);
    if (!known) {
      const [row] = this.#read("SELECT level, at FROM rate_buckets WHERE name = ?", name);
      const bucket = row ? { level: row["level"] as number, at: row["at"] as number } : fullBucket(rate, now);
      this.#buckets.set(name, (known = { bucket, unsaved: 0 }));
    }
    refill(known.bucket, rate, now);
    return known;
  }

  /** A transaction; the first one makes the schema. */
  #write<T>(now: number, body: () => T): T {
    try {
      return this.#driver.transaction(() => {
        if (!this.#migrated) {
          migrate(this.#driver, this.#migrations, now);
          this.#migrated = true;
        }
        return body();
      });
    } catch (error) {
      // The schema goes back with the rest of a first transaction.
      this.#migrated = isMigrated(this.#driver);
      throw error;
    }
  }

  #run(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#driver.write(sql, ...values);
  }

  #read(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#migrated ? this.#driver.query(sql, ...values) : [];
  }
}

function revocationOf(row: SqlRow): Revocation {
  return {
    kind: row["kind"] as Revocation["kind"],
    id: row["id"] as string,
    at: row["at"] as number,
    expiresAt: row["expires_at"] as number,
  };
}

function full(what: string, most: number): Failure {
  return {
    code: "quota_exceeded",
    detail: `There can be at most ${most} ${what} at once: they are forgotten when they expire.`,
  };
}

function tooManyPartitions({ burst, perSecond }: Rate): Failure {
  return {
    code: "quota_exceeded",
    detail: `This tenant begins more partitions than is allowed: ${burst} at once, and then ${Number(perSecond.toFixed(3))} a second. Nothing was stored.`,
  };
}
