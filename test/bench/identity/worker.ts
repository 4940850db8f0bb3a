// The Worker of the measure `identity`: the one that is deployed, but for what its clients may do.
import { models } from "../../../src/app.ts";
import { createAuthority } from "../../../src/index.ts";

// Here belong limits that a load generator does not reach: what is measured is what looking at them costs.
const authority = createAuthority({ models });

export const PartitionObject = authority.PartitionObject;
export default authority.worker;
