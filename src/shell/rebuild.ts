import type { Partition } from "../core/index.ts";
import { bounds } from "../protocol/index.ts";
import { type SnapshotPorts, writeSnapshot } from "./snapshot-writer.ts";

/**
 * Folds a part of a log that was too long to be folded at once, and stores the state that it has reached. Each slice is a
 * turn of its own, so that other work runs in between.
 */
export async function rebuild(
  partition: Partition,
  ports: SnapshotPorts,
  slicesMax: number = bounds.foldSlicesPerRunMax,
  chunkUnits?: number,
): Promise<void> {
  const startedAt = ports.now();
  let position = partition.advance(startedAt);
  for (let slices = 1; position && slices < slicesMax; slices++) {
    // Not a timer: a chain of them can stop the clock (docs/decisions/0015-turns.md).
    await new Promise<void>((resolve) => ports.afterIo(resolve));
    position = partition.advance(ports.now());
  }
  const foldedAt = ports.now();
  const draft = partition.beginSnapshot(foldedAt);
  if (draft) await writeSnapshot(partition, draft, ports, chunkUnits);
  const endedAt = ports.now();
  const ms = { folding: foldedAt - startedAt, storing: endedAt - foldedAt };
  const left = position && { eventId: position.eventId, of: position.of };
  ports.log("info", "the state is folded from the log", { ...partition.name, ...left, ms });
  partition.continueRebuild(endedAt);
}
