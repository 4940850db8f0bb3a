import { models } from "./app.ts";
import { createAuthority } from "./index.ts";

const authority = createAuthority({ models });

export const PartitionObject = authority.PartitionObject;
export default authority.worker;
