import { actionsOperations } from "./actions.ts";
import { checkOperations } from "./check.ts";
import { costsOperations } from "./costs.ts";
import { deadLettersOperations } from "./dead-letters.ts";
import { documentOperations } from "./document.ts";
import { effectsOperations } from "./effects.ts";
import { endpointsOperations } from "./endpoints.ts";
import { eventsOperations } from "./events.ts";
import { healthOperations } from "./health.ts";
import { importOperations } from "./import.ts";
import { inspectOperations } from "./inspect.ts";
import { metricsOperations } from "./metrics.ts";
import { partitionsOperations } from "./partitions.ts";
import { pollOperations } from "./poll.ts";
import { problemsOperations } from "./problems.ts";
import { proofsOperations } from "./proofs.ts";
import { sagasOperations } from "./sagas.ts";
import { socketOperations } from "./socket.ts";
import { stateOperations } from "./state.ts";
import { streamsOperations } from "./streams.ts";
import { tenantOperations } from "./tenant.ts";
import { tenantDeadLettersOperations } from "./tenant-dead-letters.ts";
import { usageOperations } from "./usage.ts";
import { verifyOperations } from "./verify.ts";
import type { Operations } from "../operation.ts";

/** What the routes are described by. */
export const operations: Operations = {
  ...actionsOperations,
  ...checkOperations,
  ...costsOperations,
  ...deadLettersOperations,
  ...documentOperations,
  ...effectsOperations,
  ...endpointsOperations,
  ...eventsOperations,
  ...healthOperations,
  ...importOperations,
  ...inspectOperations,
  ...metricsOperations,
  ...partitionsOperations,
  ...pollOperations,
  ...problemsOperations,
  ...proofsOperations,
  ...sagasOperations,
  ...socketOperations,
  ...stateOperations,
  ...streamsOperations,
  ...tenantOperations,
  ...tenantDeadLettersOperations,
  ...usageOperations,
  ...verifyOperations,
};
