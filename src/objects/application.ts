import type { AuditSettings } from "../identity/audit-keys.ts";
import type { Effects } from "../model/effects.ts";
import type { ModelRegistry } from "../model/index.ts";
import type { PlacementOf } from "../platform/placement.ts";
import type { Limits } from "../protocol/index.ts";
import type { Roles } from "../shell/author.ts";
import type { ShellParts } from "../shell/parts.ts";
import type { ShellPorts } from "../shell/ports.ts";
import type { effectPorts } from "./effect-ports.ts";
import type { reporterOf } from "./metrics-calls.ts";
import type { TenantEndpoints } from "./tenant-endpoints.ts";
import type { webhookPort } from "./webhooks.ts";

/** What parts of the Worker give to the objects of partitions and tenants. */
export interface ObjectParts extends ShellParts {
  /** Where effects go; absent: they wait. */
  readonly effectPorts?: typeof effectPorts;
  /** Absent: webhooks wait in their partition. */
  readonly webhookPort?: typeof webhookPort;
  /** Absent: a tenant has no endpoints. */
  readonly TenantEndpoints?: typeof TenantEndpoints;
  /** Absent: nothing is reported. */
  readonly reporterOf?: typeof reporterOf;
  /** Makes the signer of heads of the log; absent: none is made. */
  readonly headSigner?: (settings: AuditSettings) => ShellPorts["signHead"];
}

/** What the objects of an application have in common. */
export interface Application {
  models: ModelRegistry;
  effects: readonly Effects[];
  roles: Roles;
  /** The limits that differ from the default. */
  limits: Partial<Limits>;
  placementOf: PlacementOf;
  parts: ObjectParts;
}
