import * as z from "zod/mini";
import { errorStatuses, bounds } from "../../protocol/index.ts";
import { id } from "./id.ts";

// The bodies of requests and responses, for the document. `draft.ts` and the partition validate requests.

const draftId = id.check(
  z.meta({ description: "The client's id of one operation: the same for every retry, a new one for each operation." }),
);
const count = z.int().check(z.nonnegative());
const eventId = z
  .int()
  .check(z.positive(), z.meta({ description: "The event's place in its partition's log: 1, 2, 3 … without a gap." }));
const head = count.check(z.meta({ description: "The last event of the log." }));
const timestamp = z.int().check(z.meta({ description: "Milliseconds since 1970." }));
const payload = z
  .record(z.string(), z.unknown())
  .check(z.meta({ description: "The schema depends on the event type." }));
const eventType = z
  .string()
  .check(z.maxLength(bounds.typeLengthMax), z.meta({ description: "A type of the partition's model." }));
const version = z.int().check(z.positive(), z.meta({ description: "The version of the payload; absent means 1." }));
const expectedEventId = count.check(
  z.meta({ description: "The last event that the author had seen: a later one on the same entity is a `conflict`." }),
);

/** An event as it is submitted. */
const submittedEvent = {
  type: eventType,
  payload,
  version: z.optional(version),
  partition: z.optional(z.string().check(z.meta({ description: "If present, the name of the partition." }))),
};

export const submission = z
  .strictObject({ ...submittedEvent, expectedEventId: z.optional(expectedEventId) })
  .check(z.meta({ ref: "Submission", description: "One event." }));

export const batchSubmission = z
  .object({
    mode: z.enum(["atomic", "sequential"]).check(
      z.meta({
        description: "`atomic`: all or none. `sequential`: in order, up to the first that is not accepted.",
      }),
    ),
    events: z
      .array(
        z.object({
          draftId,
          event: z.strictObject(submittedEvent),
          expectedEventId: z.optional(expectedEventId),
        }),
      )
      .check(z.minLength(1), z.maxLength(bounds.batchEventsMax)),
  })
  .check(
    z.meta({
      ref: "BatchSubmission",
      description: "Several events. Their ids differ from each other and from the key.",
    }),
  );

const event = z
  .object({
    type: z.string(),
    payload,
    version: z.optional(version),
    partition: z.string(),
    id: z.string().check(z.regex(/^evt-[1-9]\d*$/)),
    timestamp,
    clientId: id,
    author: z.optional(
      z
        .string()
        .check(z.meta({ description: "Who did it, if the request asked for `authors` and the model shows it." })),
    ),
    label: z.optional(
      z
        .string()
        .check(z.meta({ description: "Which part of the project it is about, if it asked for `annotations`." })),
    ),
    userId: z.optional(
      z
        .string()
        .check(z.meta({ description: "The user that its submitter has named, if it asked for `annotations`." })),
    ),
    meta: z.optional(
      payload.check(z.meta({ description: "What else its client has noted, if it asked for `annotations`." })),
    ),
  })
  .check(z.meta({ ref: "Event", description: "A committed event." }));

export const numberedEvent = z.object({ eventId, event }).check(z.meta({ ref: "NumberedEvent" }));

const loggedEvent = z
  .object({
    eventId,
    draftId: z.optional(
      z
        .string()
        .check(z.meta({ description: "Its id on the Insieme wire, if it has one and the request asked for it." })),
    ),
    event,
    correlationId: z.optional(
      id.check(z.meta({ description: "Shared by all that one event has led to, if the request asked for it." })),
    ),
  })
  .check(z.meta({ ref: "LoggedEvent" }));

export const page = z
  .object({
    events: z.array(loggedEvent),
    currentEventIndex: head,
    hasMore: z.boolean(),
    nextSinceEventId: count.check(z.meta({ description: "`since` of the next page." })),
    proof: z.optional(id.check(z.meta({ description: "`proof` of the next page, if the request asked for proofs." }))),
  })
  .check(z.meta({ ref: "Page", description: "A contiguous run of the log." }));

export const stateRead = z
  .object({
    state: z.unknown().check(z.meta({ description: "The schema depends on the partition's model." })),
    eventIndex: count.check(z.meta({ description: "The state is the one after this event." })),
    serverId: z.optional(id.check(z.meta({ description: "Of which log, if the request asked for proofs." }))),
    proof: z.optional(id.check(z.meta({ description: "Of this event, if the request asked for proofs." }))),
    modelVersion: z.optional(
      version.check(z.meta({ description: "What folded it, if the request asked for proofs." })),
    ),
  })
  .check(z.meta({ ref: "State" }));

const usage = z
  .object({ used: count, max: z.nullable(count).check(z.meta({ description: "`null`: there is no bound." })) })
  .check(z.meta({ ref: "Usage" }));

export const usageRead = z.object({ usage: z.record(z.string(), usage) });

const finding = z
  .object({
    eventId: z.optional(z.int().check(z.meta({ description: "Where it begins; absent: it is of no event." }))),
    detail: z.string(),
  })
  .check(z.meta({ ref: "Finding" }));

export const verifiedRead = z.object({
  verified: z.object({
    eventId: z.int().check(z.meta({ description: "All events up to this one are there, and fold." })),
    of: z.int().check(z.meta({ description: "The last event of the log." })),
    done: z.boolean(),
    compared: z.array(z.string()).check(z.meta({ description: "What was compared with the log." })),
    findings: z.array(finding).check(z.meta({ description: "What does not agree with the log; empty: all does." })),
  }),
});

const violation = z
  .object({
    field: z.string().check(z.meta({ description: "A path such as `payload.items[2].id`; empty for the whole." })),
    code: z.string(),
    message: z.string(),
  })
  .check(z.meta({ ref: "Violation" }));

const code = z.enum(Object.keys(errorStatuses) as [keyof typeof errorStatuses]);
const errors = z.array(violation).check(z.maxLength(bounds.violationsMax));
const problemMembers = {
  type: z.string().check(z.meta({ description: "`/problems/<code>`, which explains the code." })),
  title: z.string(),
  detail: z.string(),
  instance: z.string(),
  code,
  traceId: z
    .string()
    .check(
      z.regex(/^[0-9a-f]{32}$/),
      z.meta({ description: "The trace id of the request that got this answer first." }),
    ),
  timestamp,
  retryable: z.boolean().check(z.meta({ description: "Whether the same request may succeed later." })),
  retryAfter: z.optional(z.number().check(z.meta({ description: "Seconds." }))),
  layer: z.optional(z.enum(["schema", "permission", "conflict", "rule", "invariant"])),
  conflictingEventIds: z.optional(z.array(eventId).check(z.maxLength(bounds.conflictIdsMax))),
  currentEventIndex: z.optional(head),
  work: z.optional(
    z
      .object({ counted: z.int(), max: z.int() })
      .check(z.meta({ description: "Units of work that were counted, and the bound." })),
  ),
  rebuilding: z.optional(
    z
      .object({ eventId: z.int(), of: z.int() })
      .check(z.meta({ description: "The last event that is in the state, and the last one of the log." })),
  ),
};

export const problemDocument = z
  .object({ ...problemMembers, status: z.int(), errors: z.optional(errors) })
  .check(z.meta({ ref: "Problem", description: "RFC 9457. Clients branch on `code`." }));

export const batchResult = z
  .object({
    batchId: id,
    results: z.array(
      z.union([
        z.object({ draftId, status: z.literal("accepted"), eventId, event }),
        z.object({ ...problemMembers, draftId, status: z.literal("rejected"), reason: code, errors }),
        z
          .object({ draftId, status: z.literal("not_processed") })
          .check(z.meta({ description: "Not decided. It has the members of a problem if this draft itself failed." })),
      ]),
    ),
  })
  .check(z.meta({ ref: "BatchResult", description: "The result of each event, in the order of the request." }));

export const health = (status: string) => z.object({ status: z.literal(status) });

/** What a request that polls is answered. */
export const pollAnswer = z
  .object({
    connections: z.array(
      z.object({
        partition: z.string(),
        connectionId: z.optional(z.string()),
        from: z.optional(
          count.check(z.meta({ description: "The number of the first of these frames, counted from 0." })),
        ),
        frames: z.optional(z.array(z.string())),
        end: z.optional(z.object({ code: z.int(), reason: z.string() })),
        problem: z.optional(problemDocument),
      }),
    ),
  })
  .check(
    z.meta({
      ref: "PollAnswer",
      description: "One member for each connection of the request, in its order; of one without news only `partition`.",
    }),
  );
