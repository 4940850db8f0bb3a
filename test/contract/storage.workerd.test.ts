import { env, runInDurableObject } from "cloudflare:test";
import { createHash } from "node:crypto";
import log0001 from "../../migrations/0001_log.sql";
import { DurableSqlDriver } from "../../src/storage/durable.ts";
import { storageSuite } from "./storage-suite.ts";

const sha256 = (bytes: Uint8Array | string) => new Uint8Array(createHash("sha256").update(bytes).digest());
let databases = 0;

storageSuite("a Durable Object", {
  sha256,
  migrations: [{ number: 1, sql: log0001, sha256: sha256(log0001) }],
  withDriver: (test) =>
    runInDurableObject(env.PARTITIONS.getByName(`contract/database-${++databases}`), (_, ctx) =>
      test(new DurableSqlDriver(ctx.storage)),
    ),
});
