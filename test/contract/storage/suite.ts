import { describe } from "vitest";
import { auditSuite } from "./audit.ts";
import { batchesSuite } from "./batches.ts";
import { courierSuite } from "./courier.ts";
import { eventsSuite } from "./events.ts";
import type { StorageFixture } from "./fixture.ts";
import { gatheredSuite } from "./gathered.ts";
import { jobsSuite } from "./jobs.ts";
import { logSuite } from "./log.ts";
import { outboxSuite } from "./outbox.ts";
import { rateBucketsSuite } from "./rate-buckets.ts";
import { rejectionsSuite } from "./rejections.ts";
import { rollbackSuite } from "./rollback.ts";
import { schemasSuite } from "./schemas.ts";
import { snapshotsSuite } from "./snapshots.ts";
import { tenantSuite } from "./tenant.ts";
import { tenantLimitsSuite } from "./tenant-limits.ts";
import { timersSuite } from "./timers.ts";
import { transactionsSuite } from "./transactions.ts";

/** The contract of the storage, with a part for each table. Every adapter runs it. */
export function storageSuite(adapter: string, fixture: StorageFixture): void {
  describe(`storage on ${adapter}`, () => {
    transactionsSuite(fixture);
    logSuite(fixture);
    eventsSuite(fixture);
    gatheredSuite(fixture);
    rejectionsSuite(fixture);
    batchesSuite(fixture);
    snapshotsSuite(fixture);
    jobsSuite(fixture);
    timersSuite(fixture);
    outboxSuite(fixture);
    rateBucketsSuite(fixture);
    tenantLimitsSuite(fixture);
    auditSuite(fixture);
    tenantSuite(fixture);
    courierSuite(fixture);
    schemasSuite(fixture);
    rollbackSuite(fixture);
  });
}
