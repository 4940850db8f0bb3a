/**
 * Everything that a Worker needs to be the authority of its partitions.
 *
 * @module partita
 */
import { defaultLimits, type Limits } from "./protocol/index.ts";
import { edge } from "./edge/app.ts";
import type { Edge } from "./edge/env.ts";
import type { Part } from "./edge/part.ts";
import type { Roles } from "./shell/author.ts";
import { assertServed, type Effects } from "./model/effects.ts";
import type { ModelRegistry } from "./model/index.ts";
import { assertSound } from "./model/mistakes.ts";
import type { ObjectParts } from "./objects/application.ts";
import type { ObjectClass, PartitionEnv, TenantEnv } from "./objects/environments.ts";
import type { PartitionRpc } from "./objects/partition-calls.ts";
import { partitionObject } from "./objects/partition.ts";
import { addLogs } from "./platform/log.ts";
import type { PlacementOf } from "./platform/placement.ts";
import type { TenantRpc } from "./objects/tenant-calls.ts";
import { tenantObject } from "./objects/tenant.ts";

export * from "./declarations.ts";

/** What parts add to the authority. */
type AddedBy<Parts extends readonly Part[]> = (
  Parts[number] extends infer One ? (One extends Part<infer Added> ? (added: Added) => void : never) : never
) extends (added: infer All) => void
  ? All
  : unknown;

/** The options of `createAuthority`. */
export interface AuthorityOptions<Parts extends readonly Part[] = readonly []> {
  /** The models by name pattern: the first pattern that matches the name of a partition selects its model. */
  models: ModelRegistry;
  /** What the Worker can do besides deciding drafts, delivering events and answering reads: of `partita/parts`. Default: none. */
  parts?: Parts;
  /** What the events of models cause outside, at most one declaration for each model. */
  effects?: readonly Effects[];
  /** The permissions of each role in tokens: `read`, `submit:<type>`, `submit:*`, `admin:*`. */
  roles?: Roles;
  /** The limits that differ from `defaultLimits`. In open development mode only these limits apply. */
  limits?: Partial<Limits>;
  /** Where the objects of a tenant live. The result for a tenant must never change: objects of a jurisdiction are not found outside it. */
  placement?: PlacementOf;
}

/** What `createAuthority` returns without parts. */
export interface CoreAuthority {
  /** The Durable Object classes, under the names that the bindings of the Worker have for them. */
  PartitionObject: ObjectClass<PartitionEnv, PartitionRpc>;
  TenantObject: ObjectClass<TenantEnv, TenantRpc>;
  /** The Worker: a Hono application. */
  worker: Edge;
}

/** What `createAuthority` returns. The main module of the Worker exports all of it. */
export type Authority<Parts extends readonly Part[] = readonly []> = CoreAuthority & AddedBy<Parts>;

/**
 * Creates the Worker and the Durable Object classes of an authority for these models.
 *
 * @example
 * const authority = createAuthority({ models: { "counter-*": counter, "*": insieme }, parts: [webhooks] });
 * export const { PartitionObject, TenantObject, CourierObject } = authority;
 * export default authority.worker;
 *
 * @throws TypeError where a model has mistakes that show without an event (a payload schema that transforms, an initial state
 * that is not JSON, …), or needs a part that is not there; or there are effects without their part, several declarations of effects, or where one that serves no
 * partition has some.
 */
export function createAuthority<const Parts extends readonly Part[] = readonly []>({
  models,
  parts,
  effects = [],
  roles = {},
  limits = {},
  placement = () => ({}),
}: AuthorityOptions<Parts>): Authority<Parts> {
  const all: readonly Part[] = parts ?? [];
  const ofObjects: ObjectParts = Object.assign({}, ...all.map((part) => part.ofObjects));
  for (const model of new Set(Object.values(models))) {
    assertSound(model);
    if (model.audit && !ofObjects.headSigner) {
      throw new TypeError(
        `the model "${model.name}" has \`audit\`: its Worker needs the part "audit" of partita/parts`,
      );
    }
  }
  if (effects.length > 0 && !ofObjects.causing) {
    throw new TypeError('there are `effects`: their Worker needs the part "effectsAndTimers" of partita/parts');
  }
  assertServed(effects, Object.values(models));
  for (const { logs } of all) addLogs(logs);
  const application = { models, effects, roles, limits, placementOf: placement, parts: ofObjects };
  const core: CoreAuthority = {
    PartitionObject: partitionObject(application),
    TenantObject: tenantObject({ ...defaultLimits, ...limits }, application),
    worker: edge(application, all),
  };
  return Object.assign(core, ...all.map(({ adds }) => adds?.(application))) as Authority<Parts>;
}

export type { Part } from "./edge/part.ts";
export type {
  RemotePartition,
  ServerPartition,
  ServerPartitionOptions,
  WriterEnv,
  WriterProps,
} from "./objects/writers.ts";
export type { Env as AuthorityEnv } from "./edge/env.ts";
export type { Roles } from "./shell/author.ts";
export type { Placement, PlacementOf } from "./platform/placement.ts";
