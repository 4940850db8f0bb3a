import * as z from "zod/mini";
import { errorKinds, bounds } from "../../protocol/index.ts";

// What travels over HTTP, for the document. What a request brings is judged by `draft.ts` and by the partition.

const id = z.string().check(z.minLength(1), z.maxLength(bounds.idLengthMax), z.regex(/^[\x21-\x7e]+$/));
const draftId = id.check(
  z.meta({ description: "The client's id of one operation: the same for every retry, a new one for each operation." }),
);
const count = z.int().check(z.nonnegative());
const eventId = z
  .int()
  .check(z.positive(), z.meta({ description: "The event's place in its partition's log: 1, 2, 3 … without a gap." }));
const head = count.check(z.meta({ description: "The last event that there is." }));
const timestamp = z.int().check(z.meta({ description: "Milliseconds since 1970." }));
const payload = z.record(z.string(), z.unknown()).check(z.meta({ description: "As the event's type has it." }));
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
  partition: z.optional(z.string().check(z.meta({ description: "Where it is there, the name of the partition." }))),
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
  .check(z.meta({ ref: "BatchSubmission", description: "Several events; their ids all differ, and from the key." }));

const event = z
  .object({
    type: z.string(),
    payload,
    version: z.optional(version),
    partition: z.string(),
    id: z.string().check(z.regex(/^evt-[1-9]\d*$/)),
    timestamp,
    clientId: id,
  })
  .check(z.meta({ ref: "Event", description: "A committed event." }));

export const numberedEvent = z.object({ eventId, event }).check(z.meta({ ref: "NumberedEvent" }));

export const page = z
  .object({
    events: z.array(numberedEvent),
    currentEventIndex: head,
    hasMore: z.boolean(),
    nextSinceEventId: count.check(z.meta({ description: "`since` of the next page." })),
  })
  .check(z.meta({ ref: "Page", description: "A contiguous run of the log." }));

export const stateRead = z
  .object({
    state: z.unknown().check(z.meta({ description: "As the partition's model has it." })),
    eventIndex: count.check(z.meta({ description: "The event that this is the state after." })),
  })
  .check(z.meta({ ref: "State" }));

const violation = z
  .object({
    field: z.string().check(z.meta({ description: "A path, as `payload.items[2].id`; empty for the whole." })),
    code: z.string(),
    message: z.string(),
  })
  .check(z.meta({ ref: "Violation" }));

const code = z.enum(Object.keys(errorKinds) as [keyof typeof errorKinds]);
const errors = z.array(violation).check(z.maxLength(bounds.violationsMax));
const problemMembers = {
  type: z.string().check(z.meta({ description: "`/problems/<code>`, which explains the code." })),
  title: z.string(),
  detail: z.string(),
  instance: z.string(),
  code,
  traceId: z
    .string()
    .check(z.regex(/^[0-9a-f]{32}$/), z.meta({ description: "Of the request that was answered so the first time." })),
  timestamp,
  retryable: z.boolean().check(z.meta({ description: "Whether the same request may succeed later." })),
  retryAfter: z.optional(z.number().check(z.meta({ description: "Seconds." }))),
  layer: z.optional(z.enum(["schema", "permission", "conflict", "rule", "invariant"])),
  conflictingEventIds: z.optional(z.array(eventId).check(z.maxLength(bounds.conflictIdsMax))),
  currentEventIndex: z.optional(head),
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
          .check(
            z.meta({ description: "Nothing became of it. With the members of a problem where it failed itself." }),
          ),
      ]),
    ),
  })
  .check(z.meta({ ref: "BatchResult", description: "What became of each event, in their order." }));

export const health = (status: string) => z.object({ status: z.literal(status) });
