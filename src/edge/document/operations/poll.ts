import { resolver } from "hono-openapi";
import { bounds, pollShape } from "../../../protocol/index.ts";
import { json, parameters, refusals } from "../parts.ts";
import { pollAnswer } from "../schemas.ts";
import type { Operations } from "../operation.ts";

const example = {
  connections: [
    { partition: "room", connectionId: "f3a1…", from: 4, frames: ['{"id":"b-7","type":"broadcast",…}'] },
    { partition: "hall" },
  ],
};

export const pollOperations: Operations = {
  "POST /v1/poll": {
    operationId: "poll",
    summary: "Poll connections without WebSockets",
    description: `For clients behind proxies that block WebSockets and hold back streams. Opens up to ${bounds.pollConnectionsMax} connections, sends frames on them, and returns the frames that a WebSocket would receive, as soon as there are some. Each connection is authorised separately. docs/PROTOCOL.md describes it.`,
    tags: ["Events"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    requestBody: { required: true, content: { "application/json": { schema: resolver(pollShape) } } },
    responses: {
      200: json("The answers, in the order of the request.", pollAnswer, example, "CacheControl"),
      ...refusals("bad_request", "payload_too_large", "origin_not_allowed", "draining"),
    },
  },
};
