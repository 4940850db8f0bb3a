import { defaultTenant } from "../../../identity/verify.ts";
import { headers, partitionParameters, partitionRefusals } from "../parts.ts";
import type { Operations } from "../operation.ts";

const tenantParameter = {
  name: "tenant",
  in: "query",
  description:
    "The tenant of the partition, if `connect.payload.token` carries the token. Otherwise the token names the tenant.",
  schema: { type: "string", default: defaultTenant },
} as const;
const responses = {
  101: { description: "The WebSocket is open.", headers: headers() },
  ...partitionRefusals("upgrade_expected", "too_many_connections"),
};

export const socketOperations: Operations = {
  "GET /v1/partitions/:partition/ws": {
    operationId: "connect",
    summary: "Connect by a WebSocket",
    description:
      "The upgrade of a connection. docs/PROTOCOL.md describes its messages. A refused client that offers the subprotocol `partita` receives the problem as a message, because pages do not see the response of a refused upgrade.",
    tags: ["Events"],
    security: [{ token: [] }, { ticket: [] }, {}],
    parameters: [...partitionParameters("traceparent"), tenantParameter],
    responses,
  },

  "GET /insieme/:partition": {
    operationId: "connectInsieme",
    summary: "Connect a client of the package insieme",
    description:
      "The upgrade of a connection of the published package `insieme` (docs/PROTOCOL.md, 18): the partition is the project. The token is sent with `connect`.",
    tags: ["Events"],
    security: [{}],
    parameters: [...partitionParameters("traceparent"), tenantParameter],
    responses,
  },
};
