import { env, runInDurableObject } from "cloudflare:test";
import { migrations, sha256 } from "../../src/partition/migrations.ts";
import { DurableSqlDriver } from "../../src/storage/durable.ts";
import { storageSuite } from "./storage-suite.ts";

let databases = 0;

storageSuite("a Durable Object", {
  sha256,
  migrations,
  withDriver: (test) =>
    runInDurableObject(env.PARTITIONS.getByName(`contract/database-${++databases}`), (_, ctx) =>
      test(new DurableSqlDriver(ctx.storage)),
    ),
});
