import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import { singleKeysOf, type Work } from "../../src/core/window/work.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { bytesPort, migrations, TestPartition } from "../support/partition.ts";
import { schemasOf } from "../support/schemas.ts";

/** The statement that looks up keys that are announced, in a database of this schema; undefined: of now. */
function lookUpOf(schema: string | undefined): string {
  const driver = new NodeSqlDriver();
  if (schema !== undefined) driver.transaction(() => driver.script(schema));
  const storage = new PartitionStorage(driver, migrations, bytesPort);
  storage.open(0);
  storage.transaction(0, (writes) => void writes.jobs.put({ kind: "snapshot", key: "", dueAt: 1, attempts: 0 }));
  let found: string | undefined;
  const query = driver.query.bind(driver);
  driver.query = (sql, ...values) => {
    if (sql.includes("FROM events")) found = sql;
    return query(sql, ...values);
  };
  storage.transaction(0, (writes) => void writes.events.announce([["dev:a", "d-1"]]));
  driver.close();
  return found!;
}

describe("announced drafts", () => {
  const all = migrations.map(({ sql }) => sql).join(";\n");
  it.each([...schemasOf("partition").map((text, at) => [`schema ${at + 1}`, text]), ["the schema of now", undefined]])(
    "[TX-1] [BD-7] are looked up by an index of %s, and not by reading the log",
    (_, schema) => {
      const database = new DatabaseSync(":memory:");
      database.exec(schema ?? all);
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${lookUpOf(schema)}`).all("[]");
      const ofEvents = plan.map(({ detail }) => String(detail)).filter((detail) => detail.includes("events"));
      expect(ofEvents).toHaveLength(1);
      expect(ofEvents[0]).toMatch(
        schema === undefined ? /^SEARCH .*\(draft_id=\?\)/ : /^SEARCH .*\(principal=\? AND draft_id=\?\)/,
      );
      database.close();
    },
  );

  it("[BD-3] are a bounded number, and each under its own principal", () => {
    const { session } = new TestPartition().client("a");
    const draft = (draftId: string) => ({ draftId, event: { type: "set" }, expectedEventId: undefined });
    const submit = (submission: ReturnType<typeof single>): Work => ({
      session,
      command: { kind: "submit", requestId: "r", submission },
    });
    const { principal } = session.state.author!;
    const batch: Work[] = [
      submit(single(draft("d1"))),
      submit({ key: "b", mode: "sequential", drafts: [draft("d2"), draft("d3"), draft("d4")] }),
      submit({ key: "c", mode: "atomic", drafts: [draft("d5")] }),
      submit(single({ ...draft("d6"), scope: "team" })),
    ];
    expect(singleKeysOf(batch, 9)).toEqual([...["d1", "d2", "d3", "d4"].map((id) => [principal, id]), ["team", "d6"]]);
    expect(singleKeysOf(batch, 3)).toHaveLength(3);
    expect(singleKeysOf([submit(single(draft("d1")))], 9)).toHaveLength(1);
    const unknown = new TestPartition().open();
    expect(singleKeysOf([{ ...batch[0]!, session: unknown.session } as Work], 9)).toEqual([]);
  });
});
