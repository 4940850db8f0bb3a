import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import type { Author } from "../../src/protocol/index.ts";
import type { SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestShell, turn } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };
/** The number of events, and their bytes, that make a snapshot due. */
const events = 20;
const value = "x".repeat(60_000);

class FailingDriver extends NodeSqlDriver {
  /** How many transactions fail. */
  failing = 0;
  /** Whether there is no space for a snapshot. */
  full = false;
  loads = 0;

  override transaction<T>(body: () => T): T {
    if (this.failing-- > 0) throw new Error("disk I/O error");
    return super.transaction(body);
  }

  override query(sql: string, ...values: SqlValue[]): SqlRow[] {
    if (sql.includes("FROM jobs")) this.loads++;
    return super.query(sql, ...values);
  }

  override write(sql: string, ...values: SqlValue[]): SqlRow[] {
    if (this.full && sql.includes("INTO snapshot_chunks")) throw new Error("database or disk is full");
    return super.write(sql, ...values);
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

describe("a snapshot that cannot be written", () => {
  it("[BD-1] [LC-8] is not tried again by each load, as long as the log does not grow", async () => {
    const driver = new FailingDriver();
    const room = new TestShell({ driver });
    for (let at = 0; at < events; at++) {
      const event = { type: "set", payload: { target: `n${at}`, value } };
      await room.submit(alice, single({ draftId: `d${at}`, event, expectedEventId: undefined }));
    }
    driver.full = true;
    const failures = () => room.logged.filter(({ message }) => message === "a snapshot could not be written").length;
    const alarm = async () => {
      const ended = room.alarm().then(() => true);
      const next = async () => {
        room.elapse(0);
        await turn();
        return false;
      };
      while (!(await Promise.race([ended, next()])));
    };
    await alarm();
    expect(failures()).toBe(1);
    const { loads } = driver;
    for (let at = 0; at < 3; at++) {
      expect((await room.shell.ready({ traceId: "f".repeat(32) })).status).toBe(200);
      if (room.armedAt === room.now) await alarm();
    }
    expect([failures(), driver.loads]).toEqual([1, loads + 1]);
  });
});

describe("a snapshot of a state that changes fast", () => {
  const keys = 80;
  /** A room with a state of 4.8 MB, in one object. A view can keep 34 values that have changed, and not all of them. */
  const filled = async () => {
    const driver = new FailingDriver();
    const shell = new TestShell({ driver, snapshotChunkUnits: 50_000 });
    let drafts = 0;
    const submit = async (event: Parameters<typeof single>[0]["event"]) => {
      const draft = single({ draftId: `d${++drafts}`, event, expectedEventId: undefined });
      expect((await shell.submit(alice, draft)).status).toBe(201);
    };
    let changes = 0;
    const change = async (count: number) => {
      for (let at = 0; at < count; at++) {
        await submit({ type: "set", payload: { target: `all.n${changes++ % keys}`, value } });
      }
    };
    const clear = async () => {
      await submit({ type: "unset", payload: { target: "all" } });
      await submit({ type: "set", payload: { target: "all", value: {} } });
    };
    /** Runs the alarm; `meanwhile` happens between its turns. Returns how many there were. */
    const alarm = async (meanwhile?: () => Promise<void>) => {
      const ended = shell.alarm().then(() => true);
      let turns = 0;
      const next = async () => {
        turns++;
        shell.elapse(0);
        await turn();
        await meanwhile?.();
        return false;
      };
      while (!(await Promise.race([ended, next()])));
      return turns;
    };
    await submit({ type: "set", payload: { target: "all", value: {} } });
    await change(keys);
    const failures = () => shell.logged.filter(({ message }) => message === "a snapshot could not be written").length;
    const snapshots = () => driver.query("SELECT event_id FROM snapshots");
    const chunks = () => driver.query("SELECT count(*) AS n FROM snapshot_chunks")[0]!["n"] as number;
    return { shell, submit, change, clear, alarm, failures, snapshots, chunks };
  };

  it("[TX-8] [BD-1] is written faster, so that the view does not have to keep more than it can", async () => {
    const { change, alarm, failures, snapshots } = await filled();
    const turns = await alarm(() => change(3));
    expect([failures(), snapshots()]).toEqual([0, [{ event_id: keys + 1 }]]);
    // Where nothing changes, each chunk has a turn of its own.
    expect(turns).toBeLessThan(40);
    const quiet = await filled();
    expect(await quiet.alarm()).toBeGreaterThan(90);
  });

  it("[BD-1] [WP-12] has turns of a bounded length, however much one event has changed", async () => {
    const { submit, alarm, failures, snapshots, chunks } = await filled();
    await submit({ type: "set", payload: { target: "part", value: {} } });
    for (let at = 0; at < 30; at++) await submit({ type: "set", payload: { target: `part.n${at}`, value } });
    let written = 0;
    const ofTurns: number[] = [];
    await alarm(async () => {
      ofTurns.push(chunks() - written);
      if (ofTurns.length === 5) await submit({ type: "unset", payload: { target: "part" } });
      // While that is submitted there is a turn, too.
      written = chunks();
    });
    expect([failures(), snapshots().length]).toEqual([0, 1]);
    // As much as four chunks of the usual size have, and not all that is left.
    expect(Math.max(...ofTurns)).toBe(21);
  });

  it("[BD-1] [TX-8] is not begun again at the next event where it had to be given up", async () => {
    const { shell, change, clear, alarm, failures, snapshots } = await filled();
    let turns = 0;
    await alarm(async () => {
      if (++turns === 5) await clear();
    });
    expect([failures(), snapshots()]).toEqual([1, []]);
    await change(1);
    expect(shell.armedAt).not.toBe(shell.now);
    await change(4);
    expect(shell.armedAt).toBe(shell.now);
    await alarm();
    expect([failures(), snapshots().length]).toEqual([1, 1]);
  });
});
