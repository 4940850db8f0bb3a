import { expect, it } from "vitest";
import { now, snapshot, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the tables `snapshots` and `snapshot_chunks`. */
export function snapshotsSuite(fixture: StorageFixture): void {
  it("[TX-8] stores one snapshot, in chunks, plain or compressed, and detects a wrong byte", () =>
    withStorage(fixture, (storage, driver) => {
      const text = JSON.stringify({ text: "ü".repeat(1_000) });
      const put = (eventId: number, bytes: Uint8Array, encoding: "identity" | "gzip") =>
        storage.transaction(now, (writes) => {
          for (let chunk = 0; chunk * 500 < bytes.length; chunk++) {
            writes.snapshots.putChunk(eventId, chunk, bytes.slice(chunk * 500, chunk * 500 + 500));
          }
          writes.snapshots.complete(snapshot(eventId, 2_011), encoding, fixture.bytes.sha256(bytes));
        });
      put(1, new TextEncoder().encode("{}"), "identity");
      put(7, new TextEncoder().encode(text), "identity");
      expect(storage.snapshots.latest(1, "m.1")).toEqual(snapshot(7, 2_011));
      expect(storage.snapshots.latest(2, "m.1")).toBeUndefined();
      expect(storage.snapshots.latest(1, "n.1")).toBeUndefined();
      expect(storage.snapshots.latest(1, "m.1", 6)).toBeUndefined();
      expect(storage.snapshots.state(7)).toBe(text);
      expect(storage.snapshots.state(1)).toBeUndefined();
      put(8, fixture.gzip(new TextEncoder().encode(text)), "gzip");
      expect(storage.snapshots.state(8)).toBe(text);
      put(9, new TextEncoder().encode(text), "identity");
      driver.transaction(() =>
        driver.write("UPDATE snapshot_chunks SET bytes = zeroblob(length(bytes)) WHERE chunk = 1"),
      );
      expect(storage.snapshots.state(9)).toBeUndefined();
      driver.transaction(() => driver.write("DELETE FROM snapshot_chunks WHERE chunk = 1"));
      expect(storage.snapshots.state(9)).toBeUndefined();
    }));

  it("[TX-8] an incomplete snapshot is not visible, and is deleted with the next", () =>
    withStorage(fixture, (storage, driver) => {
      const chunks = () => driver.query("SELECT event_id FROM snapshot_chunks").map((row) => row["event_id"]);
      storage.transaction(now, (writes) => writes.snapshots.putChunk(5, 0, new Uint8Array(9)));
      expect(storage.snapshots.latest(1, "m.1")).toBeUndefined();
      expect(chunks()).toEqual([5]);
      storage.transaction(now, (writes) => {
        writes.snapshots.putChunk(6, 0, new Uint8Array(2));
        writes.snapshots.complete(snapshot(6, 2), "identity", fixture.bytes.sha256(new Uint8Array(2)));
      });
      expect(chunks()).toEqual([6]);
    }));
}
