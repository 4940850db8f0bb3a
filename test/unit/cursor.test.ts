import { describe, expect, it } from "vitest";
import { Cursor } from "../../src/core/delivery/cursor.ts";
import type { EventRow } from "../../src/storage/port.ts";

const row = (eventId: number): EventRow => ({
  eventId,
  draftId: `d${eventId}`,
  principal: "p",
  clientId: "c",
  type: "set",
  version: undefined,
  payload: "{}",
  payloadBytes: 2,
  expectedEventId: undefined,
  timestamp: 1,
  batchEnd: undefined,
  fingerprint: undefined,
  incarnation: undefined,
  correlationId: undefined,
  hops: undefined,
  annotations: undefined,
  submitter: undefined,
});
const ids = (rows: readonly EventRow[]) => rows.map(({ eventId }) => eventId);

describe("a cursor at the head", () => {
  it("[WP-5] is after the events of a broadcast, and delivers none of them again", () => {
    const cursor = new Cursor({ behind: undefined, delivered: undefined });
    cursor.seek(1, 1);
    expect(ids(cursor.advance([row(2), row(3)], undefined, undefined, false, undefined))).toEqual([2, 3]);
    expect([cursor.isNew(row(3)), cursor.isNew(row(4))]).toEqual([false, true]);
    expect(ids(cursor.advance([row(3), row(4)], undefined, undefined, false, undefined))).toEqual([4]);
  });

  it("[WP-5] [LC-1] keeps the position after a broadcast while a commit is in doubt", () => {
    const cursor = new Cursor({ behind: undefined, delivered: undefined });
    cursor.seek(1, 1);
    cursor.advance([row(2), row(3)], undefined, undefined, false, undefined);
    cursor.doubt();
    expect(cursor.state).toEqual({ behind: undefined, delivered: 3 });
    const woken = new Cursor(cursor.state);
    woken.resume(5);
    expect(ids(woken.advance([row(2), row(3), row(4), row(5)], undefined, undefined, false, undefined))).toEqual([
      4, 5,
    ]);
  });
});
