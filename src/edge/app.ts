import type { Application } from "../objects/application.ts";
import { Hono } from "hono";
import type { Failure } from "../protocol/index.ts";
import { refuseWhileDraining } from "./draining.ts";
import { Unanswered } from "../platform/call.ts";
import type { Edge } from "./env.ts";
import { refuseOtherMethods } from "./methods.ts";
import { nothingForPersons, pageAt } from "./pages.ts";
import { problemAt, refuse, Refused } from "./refused.ts";
import { actionRoutes } from "./routes/actions.ts";
import { checkRoutes } from "./routes/check.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { documentRoutes } from "./routes/document.ts";
import { effectRoutes } from "./routes/effects.ts";
import { endpointRoutes } from "./routes/endpoints.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { inspectRoutes } from "./routes/inspect.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { partitionRoutes } from "./routes/partitions.ts";
import { pollRoutes } from "./routes/poll.ts";
import { proofRoutes } from "./routes/proofs.ts";
import { importRoutes } from "./routes/import.ts";
import { problemRoutes } from "./routes/problems.ts";
import { socketRoutes } from "./routes/socket.ts";
import { stateRoutes } from "./routes/state.ts";
import { sagaRoutes } from "./routes/sagas.ts";
import { usageRoutes } from "./routes/usage.ts";
import { verifyRoutes } from "./routes/verify.ts";
import { streamRoutes } from "./routes/streams.ts";
import { tenantDeadLetterRoutes } from "./routes/tenant-dead-letters.ts";
import { tenantRoutes } from "./routes/tenant.ts";
import { secureResponses, allowOrigins } from "./security.ts";
import { traceRequests } from "./trace.ts";
import { offersSubprotocol, sendProblemBySocket } from "./upgrade.ts";
import { guardsOf } from "./guards.ts";

/** An object was called, and did not answer. Only it knows what it has done. */
const unanswered: Failure = {
  code: "partition_unavailable",
  detail: "The partition did not answer. Send the same request again: it counts once.",
  retryAfter: 1,
};

/** An error of the Worker itself, in which nothing is committed. */
const unexpected: Failure = {
  code: "internal",
  detail: "An unexpected error. It was logged under the trace id.",
};

/** The Worker's routes. They check names, identity and bodies, and call the partition's object. No domain logic. */
export function edge(application: Application): Edge {
  const app: Edge = new Hono();
  const guards = guardsOf(application);

  app.use(traceRequests, secureResponses, allowOrigins, refuseWhileDraining);
  eventRoutes(app, guards, application);
  importRoutes(app, guards);
  stateRoutes(app, guards);
  sagaRoutes(app, guards);
  usageRoutes(app, guards);
  verifyRoutes(app, guards);
  inspectRoutes(app, guards);
  proofRoutes(app, guards);
  socketRoutes(app, guards);
  streamRoutes(app, guards);
  pollRoutes(app, guards);
  tenantRoutes(app, guards);
  partitionRoutes(app, guards, application);
  tenantDeadLetterRoutes(app, guards, application);
  actionRoutes(app, guards);
  effectRoutes(app, guards);
  endpointRoutes(app, guards);
  deadLetterRoutes(app, guards);
  metricsRoutes(app, guards, application);
  healthRoutes(app, application);
  checkRoutes(app, guards, application);
  problemRoutes(app);
  documentRoutes(app, application);
  refuseOtherMethods(app);

  app.notFound(
    async (c) =>
      (await pageAt(c)) ??
      (await nothingForPersons(c)) ??
      refuse(c, { code: "not_found", detail: "There is no route at this address." }),
  );

  app.onError((error, c) => {
    if (error instanceof Refused) {
      return offersSubprotocol(c.req.raw) ? sendProblemBySocket(problemAt(c, error.failure)) : refuse(c, error.failure);
    }
    return refuse(c, error instanceof Unanswered ? unanswered : unexpected, {}, error);
  });

  return app;
}
