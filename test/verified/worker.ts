import { createAuthority } from "../../src/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { objectsBefore } from "./objects-before.ts";

const authority = createAuthority({
  models: { "board-*": insieme },
  roles: { editor: ["read", "submit:*"], viewer: ["read"], admin: ["admin:*"] },
  limits: { connectionsPerPrincipal: 4 },
});

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export const { PartitionBefore, TenantBefore } = objectsBefore(authority);
export default authority.worker;
