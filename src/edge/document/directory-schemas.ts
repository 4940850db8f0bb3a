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

const used = (description: string) => count.check(z.meta({ description }));

const dayCost = z
  .object({
    day: z.string().check(z.meta({ description: "As 2026-11-30, in UTC." })),
    requests: used("Requests, calls and alarms."),
    socketMessages: used("Messages that came by WebSockets. Heartbeats are not counted: they do not wake the object."),
    billedRequests: used("Requests, and a twentieth of the messages."),
    rowsRead: used("Rows read."),
    rowsWritten: used("Rows written, with entries of indexes and alarms that were set."),
    activeMs: used(
      "How long something was under way that kept the object from hibernating, in milliseconds. What runs between two waits is not in it, because the clock stands still there: it is the least that is billed.",
    ),
    gigabyteSeconds: z.number().check(z.meta({ description: "That time with the 128 MB that are billed." })),
    storedBytes: used("The size of its database at the last report of the day, in bytes."),
    events: used("Committed events: they are not billed, but say how much of the log the other figures are about."),
  })
  .check(z.meta({ ref: "DayCost", description: "What a partition has used of what the platform bills, on a day." }));

export const costList = z.object({ costs: z.array(dayCost) });
