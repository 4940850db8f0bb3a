// The deployed Worker in another build: it says so, and is the same otherwise.
import { effects, models } from "../../../src/app.ts";
import { createAuthority } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";

const authority = createAuthority({ effects, models, parts: allParts });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default {
  ...authority.worker,
  fetch(...given: Parameters<typeof authority.worker.fetch>) {
    return new URL(given[0].url).pathname === "/build" ? new Response("next") : authority.worker.fetch(...given);
  },
};
