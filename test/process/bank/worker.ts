// A Worker whose partitions are banks that pay to each other.
import { createAuthority } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";
import { bank, bankEffects } from "../../support/bank.ts";

const authority = createAuthority({ models: { "bank-*": bank }, effects: [bankEffects], parts: allParts });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
