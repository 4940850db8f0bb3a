import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { costOfStateText, type Partition, type SnapshotDraft, type Turns } from "../core/index.ts";
import { cutAt } from "../model/state-view.ts";
import { inTurn } from "./in-turn.ts";
import type { ShellPorts } from "./ports.ts";

/**
 * The size of a chunk, in UTF-16 units. At up to three bytes each that is less than the platform's 2 MB per BLOB, about two
 * milliseconds of compression (measured: docs/decisions/0005-event-cost.md), and a message that fits the frames of all platforms.
 */
const chunkUnitsMax = 256 * 1024;
/** After this many no further chunk is begun in a turn: one event can change so much that a view would have all written at once. */
const turnUnitsMax = 4 * chunkUnitsMax;
/** zlib's fastest: for text a quarter of the time of the default, and a fifth more bytes. */
const level = 1;

const encoder = new TextEncoder();

const loadedAgain = new Error("the state was loaded again");

/** What writing a snapshot needs of its platform. */
export type SnapshotPorts = Pick<ShellPorts, "now" | "log">;

/**
 * Compresses and writes a snapshot, in turns, so that requests and other work come in between, and each chunk in a
 * transaction of its own. A failure abandons the snapshot: the log is complete without it.
 *
 * Each chunk is a gzip member; together they are one gzip file (RFC 1952, 2.2).
 */
export async function writeSnapshot(
  partition: Partition,
  draft: SnapshotDraft,
  ports: SnapshotPorts,
  turns: Turns,
  chunkUnits = chunkUnitsMax,
): Promise<void> {
  const hash = createHash("sha256");
  const texts = chunksOf(draft.state, chunkUnits);
  let chunks = 0;
  let stateBytes = 0;
  let units = 0;
  /**
   * Writes the next chunk, and as many more as keep ahead of what changes meanwhile: a view keeps that, up to its bound. At
   * the end it completes the snapshot. Returns whether it is complete.
   */
  const turn = (): boolean => {
    const end = units + turnUnitsMax;
    do {
      // After a failed commit the state was loaded again, and another snapshot may be written: two would mix their chunks.
      if (!partition.isSnapshotting(draft)) throw loadedAgain;
      const { done, value: text } = texts.next();
      if (done) {
        partition.completeSnapshot(draft, stateBytes, "gzip", new Uint8Array(hash.digest()), ports.now());
        return true;
      }
      turns.spend(costOfStateText(text.length));
      units += text.length;
      const encoded = encoder.encode(text);
      stateBytes += encoded.length;
      const bytes = new Uint8Array(gzipSync(encoded, { level }));
      hash.update(bytes);
      partition.putSnapshotChunk(draft.eventId, chunks++, bytes, ports.now());
    } while (units < end && partition.snapshotLags(draft, units));
    return false;
  };
  try {
    while (!(await inTurn(turns, turn)));
  } catch (error) {
    // That load has made another one due.
    if (error !== loadedAgain) partition.abandonSnapshot(draft);
    ports.log("snapshot_failed", { ...partition.name, eventId: draft.eventId, error: String(error) });
  }
}

/** Joins and splits the pieces to chunks of `units`, never inside a surrogate pair. */
function* chunksOf(pieces: Iterable<string>, units: number): Generator<string, undefined> {
  let rest = "";
  for (const piece of pieces) {
    rest += piece;
    for (; rest.length > units; rest = rest.slice(cutAt(rest, 0, units))) yield rest.slice(0, cutAt(rest, 0, units));
  }
  yield rest;
  return undefined;
}
