// The Worker whose webhooks are tested. `/hand-over/<endpoint>` hands rows over to a courier, as a partition does.
import { models } from "../../../src/app.ts";
import { createAuthority } from "../../../src/index.ts";
import type { CourierRpc } from "../../../src/objects/courier-calls.ts";
import type { CourierRow } from "../../../src/platform/courier-api.ts";

const authority = createAuthority({ models });

export const { PartitionObject, TenantObject, CourierObject } = authority;

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
