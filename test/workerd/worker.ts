import { createAuthority } from "../../src/index.ts";
import { allParts } from "../../src/parts/index.ts";
import type { QueueMessage } from "../../src/platform/rpc.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { gossip, gossipEffects } from "../simulation/effects/model.ts";
import { ledger } from "../../src/models/ledger/index.ts";
import { openTypes } from "../../src/models/open-types/index.ts";
import { bank, bankEffects } from "../support/bank.ts";
import type { WholeAuthority } from "./whole-authority.ts";
import { counter } from "./models.ts";
import { mail, mailEffects, queued } from "./queue.ts";

export const authority = createAuthority({
  models: {
    "counter-*": counter,
    "node-*": gossip,
    "mail-*": mail,
    "book-*": ledger,
    "bank-*": bank,
    "open-*": openTypes(),
    "*": insieme,
  },
  effects: [gossipEffects, mailEffects, bankEffects],
  parts: allParts,
}) as object as WholeAuthority;

export const { PartitionObject, TenantObject, CourierObject, MetricsObject, Writers } = authority;
export default {
  fetch: authority.worker.fetch,
  queue: ({ messages }: MessageBatch<QueueMessage>) => void queued.push(...messages.map(({ body }) => body)),
};

declare global {
  namespace Cloudflare {
    interface Env {
      PARTITIONS: DurableObjectNamespace<InstanceType<typeof PartitionObject>>;
      TENANTS: DurableObjectNamespace<InstanceType<typeof TenantObject>>;
      COURIERS: DurableObjectNamespace<InstanceType<typeof CourierObject>>;
      METRICS: DurableObjectNamespace<InstanceType<typeof MetricsObject>>;
    }
  }
}
