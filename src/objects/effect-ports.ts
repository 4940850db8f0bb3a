import type { DurableObject } from "cloudflare:workers";
import type { PartitionName } from "../core/index.ts";
import { courierBounds } from "../courier/bounds.ts";
import { HandOver } from "../courier/hand-over.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import { callObject } from "../platform/call.ts";
import { log } from "../platform/log.ts";
import { type PlacementOf, stubOf } from "../platform/placement.ts";
import { tenantCalls, type TenantRpc } from "./tenant-calls.ts";
import { courierCalls, type CourierRpc } from "./courier-calls.ts";
import type { EffectPorts } from "../shell/ports.ts";
import { partitionCalls, type PartitionRpc } from "./partition-calls.ts";

/** The bindings that effects need. Those of queues have the names that the effects say. */
export interface EffectEnv {
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionRpc>;
  TENANTS: DurableObjectNamespace<DurableObject & TenantRpc>;
  /** Absent where a deployment has no couriers yet: webhooks wait. */
  COURIERS?: DurableObjectNamespace<DurableObject & CourierRpc>;
}

/** Where the effects of a partition go on the platform: `from` is its own name, so its tenant is that of the object. */
export function effectPorts(
  env: EffectEnv,
  from: PartitionName,
  models: ModelRegistry,
  placementOf: PlacementOf,
): EffectPorts {
  const { tenant } = from;
  const placement = placementOf(tenant);
  const handOver = new HandOver({
    routes: () =>
      callObject(
        () => tenantCalls(stubOf(env.TENANTS, tenant, placement)),
        (calls) => calls.endpointRoutes(),
      ),
    accept: (id, rows) =>
      inTime(
        callObject(
          () => courierCalls(stubOf(env.COURIERS!, `${tenant}/${id}`, placement)),
          (calls) => calls.accept({ rows }),
        ),
        courierBounds.acceptMsMax,
      ),
    unwanted: (destination) => log("webhook_unwanted", { ...from, destination }),
    now: () => Date.now(),
  });
  return {
    async submit(partition, effects) {
      if (!modelFor(models, partition)) {
        const detail = "No model serves partitions of this name.";
        return effects.map(() => ({ kind: "refused", code: "not_found", detail }));
      }
      const stub = () => partitionCalls(stubOf(env.PARTITIONS, `${tenant}/${partition}`, placement));
      const traceId = crypto.randomUUID().replaceAll("-", "");
      return await callObject(stub, (calls) => calls.deliver({ from: from.partition, effects, traceId }));
    },
    async enqueue(queue, messages) {
      const binding = (env as unknown as Record<string, unknown>)[queue];
      if (!isQueue(binding)) throw new Error(`there is no queue with the binding "${queue}"`);
      await binding.sendBatch(messages.map((body) => ({ body, contentType: "json" })));
    },
    async webhooks(rows, to) {
      if (!env.COURIERS) throw new Error("this deployment has no couriers");
      if ("behind" in to) return await handOver.sendToAll(rows, to.behind);
      await handOver.sendTo(to.endpoint, rows);
      return [];
    },
  };
}

/** Rejects where the answer is late. What comes later counts all the same. */
async function inTime<T>(answered: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("the answer is late")), ms);
  try {
    return await Promise.race([answered, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function isQueue(binding: unknown): binding is Queue {
  return typeof binding === "object" && binding !== null && "sendBatch" in binding;
}
