import { modelTag } from "../../src/core/model-tag.ts";
import { type AnyModel, foldEvent } from "../../src/model/index.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import type { JsonObject } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { databaseOf, type PreparedEvent, writeLog } from "../attack/prepared.ts";
import { bytesPort, migrations, sha256 } from "../support/partition.ts";

/** UTF-16 units of a chunk, as the server makes them at most. */
const chunkUnits = 256 * 1024;
const model = insieme as AnyModel;

/** Writes the log of a partition that was never used, and a snapshot of its last event: the server has nothing to fold. */
export function prepare(folder: string, partition: string, events: Iterable<PreparedEvent>): void {
  const state = new WeighedState<object>({});
  const eventId = writeLog(folder, partition, folded(state, events));
  const driver = new NodeSqlDriver(databaseOf(folder, partition));
  const storage = new PartitionStorage(driver, migrations, bytesPort);
  const now = Date.now();
  const text = state.stringify();
  const bytes = new TextEncoder().encode(text);
  storage.transaction(now, ({ snapshots }) => {
    for (let chunk = 0; chunk * chunkUnits < text.length; chunk++) {
      const part = text.slice(chunk * chunkUnits, (chunk + 1) * chunkUnits);
      snapshots.putChunk(eventId, chunk, new TextEncoder().encode(part));
    }
    const logBytes = storage.events.bytesAfter(0);
    const { version: modelVersion } = model;
    const row = {
      eventId,
      modelVersion,
      modelTag: modelTag(model),
      stateBytes: bytes.length,
      logBytes,
      createdAt: now,
    };
    snapshots.complete(row, "identity", sha256(bytes));
  });
  driver.close();
}

function* folded(state: WeighedState<object>, events: Iterable<PreparedEvent>): Generator<PreparedEvent> {
  for (const event of events) {
    foldEvent(model, state, { ...event, payload: event.payload as JsonObject, timestamp: 0, clientId: "founder" });
    yield event;
  }
}
