// What the measure `identity` compares with: the deployed Worker, but its partitions count and report no metrics.
import { models } from "../../../../src/app.ts";
import { createAuthority } from "../../../../src/index.ts";
import * as parts from "../../../../src/parts/index.ts";
import { limits } from "../limits.ts";

const authority = createAuthority({
  models,
  limits,
  parts: [
    parts.serverCode,
    parts.cron,
    parts.webhooks,
    { ...parts.metrics, ofObjects: {} },
    parts.administration,
    parts.operations,
    parts.audit,
    parts.sagas,
    parts.insiemeClients,
    parts.signedRequests,
    parts.pages,
    parts.openApi,
  ],
});

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
