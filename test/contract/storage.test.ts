import { gzipSync } from "node:zlib";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { bytesPort, migrations, migrationsIn } from "../support/partition.ts";
import { schemasOf } from "../support/schemas.ts";
import { storageSuite } from "./storage/suite.ts";

storageSuite("node:sqlite", {
  migrations,
  tenantMigrations: migrationsIn("tenant"),
  courierMigrations: migrationsIn("courier"),
  bytes: bytesPort,
  schemas: { partition: schemasOf("partition"), tenant: schemasOf("tenant"), courier: schemasOf("courier") },
  gzip: (bytes) => new Uint8Array(gzipSync(bytes)),
  withDriver: async (test) => {
    const driver = new NodeSqlDriver();
    try {
      return test(driver);
    } finally {
      driver.close();
    }
  },
});
