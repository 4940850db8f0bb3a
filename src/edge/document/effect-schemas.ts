import * as z from "zod/mini";

const timestamp = z.int().check(z.meta({ description: "Milliseconds since 1970." }));
const effectId = z.string().check(z.meta({ description: "The id of the effect: `<incarnation>:<eventId>:<n>`." }));
const letter = {
  effectId,
  kind: z.enum(["submit", "webhook", "queue", "timer"]),
  destination: z.string().check(
    z.meta({
      description:
        "A partition, a queue, or the key of a timer; of webhooks the endpoints that did not get it, separated by spaces, or empty: all.",
    }),
  ),
  type: z.optional(z.string()),
  version: z.optional(z.int()),
  timestamp,
  diedAt: timestamp,
  reason: z.enum(["rejected", "refused", "expired", "too_many_hops", "answer_failed", "damaged"]),
  code: z.optional(z.string().check(z.meta({ description: "Of the problem that was answered." }))),
  detail: z.optional(z.string()),
  correlationId: z.string(),
  hops: z.int().check(z.meta({ description: "How many effects led to it; with itself, unless it is a timer." })),
};
export const partitionDeadLetters = z.object({
  deadLetters: z.array(z.object(letter).check(z.meta({ ref: "PartitionDeadLetter" }))),
  next: z.optional(effectId.check(z.meta({ description: "The `after` of the next page; absent: this is the last." }))),
});
export const tenantDeadLetters = z.object({
  partitions: z.array(
    z.object({
      partition: z.string(),
      ...partitionDeadLetters.shape,
      code: z.optional(
        z.string().check(z.meta({ description: "Why they cannot be read now: the code of the problem." })),
      ),
    }),
  ),
  next: z.optional(
    z.string().check(z.meta({ description: "The cursor of the next page; absent: this is the last one." })),
  ),
});
export const partitionDeadLetter = z.object({
  ...letter,
  payload: z.optional(z.unknown().check(z.meta({ description: "Absent: what is stored is damaged." }))),
});
export const partitionReplayed = z.object({ replayed: z.int() });

/** A dead letter of a partition, as the examples of the document show it. */
export const deadLetterExample = {
  effectId: "9f86d081884c7d65:17:0",
  kind: "submit",
  destination: "stock",
  type: "reserve",
  timestamp: 1_800_000_000_000,
  diedAt: 1_800_000_000_120,
  reason: "rejected",
  code: "validation_failed",
  detail: "There are not enough items.",
  correlationId: "9f86d081884c7d65:17",
  hops: 1,
};
