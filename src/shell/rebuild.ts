import type { Partition, Turns } from "../core/index.ts";
import { bounds } from "../protocol/index.ts";
import { inTurn } from "./in-turn.ts";
import { type SnapshotPorts, writeSnapshot } from "./snapshot-writer.ts";

/**
 * Folds a part of a log that was too long to be folded at once, and stores the state that it has reached. Each slice has
 * a turn of its own, so that requests and other work come in between.
 */
export async function rebuild(
  partition: Partition,
  ports: SnapshotPorts,
  turns: Turns,
  slicesMax: number = bounds.foldSlicesPerRunMax,
  chunkUnits?: number,
): Promise<void> {
  const startedAt = ports.now();
  const slice = () => {
    // It takes more than the share of a turn.
    turns.spend(bounds.turnWorkMax);
    return partition.advance(ports.now());
  };
  // The alarm is a turn.
  let position = slice();
  for (let slices = 1; position && slices < slicesMax && !partition.storesBeforeHead(ports.now()); slices++) {
    position = await inTurn(turns, slice);
  }
  const foldedAt = ports.now();
  const draft = partition.beginSnapshot(foldedAt);
  if (draft) await writeSnapshot(partition, draft, ports, turns, chunkUnits);
  const endedAt = ports.now();
  const ms = { foldingMs: foldedAt - startedAt, storingMs: endedAt - foldedAt };
  const left = position && { eventId: position.eventId, of: position.of };
  ports.log("rebuilt", { ...partition.name, ...left, ...ms });
  partition.continueRebuild(endedAt);
}
