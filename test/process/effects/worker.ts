// A Worker whose partitions submit to each other.
import { createAuthority } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";
import { gossip, gossipEffects } from "../../simulation/effects/model.ts";

const authority = createAuthority({ models: { "*": gossip }, effects: [gossipEffects], parts: allParts });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
