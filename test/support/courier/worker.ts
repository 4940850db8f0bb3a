// The Worker whose webhooks are tested. `/hand-over/<endpoint>` hands rows over to a courier, as a partition does.
import * as z from "zod/mini";
import { createAuthority, defineEffects, defineModel } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";
import type { CourierRpc } from "../../../src/objects/courier-calls.ts";
import type { CourierRow } from "../../../src/platform/courier-api.ts";

/** Each payment is a message. */
const shop = defineModel({
  name: "shop",
  version: 1,
  initialState: () => ({ paid: 0 }),
  events: {
    pay: {
      payload: z.strictObject({ n: z.int() }),
      reduce(state) {
        state.paid++;
      },
    },
  },
});
const effects = defineEffects(shop, {
  pay: (_, { payload }) => ({ kind: "webhook", type: "order.paid", payload: { n: payload.n }, ordered: true }),
});
const authority = createAuthority({ models: { "*": shop }, effects: [effects], parts: allParts });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;

interface TestEnv {
  COURIERS: DurableObjectNamespace<Rpc.DurableObjectBranded & CourierRpc>;
}

export default {
  async fetch(request: Request, env: TestEnv, ctx: ExecutionContext): Promise<Response> {
    const [, endpoint] = /^\/hand-over\/(.+)$/.exec(new URL(request.url).pathname) ?? [];
    if (endpoint === undefined) return await authority.worker.fetch(request, env as never, ctx);
    const rows = (await request.json()) as CourierRow[];
    await env.COURIERS.getByName(`default/${endpoint}`).acceptWith({ version: 1, rows });
    return new Response(null, { status: 204 });
  },
};
