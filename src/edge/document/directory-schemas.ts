import * as z from "zod/mini";

const count = z.int().check(z.nonnegative());
const time = (description: string) =>
  z.int().check(z.meta({ description: `${description}, in milliseconds since 1970.` }));
const figure = (description: string) => z.optional(count.check(z.meta({ description })));

const listed = z
  .object({
    partition: z.string(),
    createdAt: time("When it was first listed"),
    activeAt: time("Its last report"),
    head: count.check(z.meta({ description: "The last event of its log at that time." })),
    logBytes: figure("Payload bytes of its log."),
    stateBytes: figure("What its state takes in memory, in bytes."),
    fullest: z.optional(
      z.object({ bound: z.string(), share: z.number() }).check(
        z.meta({
          description: "Its fullest bound, by the name that `usage` has for it, and how full it is: 0 to 1.",
        }),
      ),
    ),
    quarantined: z.optional(z.boolean()),
    deadLetters: figure("Effects that were given up."),
    verifiedAt: z.optional(time("When it was verified last")),
    findings: figure("What that has found; absent: nothing, or it was not verified yet."),
    connections: figure("Open WebSockets; 0 where it has not reported for a minute."),
    eventsPerSecond: z.optional(z.number().check(z.meta({ description: "0 where it has not reported for a minute." }))),
  })
  .check(
    z.meta({
      ref: "ListedPartition",
      description: "A partition, as of its last report. Only with `admin:inspect` it has more than the first four.",
    }),
  );

export const partitionList = z.object({
  partitions: z.array(listed),
  next: z.optional(
    z.string().check(z.meta({ description: "The cursor of the next page; absent: this is the last one." })),
  ),
  incomplete: z.optional(
    z.literal(true).check(
      z.meta({
        description:
          "On the last page by name, with `admin:inspect`: there may be partitions that are not listed, because the directory is full.",
      }),
    ),
  ),
});

const used = z.record(z.string(), z.union([z.string(), z.number()])).check(
  z.meta({
    ref: "DayCost",
    description:
      "A day: `day` (UTC); `requests` with calls and alarms; `socketMessages`; `billedRequests`, for which 20 messages are one; `rowsRead`; `rowsWritten`, with alarms that were set; `activeMs` in which the object could not hibernate: the least that is billed; `gigabyteSeconds` of that; `storedBytes` at its end; `events`.",
  }),
);

export const costList = z.object({ costs: z.array(used) });
