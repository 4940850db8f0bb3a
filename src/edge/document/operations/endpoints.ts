import { resolver } from "hono-openapi";
import {
  endpointAnswer,
  endpointCreatedAnswer,
  endpointList,
  endpointName,
  endpointShape,
  endpointStatusAnswer,
  rotatedAnswer,
  testAnswer,
} from "../endpoint-schemas.ts";
import { authenticationRefusals, headers, json, parameters } from "../parts.ts";
import { path } from "../../routes/endpoints.ts";
import type { Operations } from "../operation.ts";

/** The parameter of every path of an endpoint. */
export const endpointParameter = {
  name: "endpoint",
  in: "path",
  required: true,
  description: "The name of the endpoint.",
  schema: { type: "string", pattern: endpointName.source },
  example: "billing",
} as const;
const shown = {
  id: "billing",
  url: "https://billing.example.com/hooks",
  types: ["order.paid"],
  state: "active",
  paused: false,
  createdAt: 1_800_000_000_000,
  secrets: [{}],
};
const secretExample = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const security = [{ token: [] }, {}];
const tags = ["Webhooks"];

export const endpointsOperations: Operations = {
  "GET /v1/endpoints": {
    operationId: "listEndpoints",
    summary: "List the endpoints",
    description: "The endpoints that webhooks are sent to. Needs `admin:webhooks`.",
    tags,
    security,
    parameters: parameters("traceparent"),
    responses: {
      200: json("The endpoints.", endpointList, { endpoints: [shown] }),
      ...authenticationRefusals(),
    },
  },

  [`GET ${path}`]: {
    operationId: "readEndpoint",
    summary: "Read an endpoint",
    description: "With the state of its deliveries. Needs `admin:webhooks`.",
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    responses: {
      200: json("The endpoint.", endpointStatusAnswer, {
        endpoint: shown,
        deliveries: { waiting: 2, deadLetters: 0, bytes: 512, breaker: "closed" },
      }),
      ...authenticationRefusals("not_found", "not_configured"),
    },
  },

  [`PUT ${path}`]: {
    operationId: "putEndpoint",
    summary: "Make or change an endpoint",
    description:
      "A new endpoint is `pending`, and so is one with another address: activate it. The first answer has the secret, which is never shown again. With `paused` what is to be delivered waits. Needs `admin:webhooks`. A retry is safe; if the first answer was lost, rotate the secret.",
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: resolver(endpointShape),
          example: { url: "https://billing.example.com/hooks", types: ["order.paid"] },
        },
      },
    },
    responses: {
      200: json("The endpoint was changed.", endpointAnswer, { endpoint: shown }),
      201: json("The endpoint was made.", endpointCreatedAnswer, {
        endpoint: { ...shown, state: "pending" },
        secret: secretExample,
      }),
      ...authenticationRefusals(
        "not_found",
        "payload_too_large",
        "address_refused",
        "quota_exceeded",
        "not_configured",
      ),
    },
  },

  [`DELETE ${path}`]: {
    operationId: "removeEndpoint",
    summary: "Remove an endpoint",
    description:
      "What is to be delivered to it is deleted, dead letters included. Needs `admin:webhooks`. A retry is safe.",
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    responses: {
      204: { description: "There is no such endpoint now.", headers: headers() },
      ...authenticationRefusals("not_found"),
    },
  },

  [`POST ${path}/activate`]: {
    operationId: "activateEndpoint",
    summary: "Activate an endpoint",
    description:
      'A signed message of type `partita.challenge` is sent to it. It must answer 200 with JSON that has the member `challenge` of the message\'s `data`: `{"challenge": "…"}`. Then it gets messages, also if it was disabled. Needs `admin:webhooks`. A retry is safe.',
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    responses: {
      200: json("It is active.", endpointAnswer, { endpoint: shown }),
      ...authenticationRefusals("not_found", "challenge_failed", "not_configured"),
    },
  },

  [`POST ${path}/test`]: {
    operationId: "testEndpoint",
    summary: "Send a test message",
    description: "A signed message of type `partita.test` is sent once, at once. Needs `admin:webhooks`.",
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    responses: {
      200: json("How it was answered.", testAnswer, { delivered: true, status: 204 }),
      ...authenticationRefusals("not_found", "not_configured"),
    },
  },

  [`POST ${path}/rotate`]: {
    operationId: "rotateSecret",
    summary: "Rotate the secret of an endpoint",
    description:
      "Messages have the signatures of the new secret and, for a day each, of those before. Needs `admin:webhooks`.",
    tags,
    security,
    parameters: [endpointParameter, ...parameters("traceparent")],
    responses: {
      200: json("The new secret.", rotatedAnswer, {
        secret: secretExample,
        previousUntil: 1_800_086_400_000,
      }),
      ...authenticationRefusals("not_found", "not_configured"),
    },
  },
};
