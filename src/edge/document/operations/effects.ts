import { deadLetterExample, partitionDeadLetter, partitionDeadLetters, partitionReplayed } from "../effect-schemas.ts";
import { headers, json, partitionParameters, partitionRefusals } from "../parts.ts";
import { path, listPartitionDeadLettersQuery } from "../../routes/effects.ts";
import type { Operations } from "../operation.ts";

const effectParameter = {
  name: "effect",
  in: "path",
  required: true,
  description: "The id of the effect.",
  schema: { type: "string" },
  example: "9f86d081884c7d65:17:0",
} as const;
const security = [{ token: [] }, {}];
const tags = ["Effects"];
const needs = "Needs `admin:effects`.";

export const effectsOperations: Operations = {
  [`GET ${path}`]: {
    query: listPartitionDeadLettersQuery,
    operationId: "listPartitionDeadLetters",
    summary: "List the dead letters of a partition",
    description: `Effects that their destination rejected, or that were not delivered within a day, in the order of the log. ${needs}`,
    tags,
    security,
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json("A page of dead letters.", partitionDeadLetters, {
        deadLetters: [deadLetterExample],
        next: deadLetterExample.effectId,
      }),
      ...partitionRefusals("rate_limited"),
    },
  },

  [`GET ${path}/:effect`]: {
    operationId: "readPartitionDeadLetter",
    summary: "Read a dead letter of a partition",
    description: `With its payload. ${needs}`,
    tags,
    security,
    parameters: [...partitionParameters("traceparent"), effectParameter],
    responses: {
      200: json("The dead letter.", partitionDeadLetter, {
        ...deadLetterExample,
        payload: { item: "a", count: 3 },
      }),
      ...partitionRefusals("rate_limited"),
    },
  },

  [`POST ${path}/:effect/replay`]: {
    operationId: "replayPartitionDeadLetter",
    summary: "Deliver a dead letter of a partition again",
    description: `Under the same id, and before what was caused later. Not one that was rejected, because that is final, nor to a partition after 30 days. ${needs}`,
    tags,
    security,
    parameters: [...partitionParameters("traceparent"), effectParameter],
    responses: {
      200: json("It is delivered again.", partitionReplayed, { replayed: 1 }),
      ...partitionRefusals("rate_limited", "not_replayable", "overloaded"),
    },
  },

  [`DELETE ${path}/:effect`]: {
    operationId: "discardPartitionDeadLetter",
    summary: "Discard a dead letter of a partition",
    description: `${needs} A retry is safe.`,
    tags,
    security,
    parameters: [...partitionParameters("traceparent"), effectParameter],
    responses: {
      204: { description: "There is no such dead letter now.", headers: headers() },
      ...partitionRefusals("rate_limited"),
    },
  },
};
