import { bounds } from "../../../protocol/index.ts";
import { headers, json, partitionParameters, partitionRefusals } from "../parts.ts";
import { stateRead } from "../schemas.ts";
import { readStateQuery } from "../../routes/state.ts";
import type { Operations } from "../operation.ts";

export const stateOperations: Operations = {
  "GET /v1/partitions/:partition/state": {
    query: readStateQuery,
    operationId: "readState",
    summary: "Read the state, now or after any event",
    description: `The state that the model's reducers compute from the log up to an event. At most ${bounds.replayEventsMax} events, and ${bounds.replayBytesMax} bytes with the snapshot itself, are replayed from the nearest snapshot. The \`ETag\` is a weak one, because the order of keys may differ.`,
    tags: ["State"],
    security: [{ token: [] }, {}],
    parameters: partitionParameters("ifNoneMatch", "traceparent", "clientId"),
    responses: {
      200: json(
        "The state.",
        stateRead,
        { state: { title: "Chaconne" }, eventIndex: 7 },
        "ETag",
        "CacheControl",
        "Vary",
      ),
      304: {
        description: "The client's copy is still current.",
        headers: headers("ETag", "CacheControl", "Vary"),
      },
      ...partitionRefusals("cursor_ahead", "too_expensive", "quarantined", "rebuilding", "rate_limited"),
    },
  },
};
