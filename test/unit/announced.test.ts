import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import { singleDraftsOf, type Work } from "../../src/core/window/work.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { bytesPort, migrations, TestPartition } from "../support/partition.ts";
import { schemasOf } from "../support/schemas.ts";

/** The statement that looks up drafts that are announced, in a database of this schema (undefined: of now); undefined: there is none. */
function lookUpOf(schema: string | undefined): string | undefined {
  const driver = new NodeSqlDriver();
  if (schema !== undefined) driver.transaction(() => driver.script(schema));
  const storage = new PartitionStorage(driver, migrations, bytesPort);
  storage.open(0);
  storage.transaction(0, (writes) => void writes.jobs.put({ kind: "snapshot", key: "", dueAt: 1, attempts: 0 }));
  let found: string | undefined;
  const query = driver.query.bind(driver);
  driver.query = (sql, ...values) => {
    if (sql.includes("FROM events WHERE events.draft_id")) found = sql;
    return query(sql, ...values);
  };
  storage.transaction(0, (writes) => void writes.events.announce(["d-1"]));
  driver.close();
  return found;
}

describe("announced drafts", () => {
  it("[TX-1] [BD-7] are looked up by an index, and not by reading the log", () => {
    const database = new DatabaseSync(":memory:");
    database.exec(migrations.map(({ sql }) => sql).join(";\n"));
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${lookUpOf(undefined)!}`).all("[]");
    const ofEvents = plan.map(({ detail }) => String(detail)).filter((detail) => detail.includes("events"));
    expect(ofEvents).toEqual([expect.stringMatching(/^SEARCH .*\(draft_id=\?\)/)]);
    database.close();
  });

  it.each(schemasOf("partition").map((text, at) => [at + 1, text] as const))(
    "[TX-1] [BD-7] are not looked up in a partition with the table of schema %i, whose index begins with the principal",
    (_, schema) => {
      expect(lookUpOf(schema)).toBeUndefined();
    },
  );

  it("[BD-3] are a bounded number, and no members of atomic batches", () => {
    const { session } = new TestPartition().client("a");
    const draft = (draftId: string) => ({ draftId, event: { type: "set" }, expectedEventId: undefined });
    const submit = (submission: ReturnType<typeof single>): Work => ({
      session,
      command: { kind: "submit", requestId: "r", submission },
    });
    const batch: Work[] = [
      submit(single(draft("d1"))),
      submit({ key: "b", mode: "sequential", drafts: [draft("d2"), draft("d3"), draft("d4")] }),
      submit({ key: "c", mode: "atomic", drafts: [draft("d5")] }),
      submit(single({ ...draft("d6"), scope: "team" })),
    ];
    expect(singleDraftsOf(batch, 9)).toEqual(["d1", "d2", "d3", "d4", "d6"]);
    expect(singleDraftsOf(batch, 3)).toEqual(["d1", "d2", "d3"]);
  });
});
