import type { Partition, SnapshotDraft } from "../core/index.ts";
import { log } from "./log.ts";
import { sha256 } from "./migrations.ts";

/** Platform limit: 2 MB per BLOB. */
const chunkBytesMax = 1024 * 1024;

/**
 * Compresses and writes a snapshot, a chunk and a transaction at a time, and lets everything else
 * go on in between. If it fails, it is given up: the log is what counts.
 */
export async function writeSnapshot(partition: Partition, draft: SnapshotDraft): Promise<void> {
  try {
    const compressed = new Response(draft.state).body!.pipeThrough(new CompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(compressed).arrayBuffer());
    for (let from = 0; from < bytes.length; from += chunkBytesMax) {
      const chunk = bytes.slice(from, from + chunkBytesMax);
      partition.putSnapshotChunk(draft.eventId, from / chunkBytesMax, chunk, Date.now());
      await scheduler.wait(0);
    }
    partition.completeSnapshot(draft, "gzip", sha256(bytes), Date.now());
  } catch (error) {
    partition.abandonSnapshot();
    log("error", "a snapshot could not be written", { eventId: draft.eventId, error: String(error) });
  }
}
