import type { Application } from "../objects/application.ts";
import type { Failure } from "../protocol/index.ts";
import { refuseWhileDraining } from "./draining.ts";
import { Unanswered } from "../platform/call.ts";
import type { Edge } from "./env.ts";
import { newEdge } from "./hono.ts";
import { refuseOtherMethods } from "./methods.ts";
import type { Part } from "./part.ts";
import { problemAt, refuse, Refused } from "./refused.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { pollRoutes } from "./routes/poll.ts";
import { socketRoutes } from "./routes/socket.ts";
import { stateRoutes } from "./routes/state.ts";
import { usageRoutes } from "./routes/usage.ts";
import { streamRoutes } from "./routes/streams.ts";
import { ticketRoutes } from "./routes/tickets.ts";
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
export function edge(application: Application, parts: readonly Part[]): Edge {
  const app = newEdge();
  const guards = guardsOf(application);

  app.use(traceRequests, secureResponses, allowOrigins, refuseWhileDraining);
  eventRoutes(app, guards, application, parts.find((part) => part.signatureFailure)?.signatureFailure);
  stateRoutes(app, guards);
  usageRoutes(app, guards);
  socketRoutes(app, guards);
  streamRoutes(app, guards);
  pollRoutes(app, guards);
  ticketRoutes(app, guards);
  healthRoutes(app, application);
  for (const { routes } of parts) routes?.(app, guards, application);
  refuseOtherMethods(app);

  app.notFound(async (c) => {
    for (const { elsewhere } of parts) {
      const answer = await elsewhere?.(c);
      if (answer) return answer;
    }
    return refuse(c, {
      code: "not_found",
      detail: "There is no route at this address, or it needs a part that this Worker has not.",
    });
  });

  app.onError((error, c) => {
    if (error instanceof Refused) {
      return offersSubprotocol(c.req.raw) ? sendProblemBySocket(problemAt(c, error.failure)) : refuse(c, error.failure);
    }
    return refuse(c, error instanceof Unanswered ? unanswered : unexpected, {}, error);
  });

  return app;
}
