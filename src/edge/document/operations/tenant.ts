import { resolver } from "hono-openapi";
import { authenticationRefusals, json, parameters, partitionParameters, partitionRefusals } from "../parts.ts";
import {
  drainShape,
  limitsAnswer,
  limitsShape,
  readOnlyShape,
  revocationList,
  revocationShape,
  revokedAnswer,
  spreadAnswer,
  ticketAnswer,
} from "../tenant-schemas.ts";
import type { Operations } from "../operation.ts";

const drained = {
  requestBody: {
    required: true,
    content: { "application/json": { schema: resolver(drainShape), example: { seconds: 10 } } },
  },
  responses: {
    200: json("Drained.", spreadAnswer, { told: 1, pending: 0 }),
    ...partitionRefusals("rate_limited", "payload_too_large"),
  },
};
const rate = { perSecond: 20, burst: 400 };
const limitsExample = {
  limits: {
    principal: rate,
    principalBytes: { perSecond: 65_536, burst: 16_777_216 },
    replays: { perSecond: 100, burst: 2_000 },
    reads: { perSecond: 1_000, burst: 60_000 },
    eventTypes: {},
    tenant: null,
    newPartitions: null,
    newPartitionsPerPrincipal: null,
    connectionsPerPrincipal: 64,
    connectionsPerPartition: 10_000,
    logBytes: null,
    effects: "delivered",
    readOnly: [],
  },
  override: { tenant: null, newPartitions: null },
};

export const tenantOperations: Operations = {
  "PUT /v1/revocations/:kind/:id": {
    operationId: "revoke",
    summary: "Revoke a token, or all tokens of a subject",
    description:
      "Revoking a subject covers the tokens issued up to now, and as much later as the issuer's clock may be ahead. From the answer on, requests with a revoked token are refused. Open connections end within a second in up to 1,000 partitions; `pending` says how many follow later. Needs `admin:revoke`. A retry is safe.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: [
      {
        name: "kind",
        in: "path",
        required: true,
        description: "The claim.",
        schema: { type: "string", enum: ["jti", "sub"] },
      },
      {
        name: "id",
        in: "path",
        required: true,
        description: "The `jti` of the token, or the `sub`.",
        schema: { type: "string" },
        example: "alice",
      },
      ...parameters("traceparent"),
    ],
    responses: {
      200: json("The token or the subject is revoked.", revokedAnswer, {
        kind: "sub",
        id: "alice",
        expiresAt: 1_800_000_000_000,
        at: 1_799_913_540,
        told: 3,
        pending: 0,
      }),
      ...authenticationRefusals("not_found", "quota_exceeded"),
    },
  },

  "PUT /v1/revocations": {
    operationId: "revokeByBody",
    summary: "Revoke by a body",
    description:
      "The same as `revoke`, for every id: a URL cannot hold the subjects `.` and `..`. `at` is up to when its tokens were issued, by the clock of the issuer: those from the next second on are accepted. Without it they are accepted once the clocks can no longer be confused. Needs `admin:revoke`. A retry is safe.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: resolver(revocationShape),
          example: { kind: "sub", id: "..", at: 1_799_913_540 },
        },
      },
    },
    responses: {
      200: json("The token or the subject is revoked.", revokedAnswer, {
        kind: "sub",
        id: "..",
        expiresAt: 1_800_000_000_000,
        at: 1_799_913_540,
        told: 3,
        pending: 0,
      }),
      ...authenticationRefusals("payload_too_large", "quota_exceeded"),
    },
  },

  "GET /v1/revocations": {
    operationId: "listRevocations",
    summary: "List the revocations",
    description: "The latest 1,000 revocations in force. Needs `admin:revoke`.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: {
      200: json("The revocations.", revocationList, {
        revocations: [{ kind: "jti", id: "t-1", at: 1_800_000_000, expiresAt: 1_800_086_400_000 }],
      }),
      ...authenticationRefusals(),
    },
  },

  "GET /v1/limits": {
    operationId: "readLimits",
    summary: "Read the limits of the tenant",
    description: "`limits` are in force; `override` is what the tenant has set. Needs `admin:limits`.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: { 200: json("The limits.", limitsAnswer, limitsExample), ...authenticationRefusals() },
  },

  "PUT /v1/limits": {
    operationId: "setLimits",
    summary: "Set the limits of the tenant",
    description:
      "A limit that is absent is the application's; `null` means no limit. The limits apply to open connections at once. Needs `admin:limits`. A retry is safe.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: resolver(limitsShape),
          example: { principal: { perSecond: 50, burst: 1_000 } },
        },
      },
    },
    responses: {
      200: json("The limits are in force.", spreadAnswer, { told: 3, pending: 0 }),
      ...authenticationRefusals("payload_too_large"),
    },
  },

  "PUT /v1/read-only": {
    operationId: "setReadOnly",
    summary: "Make partitions read-only",
    description:
      "These partitions accept no new event, and no others are read-only; none: it ends for all. A new draft gets `read_only` with `Retry-After`, and is decided when it comes again afterwards; what was decided is answered again, and everything can be read. Timers and the effects of other partitions wait, however long it lasts. It applies to open connections at once, as limits do, and `GET /v1/limits` shows it. Needs `admin:read-only`. A retry is safe.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    requestBody: {
      required: true,
      content: {
        "application/json": { schema: resolver(readOnlyShape), example: { partitions: ["order-*"] } },
      },
    },
    responses: {
      200: json("They are read-only.", spreadAnswer, { told: 3, pending: 0 }),
      ...authenticationRefusals("payload_too_large", "not_configured"),
    },
  },

  "POST /v1/tickets": {
    operationId: "takeTicket",
    summary: "Get a ticket for one connection",
    description:
      "For clients that can send a token neither as a header nor as a subprotocol. `?ticket=…` in the URL of a WebSocket or of server-sent events replaces the token of this request. A ticket is valid once, for 30 seconds.",
    tags: ["Events"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: {
      201: json("The ticket.", ticketAnswer, {
        ticket: `default.${"0123456789abcdef".repeat(4)}`,
        expiresAt: 1_800_000_030_000,
      }),
      ...authenticationRefusals("quota_exceeded"),
    },
  },

  "POST /v1/drain": {
    operationId: "drain",
    summary: "Drain the partitions that have connections",
    description:
      "Queued work is decided; then each client is asked to reconnect at a time of its own, and new work is refused for the given seconds. Use it before a deployment. Needs `admin:drain`.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    ...drained,
  },

  "POST /v1/partitions/:partition/drain": {
    operationId: "drainPartition",
    summary: "Drain one partition",
    description: "The same for one partition. Needs `admin:drain`.",
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: partitionParameters("traceparent"),
    ...drained,
  },
};
