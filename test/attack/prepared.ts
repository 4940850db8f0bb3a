import { createHash, createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { bytesPort, migrations } from "../support/partition.ts";

/** An event of a prepared log. */
export interface PreparedEvent {
  type: string;
  payload: object;
}

/** Who submitted the events of prepared logs. */
const author = { principal: "founder", clientId: "founder" };
const transactionEvents = 10_000;

const uniqueKey = "partita-PartitionObject";

/** The file of a partition's database: workerd derives the name of the file from that of the object. */
export function databaseOf(folder: string, partition: string, tenant = "default"): string {
  const key = createHash("sha256").update(uniqueKey).digest();
  const signed = (content: string | Buffer) => createHmac("sha256", key).update(content).digest().subarray(0, 16);
  const base = signed(`${tenant}/${partition}`);
  const place = join(folder, "do", uniqueKey);
  mkdirSync(place, { recursive: true });
  return join(place, `${Buffer.concat([base, signed(base)]).toString("hex")}.sqlite`);
}

/**
 * Writes events after those of a partition, or the log of one that was never used: past every rate, and much faster than any
 * client. The server must not have it open. Returns the number of events that it has then.
 */
export function writeLog(folder: string, partition: string, events: Iterable<PreparedEvent>): number {
  const driver = new NodeSqlDriver(databaseOf(folder, partition));
  try {
    const storage = new PartitionStorage(driver, migrations, bytesPort);
    let { eventId } = storage.events.head();
    const now = Date.now();
    if (eventId === 0) {
      storage.transaction(now, ({ log }) =>
        log.create({ logId: crypto.randomUUID(), tenant: "default", partition }, now),
      );
    }
    const remaining = events[Symbol.iterator]();
    const append = (count: number) =>
      storage.transaction(now, (writes) => {
        for (let left = count; left > 0; left--) {
          const { done, value } = remaining.next();
          if (done) return false;
          eventId++;
          const payload = JSON.stringify(value.payload);
          writes.events.append({
            ...author,
            eventId,
            draftId: `prepared-${eventId}`,
            type: value.type,
            version: undefined,
            expectedEventId: undefined,
            timestamp: now,
            payload,
            payloadBytes: Buffer.byteLength(payload),
            batchEnd: undefined,
            fingerprint: undefined,
            incarnation: undefined,
            correlationId: undefined,
            hops: undefined,
            annotations: undefined,
            submitter: undefined,
          });
        }
        return true;
      });
    while (append(transactionEvents));
    return eventId;
  } finally {
    driver.close();
  }
}

/** Flips a byte of a stored event, as a disk may. The server must not have the partition open. */
export function corruptEvent(folder: string, partition: string, eventId: number): void {
  const driver = new NodeSqlDriver(databaseOf(folder, partition));
  try {
    const [trigger] = driver.query("SELECT sql FROM sqlite_schema WHERE name = 'events_are_not_changed'");
    driver.transaction(() => {
      driver.write("DROP TRIGGER events_are_not_changed");
      driver.write(
        "UPDATE events SET payload = CAST('!' || substr(CAST(payload AS TEXT), 2) AS BLOB) WHERE event_id = ?",
        eventId,
      );
      driver.write(trigger!["sql"] as string);
    });
  } finally {
    driver.close();
  }
}
