import { bytesPort } from "../../src/platform/hash.ts";
import { gzipSync } from "node:zlib";
import { env, runInDurableObject } from "cloudflare:test";
import { migrations } from "../../src/storage/partition/migrations.ts";
import { DurableSqlDriver } from "../../src/storage/durable.ts";
import { migrations as tenantMigrations } from "../../src/storage/tenant/migrations.ts";
import { storageSuite } from "./storage/suite.ts";

let databases = 0;

storageSuite("a Durable Object", {
  bytes: bytesPort,
  gzip: (bytes) => new Uint8Array(gzipSync(bytes)),
  migrations,
  tenantMigrations,
  withDriver: (test) =>
    runInDurableObject(env.PARTITIONS.getByName(`contract/database-${++databases}`), (_, ctx) =>
      test(new DurableSqlDriver(ctx.storage)),
    ),
});
