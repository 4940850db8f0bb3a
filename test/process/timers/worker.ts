import { createAuthority } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";
import { clock, clockEffects } from "./model.ts";

const authority = createAuthority({ models: { "*": clock }, effects: [clockEffects], parts: allParts });
export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
