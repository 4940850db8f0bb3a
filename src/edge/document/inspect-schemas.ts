import * as z from "zod/mini";

// What is inside a partition. Additions only.

const int = z.int();
const timestamp = int.check(z.meta({ description: "Milliseconds since 1970." }));
const next = z.optional(int.check(z.meta({ description: "`after` of the next page; absent: this is the last." })));
const text = z.string();

export const inspectedPartition = z.object({
  head: int,
  serverId: z.optional(text),
  model: z.object({ name: text, version: int }),
  fault: z.optional(text.check(z.meta({ description: "Why it is quarantined." }))),
  behind: z.optional(int.check(z.meta({ description: "The last event that is in the state, while it is rebuilt." }))),
  drainedUntil: z.optional(timestamp),
  verified: z.optional(
    z
      .object({
        at: timestamp,
        eventId: int,
        compared: z.array(text),
        findings: z.array(z.object({ eventId: z.optional(int), detail: text })),
      })
      .check(
        z.meta({
          description: "The last verification that was done while the object was in memory, up to its last event.",
        }),
      ),
  ),
  snapshots: z.array(
    z.object({
      eventId: int,
      modelVersion: int,
      modelTag: z.optional(text),
      stateBytes: int,
      createdAt: timestamp,
    }),
  ),
  jobs: z.array(z.object({ kind: text, key: text, dueAt: timestamp, attempts: int })),
  jobsTotal: int,
  lanes: z
    .array(
      z.object({
        name: text,
        kind: text,
        destination: text,
        waiting: int,
        firstEventId: z.optional(int),
        attempts: int,
        parked: z.boolean().check(z.meta({ description: "It waits for its next attempt." })),
        nextAt: z.optional(timestamp),
      }),
    )
    .check(z.meta({ description: "The effects that wait, by destination, in their order." })),
  lanesTotal: int,
  timers: z.object({ total: int, nextAt: z.optional(timestamp) }),
});

export const inspectedEvent = z.object({
  eventId: int,
  principal: text.check(z.meta({ description: "Who has submitted it." })),
  draftId: text,
  clientId: text,
  timestamp,
  expectedEventId: z.optional(int),
  batchEnd: z.optional(int.check(z.meta({ description: "The last event of its atomic batch." }))),
  transformed: z.boolean().check(z.meta({ description: "Its payload is not what was submitted." })),
  incarnation: z.optional(text),
  correlationId: z.optional(text),
  hops: z.optional(int.check(z.meta({ description: "How many effects led to it." }))),
  payloadBytes: int,
});

export const inspectedRejections = z.object({
  rejections: z.array(
    z.object({
      recordId: int,
      principal: text,
      draftId: text,
      timestamp,
      judgedAt: z.optional(
        int.check(z.meta({ description: "The last event of the state that it was judged on; absent: of before." })),
      ),
      problem: z.optional(
        z.unknown().check(z.meta({ description: "The problem as it went out; of a batch `{timestamp, results}`." })),
      ),
    }),
  ),
  next,
});

export const inspectedConnections = z.object({
  connections: z.array(
    z.object({
      principal: z.optional(text),
      clientId: z.optional(text),
      dialect: z.optional(text),
      awaitsToken: z.optional(z.boolean()),
      expiresAt: z.optional(timestamp),
      traceId: z.optional(text),
      seenAt: timestamp,
      cursor: int.check(z.meta({ description: "The last event that was delivered." })),
      atHead: z.boolean().check(z.meta({ description: "Each new event is sent to it, as far as it has credit." })),
      creditBytes: z.optional(int),
      spentBytes: int.check(z.meta({ description: "Of its credit: what it has not acknowledged." })),
      unprovenBytes: int.check(z.meta({ description: "What was sent and is not proven to be read." })),
      waitingFrames: int.check(z.meta({ description: "Its frames that wait until it has read." })),
      held: z.optional(
        z
          .object({ draftId: text, code: text })
          .check(z.meta({ description: "The refused draft that holds back its later ones." })),
      ),
      presence: z.boolean(),
    }),
  ),
  total: int,
  next,
});

export const inspectedTimers = z.object({
  timers: z.array(
    z.object({
      key: text,
      dueAt: timestamp,
      type: text,
      version: z.optional(int),
      payload: z.optional(z.unknown()),
      recurs: z.optional(z.object({ cron: text, timeZone: text })),
      correlationId: text,
      attempts: int,
    }),
  ),
  next,
});

/** How far a past state is folded. */
export const foldedState = z.object({
  folded: z
    .object({
      eventIndex: int.check(z.meta({ description: "The last event that is in the state." })),
      of: int.check(z.meta({ description: "The event that was asked for." })),
    })
    .check(z.meta({ description: "Ask again: it goes on." })),
});
