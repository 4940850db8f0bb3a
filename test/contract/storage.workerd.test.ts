import { bytesPort } from "../../src/platform/hash.ts";
import { gzipSync } from "node:zlib";
import { env, runInDurableObject } from "cloudflare:test";
import { migrations } from "../../src/storage/partition/migrations.ts";
import { DurableSqlDriver } from "../../src/storage/durable.ts";
import { migrations as courierMigrations } from "../../src/storage/courier/migrations.ts";
import { migrations as tenantMigrations } from "../../src/storage/tenant/migrations.ts";
import partition0001 from "../fixtures/schemas/partition-0001.sql";
import partition0002 from "../fixtures/schemas/partition-0002.sql";
import partition0003 from "../fixtures/schemas/partition-0003.sql";
import partition0004 from "../fixtures/schemas/partition-0004.sql";
import partition0005 from "../fixtures/schemas/partition-0005.sql";
import partition0006 from "../fixtures/schemas/partition-0006.sql";
import partition0007 from "../fixtures/schemas/partition-0007.sql";
import partition0008 from "../fixtures/schemas/partition-0008.sql";
import partition0009 from "../fixtures/schemas/partition-0009.sql";
import partition0010 from "../fixtures/schemas/partition-0010.sql";
import partition0011 from "../fixtures/schemas/partition-0011.sql";
import courier0001 from "../fixtures/schemas/courier-0001.sql";
import courier0002 from "../fixtures/schemas/courier-0002.sql";
import tenant0001 from "../fixtures/schemas/tenant-0001.sql";
import tenant0002 from "../fixtures/schemas/tenant-0002.sql";
import { storageSuite } from "./storage/suite.ts";

let databases = 0;

storageSuite("a Durable Object", {
  bytes: bytesPort,
  schemas: {
    partition: [
      partition0001,
      partition0002,
      partition0003,
      partition0004,
      partition0005,
      partition0006,
      partition0007,
      partition0008,
      partition0009,
      partition0010,
      partition0011,
    ],
    tenant: [tenant0001, tenant0002],
    courier: [courier0001, courier0002],
  },
  gzip: (bytes) => new Uint8Array(gzipSync(bytes)),
  migrations,
  tenantMigrations,
  courierMigrations,
  withDriver: (test) =>
    runInDurableObject(env.PARTITIONS.getByName(`contract/database-${++databases}`), (_, ctx) =>
      test(new DurableSqlDriver(ctx.storage)),
    ),
});
