import * as z from "zod/mini";

const described = (description: string) => z.optional(z.string().check(z.meta({ description })));

export const actionList = z.object({
  actions: z.array(
    z
      .object({
        seq: z.int().check(z.meta({ description: "Its number. They have no gap: what is missing was deleted." })),
        at: z.int().check(z.meta({ description: "Milliseconds since 1970." })),
        principal: z.string(),
        action: z.string(),
        partition: described("The partition that it is about."),
        reason: described("Why, as `Partita-Reason` said."),
        details: z.optional(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
        traceId: z.string().check(z.meta({ description: "Of the request." })),
      })
      .check(z.meta({ ref: "AdminAction", description: "What an administrator has asked for." })),
  ),
  next: z.optional(z.int().check(z.meta({ description: "The `before` of the next page; absent: this is the last." }))),
});
