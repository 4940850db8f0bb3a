import type { PartitionName } from "../core/index.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import { callObject } from "../platform/call.ts";
import { type Placement, stubOf } from "../platform/placement.ts";
import type { EffectPorts } from "../shell/ports.ts";
import type { EffectEnv } from "./environments.ts";
import { partitionCalls } from "./partition-calls.ts";

/** Where the effects of a partition go on the platform: `from` is its own name, so its tenant is that of the object. */
export function effectPorts(
  env: EffectEnv,
  from: PartitionName,
  models: ModelRegistry,
  placement: Placement,
  webhooks: EffectPorts["webhooks"] = refuseWebhooks,
): EffectPorts {
  const { tenant } = from;
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
    webhooks,
  };
}

/** They wait in their partition: a later version of the Worker may have the part. */
const refuseWebhooks: EffectPorts["webhooks"] = async () => {
  throw new Error('this Worker has no webhooks: it needs the part "webhooks"');
};

function isQueue(binding: unknown): binding is Queue {
  return typeof binding === "object" && binding !== null && "sendBatch" in binding;
}
