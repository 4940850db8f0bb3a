import { describe, expect, it } from "vitest";
import type { Submission } from "../../src/core/index.ts";
import type { Author } from "../../src/protocol/index.ts";
import type { SqlDriver, SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { TestShell } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };
const asking = { traceId: "a".repeat(32) };

/** A disk that fails at one statement, or at one commit: before it, or after it. */
class FailingDriver extends NodeSqlDriver {
  /** Statements and commits so far. */
  count = 0;
  /** At which of them it fails; undefined: at none. */
  failsAt: number | undefined;
  /** Whether a commit that fails is there after all. */
  inDoubt = false;
  #depth = 0;

  override query(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#next();
    return super.query(sql, ...values);
  }

  override write(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#next();
    return super.write(sql, ...values);
  }

  override wrote(sql: string, ...values: SqlValue[]): boolean {
    this.#next();
    return super.wrote(sql, ...values);
  }

  override transaction<T>(body: () => T): T {
    this.#depth++;
    try {
      if (this.inDoubt) {
        const result = super.transaction(body);
        if (this.#depth === 1) this.#next();
        return result;
      }
      return super.transaction(() => {
        const result = body();
        if (this.#depth === 1) this.#next();
        return result;
      });
    } finally {
      this.#depth--;
    }
  }

  #next(): void {
    this.count++;
    if (this.count === this.failsAt) throw new Error("database or disk is full: SQLITE_FULL");
  }
}

function one(draftId: string, payload: object = { target: draftId, value: 1 }): Submission {
  return {
    key: draftId,
    mode: "single",
    drafts: [{ draftId, event: { type: "set", payload: payload as never }, expectedEventId: undefined }],
  };
}

const wrong = one("wrong", {});
const batch = (mode: "atomic" | "sequential", ...ids: string[]): Submission => ({
  key: `batch-${mode}`,
  mode,
  drafts: ids.map((id) => one(id).drafts[0]!),
});

/** The answers to frames on a connection, as problems or results. */
async function onSocket(room: TestShell): Promise<HttpAnswer[]> {
  const connection = await room.open(alice);
  connection.send("connect", { clientId: "phone", version: "1", sinceEventId: 0 });
  connection.send("sync", { sinceEventId: 0 });
  connection.send("hash", {});
  connection.send("submit_event", one("by-socket").drafts[0]!);
  room.elapse(0);
  const { messages } = connection;
  // Not connected, the later frames are refused for that.
  const answers = messages.filter(({ payload }) => payload.code !== "not_connected");
  expect(answers.length).toBeGreaterThan(0);
  return answers.map(({ payload }) => ({ status: payload.status ?? 200, headers: {}, body: JSON.stringify(payload) }));
}

const operations: Record<string, (room: TestShell) => Promise<HttpAnswer | HttpAnswer[]>> = {
  "a new draft": (room) => room.submit(alice, one("new")),
  "a replay": (room) => room.submit(alice, one("old")),
  "a draft that is rejected": (room) => room.submit(alice, wrong),
  "an atomic batch": (room) => room.submit(alice, batch("atomic", "m1", "m2")),
  "a sequential batch": (room) => room.submit(alice, batch("sequential", "old", "m1", "m2")),
  "a page": (room) => room.shell.readEvents(0, undefined, asking),
  "the state": async (room) => (await room.shell.readState(undefined, asking)) as HttpAnswer,
  "an earlier state": async (room) => (await room.shell.readState(1, asking)) as HttpAnswer,
  "the readiness": (room) => room.shell.ready(asking),
  "a connection": onSocket,
};

const failures = [
  { where: "every statement, in an object that runs", inDoubt: false, restarts: false },
  { where: "every statement, in an object that begins", inDoubt: false, restarts: true },
  { where: "every commit that is there after all", inDoubt: true, restarts: false },
];

async function prepared(restarts: boolean) {
  const driver = new FailingDriver();
  const before = new TestShell({ driver });
  await before.submit(alice, one("old"));
  await before.submit(alice, one("older"));
  const room = () => (restarts ? new TestShell({ driver }) : before);
  return { driver, room };
}

describe.each(failures)("when the disk fails at $where", ({ inDoubt, restarts }) => {
  it.each(Object.keys(operations))(
    "[BD-7] [ID-12] [TX-18] %s is answered, or reported as unknown and retryable; then the retry has its one verdict",
    async (title) => {
      const operation = operations[title]!;
      const counted = await prepared(restarts);
      const from = counted.driver.count;
      const expected = await operation(counted.room());
      const statements = counted.driver.count - from;
      let told = 0;
      for (let at = 1; at <= statements; at++) {
        const { driver, room: begin } = await prepared(restarts);
        driver.inDoubt = inDoubt;
        driver.failsAt = driver.count + at;
        let room: TestShell;
        try {
          room = begin();
        } catch {
          // An object that cannot be constructed answers nothing, and the Worker says so (test/workerd/unanswered.test.ts).
          continue;
        }
        for (const { status, body } of [await operation(room)].flat()) {
          const problem = JSON.parse(body) as { code?: string; retryable?: boolean; results?: { code?: string }[] };
          if (status < 400 || problem.code === "validation_failed") continue;
          told++;
          expect(problem).toMatchObject({ code: "storage_unavailable", retryable: true, retryAfter: 1 });
        }
        driver.failsAt = undefined;
        if (title === "a connection") continue;
        const again = [await operation(room)].flat()[0]!;
        // Trace ids of a rejection, and times, may be others where nothing was stored the first time.
        expect(again.status).toBe([expected].flat()[0]!.status);
        const count = driver.query("SELECT count(*) AS n, max(event_id) AS last FROM events")[0]!;
        expect(count["n"]).toBe(count["last"]);
      }
      // An object that begins tries again at its first request.
      if (statements > 0 && !inDoubt && !restarts) expect(told).toBeGreaterThan(0);
    },
  );
});

describe("a full disk", () => {
  it("[LC-8] [BD-6] keeps nobody from reading, from connecting, and from the answers to what was decided", async () => {
    const driver = new NodeSqlDriver();
    const before = new TestShell({ driver });
    const first = await before.submit(alice, one("old"));
    const rejected = await before.submit(alice, wrong);
    const pages = driver.query("SELECT page_count AS n FROM pragma_page_count")[0]!["n"];
    driver.transaction(() => driver.script(`PRAGMA max_page_count = ${String(pages)}`));
    const room = new TestShell({ driver: driver as SqlDriver });
    let full: HttpAnswer;
    let at = 0;
    do full = await room.submit(alice, one(`large-${++at}`, { target: `k${at}`, value: "x".repeat(2_000) }));
    while (full.status === 201 && at < 100);
    expect(JSON.parse(full.body)).toMatchObject({ code: "storage_unavailable", retryable: true });
    expect(await room.submit(alice, one("old"))).toEqual(first);
    expect(await room.submit(alice, wrong)).toEqual(rejected);
    expect((await room.shell.readEvents(0, undefined, asking)).status).toBe(200);
    expect((await room.shell.readState(undefined, asking)).status).toBe(200);
    const connection = await room.open(alice);
    connection.send("connect", { clientId: "phone", version: "1", sinceEventId: 0 });
    room.elapse(0);
    expect(connection.messages).toMatchObject([{ type: "connected" }, { type: "sync_response" }]);
  });
});
