import type { Application } from "../objects/application.ts";
import { Hono } from "hono";
import type { Failure } from "../protocol/index.ts";
import { drains } from "./draining.ts";
import type { Edge } from "./env.ts";
import { answerOtherMethods } from "./methods.ts";
import { problemAt, refuse, Refused } from "./refused.ts";
import { checkRoutes } from "./routes/check.ts";
import { documentRoutes } from "./routes/document.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { problemRoutes } from "./routes/problems.ts";
import { socketRoutes } from "./routes/socket.ts";
import { stateRoutes } from "./routes/state.ts";
import { streamRoutes } from "./routes/streams.ts";
import { tenantRoutes } from "./routes/tenant.ts";
import { securesAnswers, sharesAnswers } from "./security.ts";
import { traces } from "./trace.ts";
import { speaksOurs, tellBySocket } from "./upgrade.ts";
import { doorsOf } from "./visitor.ts";

/** The Worker's routes. No domain logic: names, identity, bodies, and a call to the partition's object. */
export function edge(application: Application): Edge {
  const app: Edge = new Hono();
  const doors = doorsOf(application);

  app.use(traces, securesAnswers, sharesAnswers, drains);
  eventRoutes(app, doors);
  stateRoutes(app, doors);
  socketRoutes(app, doors);
  streamRoutes(app, doors);
  tenantRoutes(app, doors);
  healthRoutes(app, application);
  checkRoutes(app, doors, application);
  problemRoutes(app);
  documentRoutes(app);
  answerOtherMethods(app);

  app.notFound((c) => refuse(c, { code: "not_found", detail: "There is nothing at this address." }));

  app.onError((error, c) => {
    if (error instanceof Refused) {
      return speaksOurs(c.req.raw) ? tellBySocket(problemAt(c, error.failure)) : refuse(c, error.failure);
    }
    const { overloaded, retryable } = error as { overloaded?: boolean; retryable?: boolean };
    const failure: Failure =
      overloaded || retryable
        ? {
            code: "partition_unavailable",
            detail: "The partition did not answer. Send the same again: it counts once.",
            retryAfter: 1,
          }
        : { code: "internal", detail: "Something went wrong here; it was logged under the trace id." };
    return refuse(c, failure, {}, error);
  });

  return app;
}
