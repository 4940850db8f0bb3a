import { type BytesPort, sameBytes } from "../bytes.ts";
import type { Database } from "../database.ts";
import { Damage } from "../damage.ts";
import type { SqlRow } from "../driver.ts";
import { textDecoder, textOf } from "../text.ts";

export interface SnapshotRow {
  /** The state is the one after this event. */
  eventId: number;
  modelVersion: number;
  /** `<name>.<version>` of the model; undefined on snapshots before migration 0005. */
  modelTag: string | undefined;
  /** UTF-8 bytes of the state as JSON text. */
  stateBytes: number;
  /** Payload bytes of all events up to `eventId`. */
  logBytes: number;
  createdAt: number;
}

/** How the bytes of a snapshot are stored. */
export type SnapshotEncoding = "identity" | "gzip";

export interface SnapshotReads {
  /** The newest snapshot of this model at or before `atMost`, without its state. One without a tag goes by its version. */
  latest(modelVersion: number, modelTag: string, atMost?: number): SnapshotRow | undefined;
  /** All snapshots, of all models, the newest first. */
  all(): SnapshotRow[];
  /** Whether the snapshot at `eventId` is one of another model; false where there is none. */
  isOfOther(eventId: number, modelVersion: number, modelTag: string): boolean;
  /** Where the newest snapshot is of all models, and how many bytes the log has up to it. */
  newest(): Pick<SnapshotRow, "eventId" | "logBytes"> | undefined;
  /**
   * The state of the snapshot at `eventId` as text, piece by piece: one chunk at a time is in memory. What was made of
   * it must not be used before the last piece was given, because only then all bytes were compared with their hash.
   *
   * @throws Damage where a byte of it is missing or wrong.
   */
  pieces(eventId: number): Iterable<string>;
  /** The same as one text, for a small one; undefined where it is damaged. */
  state(eventId: number): string | undefined;
  /** How many chunks the snapshot at `eventId` has. */
  chunks(eventId: number): number;
  /** Chunk `chunk`, from 0, of the snapshot at `eventId`, as text; undefined if it is missing or damaged. */
  chunk(eventId: number, chunk: number): string | undefined;
}

export interface SnapshotWrites {
  /** Stores a chunk of a snapshot that is being written, the first one first. It is not visible before `complete`. */
  putChunk(eventId: number, chunk: number, bytes: Uint8Array): void;
  /**
   * Makes a snapshot of its chunks, and deletes every other snapshot but the newest of another model: after a rollback
   * the version before loads that one, and does not fold the whole log. `sha256`: of all chunks together.
   */
  complete(snapshot: SnapshotRow, encoding: SnapshotEncoding, sha256: Uint8Array): void;
}

/** The tables `snapshots` and `snapshot_chunks` of migration 0001; `encoding` is of 0003, `model_tag` of 0005. */
export class SnapshotsTable implements SnapshotReads, SnapshotWrites {
  readonly #database: Database;
  readonly #bytes: BytesPort;

  constructor(database: Database, bytes: BytesPort) {
    this.#database = database;
    this.#bytes = bytes;
  }

  latest(modelVersion: number, modelTag: string, atMost = Number.MAX_SAFE_INTEGER): SnapshotRow | undefined {
    const [row] = this.#database.read(
      `SELECT * FROM snapshots WHERE model_version = ? AND (model_tag IS NULL OR model_tag = ?) AND event_id <= ?
       ORDER BY event_id DESC LIMIT 1`,
      modelVersion,
      modelTag,
      atMost,
    );
    return row && snapshotOf(row);
  }

  all(): SnapshotRow[] {
    return this.#database.read("SELECT * FROM snapshots ORDER BY event_id DESC").map(snapshotOf);
  }

  isOfOther(eventId: number, modelVersion: number, modelTag: string): boolean {
    const rows = this.#database.read("SELECT 1 FROM snapshots WHERE event_id = ?", eventId);
    return rows.length > 0 && this.latest(modelVersion, modelTag, eventId)?.eventId !== eventId;
  }

  newest(): Pick<SnapshotRow, "eventId" | "logBytes"> | undefined {
    const [row] = this.#database.read("SELECT event_id, log_bytes FROM snapshots ORDER BY event_id DESC LIMIT 1");
    return row && { eventId: row["event_id"] as number, logBytes: row["log_bytes"] as number };
  }

  *pieces(eventId: number): Generator<string, void> {
    const [row] = this.#database.read("SELECT sha256, encoding FROM snapshots WHERE event_id = ?", eventId);
    if (!row) throw new Damage("the snapshot is missing");
    const sum = row["sha256"];
    const hasher = this.#bytes.hasher();
    const decode = textDecoder();
    for (const stored of this.#parts(eventId, row["encoding"] as SnapshotEncoding)) {
      hasher.add(stored);
      yield intact(() => decode(row["encoding"] === "gzip" ? this.#bytes.gunzip(stored) : stored));
    }
    yield intact(() => decode());
    if (!(sum instanceof Uint8Array) || !sameBytes(hasher.digest(), sum)) throw new Damage(wrongBytes);
  }

  state(eventId: number): string | undefined {
    try {
      return [...this.pieces(eventId)].join("");
    } catch (error) {
      if (error instanceof Damage) return undefined;
      throw error;
    }
  }

  chunks(eventId: number): number {
    const [row] = this.#database.read("SELECT count(*) AS n FROM snapshot_chunks WHERE event_id = ?", eventId);
    return row!["n"] as number;
  }

  chunk(eventId: number, chunk: number): string | undefined {
    const [row] = this.#database.read(
      `SELECT bytes, encoding FROM snapshot_chunks JOIN snapshots USING (event_id) WHERE event_id = ? AND chunk = ?`,
      eventId,
      chunk,
    );
    if (!row) return undefined;
    try {
      return this.#decode(row["bytes"] as Uint8Array, row["encoding"] as SnapshotEncoding);
    } catch {
      // Each chunk is a gzip member, with a checksum of its own (RFC 1952, 2.3.1).
      return undefined;
    }
  }

  #decode(bytes: Uint8Array, encoding: SnapshotEncoding): string {
    return textOf(encoding === "gzip" ? this.#bytes.gunzip(bytes) : bytes);
  }

  putChunk(eventId: number, chunk: number, bytes: Uint8Array): void {
    // An attempt that was given up, or a snapshot of another model, can have more chunks.
    if (chunk === 0) this.#database.write("DELETE FROM snapshot_chunks WHERE event_id = ?", eventId);
    this.#database.write(
      "INSERT OR REPLACE INTO snapshot_chunks (event_id, chunk, bytes) VALUES (?, ?, ?)",
      eventId,
      chunk,
      bytes,
    );
  }

  complete(snapshot: SnapshotRow, encoding: SnapshotEncoding, sha256: Uint8Array): void {
    this.#database.write(
      `DELETE FROM snapshots WHERE event_id = ?1
       OR event_id IS NOT (SELECT max(event_id) FROM snapshots WHERE model_tag IS NOT ?2 AND event_id <> ?1)`,
      snapshot.eventId,
      snapshot.modelTag ?? null,
    );
    this.#database.write(
      "DELETE FROM snapshot_chunks WHERE event_id <> ? AND event_id NOT IN (SELECT event_id FROM snapshots)",
      snapshot.eventId,
    );
    this.#database.write(
      `INSERT INTO snapshots (event_id, model_version, state_bytes, log_bytes, sha256, created_at, encoding, model_tag)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      snapshot.eventId,
      snapshot.modelVersion,
      snapshot.stateBytes,
      snapshot.logBytes,
      sha256,
      snapshot.createdAt,
      encoding,
      snapshot.modelTag ?? null,
    );
  }

  /** What of the stored bytes is decoded by itself: each chunk. */
  *#parts(eventId: number, encoding: SnapshotEncoding): Generator<Uint8Array, void> {
    const chunks = this.chunks(eventId);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const bytes = this.#stored(eventId, chunk);
      if (chunk === 0 && encoding === "gzip" && chunks > 1 && !this.#isGzip(bytes)) {
        // Earlier versions compressed the text as a whole, and cut the bytes.
        yield joined(Array.from({ length: chunks }, (_, at) => this.#stored(eventId, at)));
        return;
      }
      yield bytes;
    }
  }

  #stored(eventId: number, chunk: number): Uint8Array {
    const [row] = this.#database.read(
      "SELECT bytes FROM snapshot_chunks WHERE event_id = ? AND chunk = ?",
      eventId,
      chunk,
    );
    const bytes = row?.["bytes"];
    if (!(bytes instanceof Uint8Array)) throw new Damage(wrongBytes);
    return bytes;
  }

  #isGzip(bytes: Uint8Array): boolean {
    try {
      this.#bytes.gunzip(bytes);
      return true;
    } catch {
      return false;
    }
  }
}

function snapshotOf(row: SqlRow): SnapshotRow {
  return {
    eventId: row["event_id"] as number,
    modelVersion: row["model_version"] as number,
    modelTag: (row["model_tag"] as string | null) ?? undefined,
    stateBytes: row["state_bytes"] as number,
    logBytes: row["log_bytes"] as number,
    createdAt: row["created_at"] as number,
  };
}

const wrongBytes = "a byte of the snapshot is missing or wrong";

/** Runs `decode`; what does not decode is damaged. */
function intact(decode: () => string): string {
  try {
    return decode();
  } catch (error) {
    throw new Damage(wrongBytes, undefined, { cause: error });
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    bytes.set(part, filled);
    filled += part.length;
  }
  return bytes;
}
