import * as z from "zod/mini";
import { courierBounds } from "../../courier/bounds.ts";
import { bounds } from "../../protocol/index.ts";

/** The name of an endpoint, as the tenant chooses it. */
export const endpointName = /^[a-z0-9][a-z0-9-]{0,62}$/;

const timestamp = z.int().check(z.meta({ description: "Milliseconds since 1970." }));
const types = z
  .array(z.string().check(z.minLength(1), z.maxLength(bounds.typeLengthMax)))
  .check(
    z.minLength(1),
    z.maxLength(courierBounds.typesMax),
    z.meta({ description: "The types of the messages that it gets. Absent: all." }),
  );
const url = z
  .string()
  .check(
    z.maxLength(courierBounds.urlLengthMax),
    z.meta({ description: "`https:`, port 443, a host name of the public internet." }),
  );
const paused = z
  .boolean()
  .check(z.meta({ description: "Nothing is sent, and what is to be delivered waits. Absent: false." }));

/** What is set of an endpoint. */
export const endpointShape = z
  .strictObject({ url, types: z.optional(types), paused: z.optional(paused) })
  .check(z.meta({ ref: "EndpointSettings" }));

const secret = z.string().check(
  z.meta({
    description: "The secret that signs (Standard Webhooks). It is shown once, and stored encrypted.",
  }),
);
const endpoint = z
  .object({
    id: z.string(),
    url,
    types: z.optional(types),
    state: z.enum(["pending", "active", "disabled"]).check(
      z.meta({
        description:
          "`pending`: it has to answer a challenge first. `active`: it gets messages. `disabled`: it has failed for too long, see `reason`.",
      }),
    ),
    paused,
    reason: z.optional(z.string()),
    createdAt: timestamp,
    secrets: z.array(
      z.object({
        until: z.optional(timestamp.check(z.meta({ description: "It signs up to this time." }))),
      }),
    ),
  })
  .check(z.meta({ ref: "Endpoint" }));
const deliveries = z
  .object({
    waiting: z.int().check(z.meta({ description: "Messages that are to be delivered." })),
    deadLetters: z.int(),
    bytes: z.int(),
    breaker: z.enum(["closed", "open", "half_open"]),
    failingSince: z.optional(timestamp.check(z.meta({ description: "Since when nothing was delivered." }))),
  })
  .check(z.meta({ ref: "Deliveries" }));

export const endpointAnswer = z.object({ endpoint });
export const endpointStatusAnswer = z.object({ endpoint, deliveries });
export const endpointCreatedAnswer = z.object({ endpoint, secret });
export const endpointList = z.object({ endpoints: z.array(endpoint) });
export const rotatedAnswer = z.object({
  secret,
  previousUntil: timestamp.check(z.meta({ description: "Up to this time messages have the signatures of both." })),
});
export const testAnswer = z.object({
  delivered: z.boolean(),
  status: z.optional(z.int().check(z.meta({ description: "Of the endpoint's answer; absent: there was none." }))),
  reason: z.optional(z.string()),
});

const letter = {
  effectId: z.string(),
  seq: z.int().check(z.meta({ description: "Its place in the order of the endpoint." })),
  partition: z.string(),
  type: z.string(),
  timestamp,
  correlationId: z.optional(z.string()),
  ordered: z.boolean(),
  diedAt: timestamp,
  attempts: z.int(),
  status: z.optional(z.int().check(z.meta({ description: "Of the last answer." }))),
  reason: z.optional(z.string()),
};
export const deadLetterList = z.object({
  deadLetters: z.array(z.object(letter).check(z.meta({ ref: "DeadLetter" }))),
  next: z.optional(z.int().check(z.meta({ description: "The `after` of the next page; absent: this is the last." }))),
});
export const deadLetterAnswer = z.object({
  ...letter,
  payload: z.optional(
    z.unknown().check(z.meta({ description: "The `data` of the message; absent: what is stored of it is damaged." })),
  ),
});
export const replayedAnswer = z.object({ replayed: z.int() });
