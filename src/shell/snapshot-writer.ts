import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Partition, SnapshotDraft } from "../core/index.ts";
import { cutAt } from "../model/state-view.ts";
import type { ShellPorts } from "./ports.ts";

/**
 * The size of a chunk, in UTF-16 units. At up to three bytes each that is less than the platform's 2 MB per BLOB, about two
 * milliseconds of compression (measured: docs/decisions/0005-event-cost.md), and a message that fits the frames of all platforms.
 */
const chunkUnitsMax = 256 * 1024;
/** zlib's fastest: for text a quarter of the time of the default, and a fifth more bytes. */
const level = 1;

const encoder = new TextEncoder();

/** What writing a snapshot needs of its platform. */
export type SnapshotPorts = Pick<ShellPorts, "now" | "afterIo" | "log">;

/**
 * Compresses and writes a snapshot. Each chunk is a turn and a transaction of its own, so that other work runs in
 * between. A failure abandons the snapshot: the log is complete without it.
 *
 * Each chunk is a gzip member; together they are one gzip file (RFC 1952, 2.2).
 */
export async function writeSnapshot(
  partition: Partition,
  draft: SnapshotDraft,
  ports: SnapshotPorts,
  chunkUnits = chunkUnitsMax,
): Promise<void> {
  try {
    const hash = createHash("sha256");
    let chunks = 0;
    let stateBytes = 0;
    for (const text of chunksOf(draft.state, chunkUnits)) {
      const encoded = encoder.encode(text);
      stateBytes += encoded.length;
      const bytes = new Uint8Array(gzipSync(encoded, { level }));
      hash.update(bytes);
      partition.putSnapshotChunk(draft.eventId, chunks++, bytes, ports.now());
      // Not a timer: a chain of them can stop the clock (docs/decisions/0015-turns.md).
      await new Promise<void>((resolve) => ports.afterIo(resolve));
    }
    partition.completeSnapshot(draft, stateBytes, "gzip", new Uint8Array(hash.digest()), ports.now());
  } catch (error) {
    partition.abandonSnapshot();
    ports.log("error", "a snapshot could not be written", { eventId: draft.eventId, error: String(error) });
  }
}

/** Joins and splits the pieces to chunks of `units`, never inside a surrogate pair. */
function* chunksOf(pieces: Iterable<string>, units: number): Generator<string> {
  let rest = "";
  for (const piece of pieces) {
    rest += piece;
    for (; rest.length > units; rest = rest.slice(cutAt(rest, 0, units))) yield rest.slice(0, cutAt(rest, 0, units));
  }
  yield rest;
}
