import * as z from "zod/mini";

const timestamp = z.int().check(z.meta({ description: "Milliseconds since 1970." }));
const problem = z.object({
  step: z.int().check(z.meta({ description: "The step that it is about, from 0." })),
  code: z
    .string()
    .check(z.meta({ description: "Of the rejection; `unanswered`: it is not known whether the step is done." })),
  detail: z.string(),
});

export const sagaStatus = z.enum(["RUNNING", "COMPENSATING", "COMPLETED", "COMPENSATED", "FAILED"]).check(
  z.meta({
    description:
      "`COMPENSATED`: it could not be done, and nothing is left of it. `FAILED`: it stands still, until somebody resumes, retries or skips.",
  }),
);
const run = {
  id: z.string(),
  state: z
    .enum(["in_progress", "succeeded", "failed"])
    .check(z.meta({ description: "What became of it. More values can be added." })),
  saga: z.string().check(z.meta({ description: "The name of its definition." })),
  status: sagaStatus,
  step: z.int().check(z.meta({ description: "The step that is being done or undone, from 0." })),
  steps: z.int().check(z.meta({ description: "How many steps it has." })),
  undo: z.optional(z.boolean().check(z.meta({ description: "Whether the step is being undone." }))),
  fence: z.int().check(z.meta({ description: "The number of what was sent last." })),
  attempt: z.int().check(z.meta({ description: "How often the step was rejected and attempted again." })),
  asks: z.int().check(z.meta({ description: "How often the present attempt was sent." })),
  until: z.optional(timestamp),
  pauses: z.optional(z.boolean().check(z.meta({ description: "Whether it waits before the next attempt." }))),
  author: z.optional(z.string().check(z.meta({ description: "Who started it, where the model shows its authors." }))),
  startedAt: timestamp,
  endedAt: z.optional(timestamp),
  problem: z.optional(problem.check(z.meta({ description: "Why it does not complete." }))),
  failure: z.optional(problem.check(z.meta({ description: "Why it stands still." }))),
};

export const sagaRead = z.object({ ...run, input: z.record(z.string(), z.unknown()) });
export const sagaList = z.object({
  sagas: z.array(z.object(run).check(z.meta({ ref: "Saga" }))),
  next: z.optional(
    z.string().check(
      z.meta({
        description:
          "The `after` of the next page; absent: this is the last. A page with a `status` can be shorter than `limit`, even empty, and have a next one.",
      }),
    ),
  ),
});
