import { createAuthority } from "../../src/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { counter } from "./models.ts";

const authority = createAuthority({ models: { "counter-*": counter, "*": insieme } });

export const { PartitionObject, TenantObject, CourierObject } = authority;
export default authority.worker;

declare global {
  namespace Cloudflare {
    interface Env {
      PARTITIONS: DurableObjectNamespace<InstanceType<typeof PartitionObject>>;
      TENANTS: DurableObjectNamespace<InstanceType<typeof TenantObject>>;
      COURIERS: DurableObjectNamespace<InstanceType<typeof CourierObject>>;
    }
  }
}
