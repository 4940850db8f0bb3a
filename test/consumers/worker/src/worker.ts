import { createAuthority, defineEffects } from "partita";
import { allParts } from "partita/parts";
import { insieme } from "partita/models/insieme";
import { inventory } from "partita/models/inventory";
import { inventoryEffects } from "partita/models/inventory/effects";
import { ledger } from "partita/models/ledger";
import { ledgerEffects } from "partita/models/ledger/effects";
import { seats } from "../shared/seats.js";

const booked = defineEffects(seats, {
  book: (_, { payload }) => [{ kind: "webhook", type: "booked", payload: { seat: payload.seat } }],
});

const authority = createAuthority({
  models: { "hall-*": seats, "inventory:*": inventory, "ledger:*": ledger, "*": insieme },
  effects: [booked, inventoryEffects, ledgerEffects],
  parts: allParts,
});

export const { PartitionObject, TenantObject, CourierObject, MetricsObject, Writers } = authority;
// What `wrangler types` writes names them as types.
export type PartitionObject = InstanceType<typeof PartitionObject>;
export type TenantObject = InstanceType<typeof TenantObject>;
export type CourierObject = InstanceType<typeof CourierObject>;
export type MetricsObject = InstanceType<typeof MetricsObject>;
export default authority.worker;
