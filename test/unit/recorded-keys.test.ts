import { expect, it } from "vitest";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import type { StorageWrites } from "../../src/storage/port.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { batch, event, now, rejection } from "../contract/storage/fixture.ts";
import { bytesPort, migrations } from "../support/partition.ts";

/** A driver that counts its SELECTs. */
class CountingDriver extends NodeSqlDriver {
  selects = 0;

  override query(...parameters: Parameters<NodeSqlDriver["query"]>) {
    this.selects++;
    return super.query(...parameters);
  }
}

const stored = (driver: NodeSqlDriver) => new PartitionStorage(driver, migrations, bytesPort);

/** Appends an event under `draftId`; whether that was free, and how many SELECTs it took. */
function append(storage: PartitionStorage, driver: CountingDriver, eventId: number, draftId: string) {
  const before = driver.selects;
  const appended = storage.transaction(now, (writes) => writes.events.append(event(eventId, { draftId })));
  return { appended, selects: driver.selects - before };
}

it("[ID-9] an event costs no look-up where others have records, before and after a restart", () => {
  const driver = new CountingDriver();
  const storage = stored(driver);
  storage.transaction(now, (writes) => {
    writes.rejections.record(rejection("rejected"));
    writes.batches.record(batch("batch"));
  });
  append(storage, driver, 1, "first");
  for (const [at, again] of [storage, stored(driver)].entries()) {
    // The first one of a lifetime reads which keys have records.
    append(again, driver, 2 + 10 * at, `warm-${at}`);
    expect(append(again, driver, 3 + 10 * at, `new-${at}`)).toEqual({ appended: true, selects: 0 });
    expect(append(again, driver, 4 + 10 * at, "rejected").appended).toBe(false);
    expect(append(again, driver, 4 + 10 * at, "batch").appended).toBe(false);
  }
});

it("[ID-9] a key with a record is found that was written later, and where there are more than are kept", () => {
  const driver = new CountingDriver();
  const storage = stored(driver);
  append(storage, driver, 1, "first");
  const names = Array.from({ length: 1_002 }, (_, at) => `r${at}`);
  for (const [at, name] of names.entries()) {
    storage.transaction(now, (writes) => void writes.rejections.record(rejection(name)));
    if (at % 100 === 0) expect(append(storage, driver, 2, name).appended).toBe(false);
  }
  for (const again of [storage, stored(driver)]) {
    for (const name of [names[0]!, names[999]!, names[1_001]!]) {
      expect(append(again, driver, 2, name).appended).toBe(false);
    }
  }
  expect(append(storage, driver, 2, "new")).toEqual({ appended: true, selects: 1 });
});

it("[ID-9] a key is free again when its record is gone, or was never committed", () => {
  const driver = new CountingDriver();
  const storage = stored(driver);
  append(storage, driver, 1, "first");
  const failed = () =>
    storage.transaction(now, (writes) => {
      writes.rejections.record(rejection("undone"));
      throw new Error("rolled back");
    });
  expect(failed).toThrow("rolled back");
  expect(append(storage, driver, 2, "undone").appended).toBe(true);
  const recordId = storage.transaction(now, (writes) => writes.rejections.record(rejection("swept")));
  expect(append(storage, driver, 3, "swept").appended).toBe(false);
  storage.transaction(now, (writes) => writes.rejections.forget(recordId));
  expect(append(storage, driver, 3, "swept").appended).toBe(true);
});

it("[ID-11] [TX-3] a key has its record again where the removal is rolled back, though the keys were read in between", () => {
  const driver = new CountingDriver();
  const recordId = stored(driver).transaction(now, (writes) => writes.rejections.record(rejection("kept")));
  const removals: ((rejections: StorageWrites["rejections"]) => void)[] = [
    (rejections) => rejections.forget(recordId),
    (rejections) => void rejections.sweep(Number.MAX_SAFE_INTEGER, 10),
    (rejections) => rejections.forgetOldest([rejection("kept").principal], 10),
  ];
  for (const remove of removals) {
    // Each in a lifetime of its own, which has not read the keys yet.
    const storage = stored(driver);
    const failed = () =>
      storage.transaction(now, (writes) => {
        remove(writes.rejections);
        writes.events.append(event(1, { draftId: "other" }));
        throw new Error("rolled back");
      });
    expect(failed).toThrow("rolled back");
    expect(append(storage, driver, 1, "kept").appended).toBe(false);
  }
});
