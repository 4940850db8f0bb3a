import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import type { Author } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestShell, turn } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };
/** The number of events, and their bytes, that make a snapshot due. */
const events = 20;
const value = "x".repeat(60_000);

class FailingDriver extends NodeSqlDriver {
  /** How many transactions fail. */
  failing = 0;

  override transaction<T>(body: () => T): T {
    if (this.failing-- > 0) throw new Error("disk I/O error");
    return super.transaction(body);
  }
}

describe("a snapshot whose state was loaded again while it was written", () => {
  it("[TX-8] [LC-1] is given up: it does not mix its chunks with those of the next one", async () => {
    const driver = new FailingDriver();
    const room = new TestShell({ driver, snapshotChunkUnits: 50_000 });
    let drafts = 0;
    const submit = (text = value) => {
      const draftId = `d${++drafts}`;
      const event = { type: "set", payload: { target: `n${drafts % events}`, value: text } };
      return room.submit(alice, single({ draftId, event, expectedEventId: undefined }));
    };
    const chunks = () => driver.query("SELECT count(*) AS n FROM snapshot_chunks")[0]!["n"] as number;
    for (let at = 0; at < events; at++) expect((await submit()).status).toBe(201);
    const first = room.alarm();
    while (chunks() < 3) {
      room.elapse(0);
      await turn();
    }
    driver.failing = 2;
    expect((await submit()).status).toBe(503);
    driver.failing = 0;
    expect((await submit("another")).status).toBe(201);
    const second = room.alarm();
    const ended = Promise.all([first, second]).then(() => true);
    const next = async () => {
      room.elapse(0);
      await turn();
      return false;
    };
    while (!(await Promise.race([ended, next()])));
    // The draft that failed is no event.
    expect(driver.query("SELECT event_id FROM snapshots")).toEqual([{ event_id: events + 1 }]);
    const values = Array.from({ length: events }, (_, at) => [`n${at}`, at === drafts % events ? "another" : value]);
    const stored = driver.query("SELECT event_id, chunk, bytes FROM snapshot_chunks ORDER BY chunk");
    const text = stored.map(({ bytes }) => gunzipSync(bytes as Uint8Array).toString()).join("");
    expect(JSON.parse(text)).toEqual(Object.fromEntries(values));
    expect(room.logged.map(({ message }) => message)).toContain("a snapshot could not be written");
  });
});
