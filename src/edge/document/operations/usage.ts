import { json, partitionParameters, partitionRefusals } from "../parts.ts";
import { usageRead } from "../schemas.ts";
import type { Operations } from "../operation.ts";

const usageExample = {
  usage: {
    logBytes: { used: 1_048_576, max: 8_589_934_592 },
    stateBytes: { used: 65_536, max: 41_943_040 },
    rejections: { used: 12, max: 200_000 },
    rejectionBytes: { used: 5_120, max: 67_108_864 },
    effects: { used: 2, max: 10_000 },
    effectBytes: { used: 610, max: 33_554_432 },
    deadLetters: { used: 0, max: 10_000 },
    timers: { used: 4, max: 10_000 },
    timerBytes: { used: 240, max: 16_777_216 },
    connections: { used: 3, max: 10_000 },
    streams: { used: 0, max: 50 },
  },
};

export const usageOperations: Operations = {
  "GET /v1/partitions/:partition/usage": {
    operationId: "readUsage",
    summary: "Read how full a partition is",
    description:
      "What has a bound, by name: how much is used, and the bound. At 75 % and at 90 % a warning is logged, once per crossing. More names can be added.",
    tags: ["State"],
    security: [{ token: [] }, {}],
    parameters: partitionParameters("traceparent", "clientId"),
    responses: {
      200: json("How full the partition is.", usageRead, usageExample),
      ...partitionRefusals(),
    },
  },
};
