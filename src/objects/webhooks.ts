import type { PartitionName } from "../core/index.ts";
import { courierBounds } from "../courier/bounds.ts";
import { HandOver } from "../courier/hand-over.ts";
import { callObject } from "../platform/call.ts";
import { log } from "../platform/log.ts";
import { type Placement, stubOf } from "../platform/placement.ts";
import type { EffectPorts } from "../shell/ports.ts";
import { courierCalls } from "./courier-calls.ts";
import type { EffectEnv } from "./environments.ts";
import { tenantCalls } from "./tenant-calls.ts";

/** What the log says of webhooks that wait for their objects. */
const noCouriers =
  "there is no binding COURIERS: bind it to CourierObject in wrangler.toml, with a migration, as docs/guide/webhooks.md shows. Webhooks wait";

/** Gives the webhooks of a partition to the couriers of its tenant. */
export function webhookPort(env: EffectEnv, from: PartitionName, placement: Placement): EffectPorts["webhooks"] {
  const { tenant } = from;
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
  return async (rows, to) => {
    if (!env.COURIERS) throw new Error(noCouriers);
    if ("behind" in to) return await handOver.sendToAll(rows, to.behind);
    await handOver.sendTo(to.endpoint, rows);
    return [];
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
