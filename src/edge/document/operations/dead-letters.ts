import { courierBounds } from "../../../courier/bounds.ts";
import { deadLetterAnswer, deadLetterList, replayedAnswer } from "../endpoint-schemas.ts";
import { authenticationRefusals, headers, json, parameters } from "../parts.ts";
import { endpointParameter } from "./endpoints.ts";
import { path, effectIdShape, listDeadLettersQuery } from "../../routes/dead-letters.ts";
import type { Operations } from "../operation.ts";

const effectParameter = {
  name: "effect",
  in: "path",
  required: true,
  description: "The id of the effect: the `webhook-id` of its message.",
  schema: { type: "string", pattern: effectIdShape.source },
  example: "9f86d081884c7d65:17:0",
} as const;
const letter = {
  effectId: "9f86d081884c7d65:17:0",
  seq: 42,
  partition: "room",
  type: "order.paid",
  timestamp: 1_800_000_000_000,
  ordered: false,
  diedAt: 1_800_086_400_000,
  attempts: 71,
  status: 500,
  reason: "The status was 500.",
};
const security = [{ token: [] }, {}];
const tags = ["Webhooks"];

export const deadLettersOperations: Operations = {
  [`GET ${path}`]: {
    query: listDeadLettersQuery,
    operationId: "listDeadLetters",
    summary: "List the dead letters of an endpoint",
    description:
      "Messages that the endpoint refused for good, or that were not delivered within a day, in order. They are deleted after 30 days. Needs `admin:webhooks`.",
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    responses: {
      200: json("A page of dead letters.", deadLetterList, { deadLetters: [letter], next: 42 }),
      ...authenticationRefusals("not_found", "not_configured"),
    },
  },

  [`POST ${path}/replay`]: {
    operationId: "replayDeadLetters",
    summary: "Send the dead letters again",
    description: `The first ${courierBounds.stepRowsMax} of them, in order. What fails again is a dead letter again: call it once more only while \`deadLetters\` of the endpoint becomes smaller. A disabled endpoint has to be activated first: \`not_replayable\`. Needs \`admin:webhooks\`. A retry is safe.`,
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    responses: {
      200: json("How many are sent again.", replayedAnswer, { replayed: 500 }),
      ...authenticationRefusals("not_found", "not_replayable", "not_configured"),
    },
  },

  [`GET ${path}/:effect`]: {
    operationId: "readDeadLetter",
    summary: "Read a dead letter",
    description: "With its payload, unless what is stored of it is damaged. Needs `admin:webhooks`.",
    tags,
    security,
    parameters: [endpointParameter, effectParameter, ...parameters("traceparent")],
    responses: {
      200: json("The dead letter.", deadLetterAnswer, { ...letter, payload: { total: 4_200 } }),
      ...authenticationRefusals("not_found", "not_configured"),
    },
  },

  [`POST ${path}/:effect/replay`]: {
    operationId: "replayDeadLetter",
    summary: "Send a dead letter again",
    description:
      "Under the same id, in its old place, and with a day again to be delivered. A disabled endpoint has to be activated first: `not_replayable`. Needs `admin:webhooks`. A retry is safe.",
    tags,
    security,
    parameters: [endpointParameter, effectParameter, ...parameters("traceparent")],
    responses: {
      200: json("It is sent again.", replayedAnswer, { replayed: 1 }),
      ...authenticationRefusals("not_found", "not_replayable", "not_configured"),
    },
  },

  [`DELETE ${path}/:effect`]: {
    operationId: "discardDeadLetter",
    summary: "Discard a dead letter",
    description: "Ordered messages that waited for it are sent. Needs `admin:webhooks`. A retry is safe.",
    tags,
    security,
    parameters: [endpointParameter, effectParameter, ...parameters("traceparent")],
    responses: {
      204: { description: "There is no such dead letter now.", headers: headers() },
      ...authenticationRefusals("not_found", "not_configured"),
    },
  },
};
