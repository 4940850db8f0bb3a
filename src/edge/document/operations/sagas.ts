import { sagaBounds } from "../../../model/sagas/index.ts";
import { json, partitionParameters, partitionRefusals } from "../parts.ts";
import { sagaList, sagaRead } from "../saga-schemas.ts";
import { path, listSagasQuery } from "../../routes/sagas.ts";
import type { Operations } from "../operation.ts";

const saga = {
  id: "t-1",
  state: "in_progress",
  saga: "transfer",
  status: "RUNNING",
  step: 1,
  steps: 2,
  fence: 2,
  attempt: 0,
  asks: 1,
  until: 1_800_000_030_000,
  startedAt: 1_800_000_000_000,
};
const security = [{ token: [] }, {}];
const tags = ["Sagas"];
const refusals = partitionRefusals("quarantined", "rebuilding", "rate_limited");

export const sagasOperations: Operations = {
  [`GET ${path}`]: {
    query: listSagasQuery,
    operationId: "listSagas",
    summary: "List the sagas of a partition",
    description: `In the order of their ids, without their inputs: those that go on or have failed, and the newest ${sagaBounds.endedMax} that have ended. With \`status\`, up to ${sagaBounds.pageScannedMax} of them are looked at for a page.`,
    tags,
    security,
    parameters: partitionParameters("traceparent", "clientId"),
    responses: { 200: json("A page of sagas.", sagaList, { sagas: [saga], next: "t-1" }), ...refusals },
  },

  [`GET ${path}/:saga`]: {
    operationId: "readSaga",
    summary: "Read what became of a saga",
    description: "While its `state` is `in_progress`, `Retry-After` says when to ask again.",
    tags,
    security,
    parameters: [
      ...partitionParameters("traceparent", "clientId"),
      {
        name: "saga",
        in: "path",
        required: true,
        description: "The id that was given to it at its start.",
        schema: { type: "string" },
        example: "t-1",
      },
    ],
    responses: {
      200: json("The saga.", sagaRead, { ...saga, input: { from: "ann", to: "bob" } }, "RetryAfter"),
      ...refusals,
    },
  },
};
