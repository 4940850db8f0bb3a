import { bounds } from "../../../protocol/index.ts";
import {
  foldedState,
  inspectedConnections,
  inspectedEvent,
  inspectedPartition,
  inspectedRejections,
  inspectedTimers,
} from "../inspect-schemas.ts";
import { json, partitionParameters, partitionRefusals } from "../parts.ts";
import { path, inspectListQuery, inspectRejectionsQuery, inspectStateQuery } from "../../routes/inspect.ts";
import { stateRead } from "../schemas.ts";
import type { Operations } from "../operation.ts";

const timestamp = 1_800_000_000_000;
const needs = "Needs `admin:inspect`.";
const common = { tags: ["Inspection"], security: [{ token: [] }, {}] };

export const inspectOperations: Operations = {
  [`GET ${path}`]: {
    operationId: "inspectPartition",
    summary: "Inspect a partition",
    description: `Its model, its snapshots, what it has to do, and the effects that wait. ${needs}`,
    ...common,
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json("What it is.", inspectedPartition, {
        head: 42,
        serverId: "01965c2e-7c1a-7b3e-9f00-000000000001",
        model: { name: "insieme", version: 1 },
        snapshots: [{ eventId: 32, modelVersion: 1, modelTag: "insieme.1", stateBytes: 2_048, createdAt: timestamp }],
        jobs: [{ kind: "sweep_records", key: "", dueAt: timestamp, attempts: 0 }],
        jobsTotal: 1,
        lanes: [],
        lanesTotal: 0,
        timers: { total: 0 },
      }),
      ...partitionRefusals("rate_limited", "quarantined"),
    },
  },

  [`GET ${path}/events/:event`]: {
    operationId: "inspectEvent",
    summary: "Inspect an event",
    description: `Who has submitted it and under which key, and what led to it. ${needs}`,
    ...common,
    parameters: [
      ...partitionParameters("traceparent"),
      {
        name: "event",
        in: "path",
        required: true,
        description: "The id of the event.",
        schema: { type: "integer", minimum: 1 },
        example: 7,
      },
    ],
    responses: {
      200: json("Where it comes from.", inspectedEvent, {
        eventId: 7,
        principal: "alice",
        draftId: "01965c2e-7c1a-7b3e-9f00-000000000001",
        clientId: "phone",
        timestamp,
        transformed: false,
        incarnation: "9f86d081884c7d65",
        correlationId: "9f86d081884c7d65:7",
        payloadBytes: 41,
      }),
      ...partitionRefusals("rate_limited", "quarantined"),
    },
  },

  [`GET ${path}/rejections`]: {
    query: inspectRejectionsQuery,
    operationId: "inspectRejections",
    summary: "Find rejections, and why they were",
    description: `The stored rejections, the newest first: each with its problem, and the last event of the state that it was judged on. A request looks at ${bounds.rejectionsScannedMax} of them; a page can be empty and have a \`next\`. ${needs}`,
    ...common,
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json("A page of rejections.", inspectedRejections, {
        rejections: [
          {
            recordId: 3,
            principal: "alice",
            draftId: "01965c2e-7c1a-7b3e-9f00-000000000001",
            timestamp,
            judgedAt: 41,
            problem: { code: "conflict", layer: "conflict", conflictingEventIds: [40] },
          },
        ],
      }),
      ...partitionRefusals("rate_limited", "quarantined"),
    },
  },

  [`GET ${path}/state`]: {
    query: inspectStateQuery,
    operationId: "inspectState",
    summary: "Read the state after any event, however far back",
    description: `As \`GET …/state?at=\`, and without its bound: a request folds at most ${bounds.travelEventsMax} events, and ${bounds.travelBytesMax} bytes of their payloads, from the nearest snapshot, or from what an earlier request has folded. 202: it is not there yet; ask again, and it goes on. Another operator waits meanwhile. ${needs}`,
    ...common,
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json(
        "The state.",
        stateRead,
        { state: { title: "Chaconne" }, eventIndex: 7 },
        "ETag",
        "CacheControl",
        "Vary",
      ),
      202: json("How far it is.", foldedState, { folded: { eventIndex: 20_000, of: 70_000 } }),
      ...partitionRefusals("cursor_ahead", "too_expensive", "quarantined", "rebuilding", "overloaded"),
    },
  },
  [`GET ${path}/connections`]: {
    operationId: "inspectConnections",
    query: inspectListQuery,
    summary: "Inspect the connections of a partition",
    description: `In pages. ${needs}`,
    ...common,
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json("A page of them.", inspectedConnections, {
        connections: [
          {
            principal: "alice",
            clientId: "phone",
            dialect: "partita.v1",
            seenAt: timestamp,
            cursor: 42,
            atHead: true,
            creditBytes: 65_536,
            spentBytes: 512,
            unprovenBytes: 0,
            waitingFrames: 0,
            presence: true,
          },
        ],
        total: 1,
      }),
      ...partitionRefusals("rate_limited", "quarantined"),
    },
  },
  [`GET ${path}/timers`]: {
    operationId: "inspectTimers",
    query: inspectListQuery,
    summary: "Inspect the timers of a partition",
    description: `In pages. ${needs}`,
    ...common,
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json("A page of them.", inspectedTimers, {
        timers: [
          {
            key: "release:7",
            dueAt: timestamp,
            type: "release",
            payload: { seat: 7 },
            correlationId: "9f86d081884c7d65:7",
            attempts: 0,
          },
        ],
      }),
      ...partitionRefusals("rate_limited", "quarantined"),
    },
  },
};
