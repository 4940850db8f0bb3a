import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";
import type { QueueMessage } from "../../src/platform/rpc.ts";

/** What the queue of these tests has delivered. */
export const queued: QueueMessage[] = [];

/** A model whose events go to a queue, or to endpoints outside. */
export const mail = defineModel({
  name: "mail",
  version: 1,
  initialState: () => ({ sent: 0 }),
  events: {
    send: { payload: z.strictObject({ to: z.string() }), reduce: (state) => void state.sent++ },
    announce: { payload: z.strictObject({ to: z.string() }), reduce: (state) => void state.sent++ },
  },
});

export const mailEffects = defineEffects(mail, {
  send: (_, { payload }) => ({ kind: "queue", queue: "MAIL", payload }),
  announce: (_, { payload }) => ({ kind: "webhook", type: "mail.announced", payload }),
});
