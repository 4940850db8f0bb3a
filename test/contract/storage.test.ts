import { NodeSqlDriver } from "../../src/storage/node.ts";
import { migrations, sha256 } from "../support/partition.ts";
import { storageSuite } from "./storage-suite.ts";

storageSuite("node:sqlite", {
  migrations,
  sha256,
  withDriver: async (test) => {
    const driver = new NodeSqlDriver();
    try {
      return test(driver);
    } finally {
      driver.close();
    }
  },
});
