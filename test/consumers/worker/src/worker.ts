import { type AuthorityEnv, createAuthority, defineEffects } from "partita";
import { allParts, describeRoute, schemaOf } from "partita/parts";
import { insieme } from "partita/models/insieme";
import { inventory } from "partita/models/inventory";
import { inventoryEffects } from "partita/models/inventory/effects";
import { ledger } from "partita/models/ledger";
import { ledgerEffects } from "partita/models/ledger/effects";
import * as z from "zod";
import { seats } from "../shared/seats.js";

const booked = defineEffects(seats, {
  book: (_, { payload }) => [{ kind: "webhook", type: "booked", payload: { seat: payload.seat } }],
});

const authority = createAuthority({
  models: { "hall-*": seats, "inventory:*": inventory, "ledger:*": ledger, "*": insieme },
  effects: [booked, inventoryEffects, ledgerEffects],
  parts: allParts,
});

// A route of its own, beside those of Partita and in the same OpenAPI document.
const Sale = z.object({ seat: z.string(), name: z.string() });
const sell = describeRoute({
  summary: "Sell a seat at the desk",
  requestBody: { content: { "application/json": { schema: schemaOf(Sale) } } },
  responses: {
    200: {
      description: "What became of it.",
      content: { "application/json": { schema: schemaOf(z.object({ status: z.string() })) } },
    },
  },
});
authority.worker.post("/desk/:hall/sales/:key", sell, async (c) => {
  const hall = authority.partition(c.env, "default", c.req.param("hall"), { as: "desk", model: seats });
  const { status } = await hall.submit("book", Sale.parse(await c.req.json()), { key: c.req.param("key") });
  return c.json({ status });
});

/** The other Worker, of `billing/`. */
interface Bindings extends AuthorityEnv {
  BILLING: { fetch(request: Request): Promise<Response> };
}

export const { PartitionObject, TenantObject, CourierObject, MetricsObject, Writers } = authority;
// What `wrangler types` writes names them as types.
export type PartitionObject = InstanceType<typeof PartitionObject>;
export type TenantObject = InstanceType<typeof TenantObject>;
export type CourierObject = InstanceType<typeof CourierObject>;
export type MetricsObject = InstanceType<typeof MetricsObject>;
export default {
  fetch(request: Request, env: Bindings, context: ExecutionContext): Response | Promise<Response> {
    if (new URL(request.url).pathname === "/billing") return env.BILLING.fetch(request);
    return authority.worker.fetch(request, env, context);
  },
};
