import { describeRoute } from "hono-openapi";
import { callObject } from "../call.ts";
import { json, parameters, refusals } from "../document/parts.ts";
import { health } from "../document/schemas.ts";
import type { Edge } from "../env.ts";
import { responseOf } from "../../partition/answers.ts";
import { defaultTenant } from "../../identity/verify.ts";
import type { Application } from "../../partition/object.ts";
import { readinessProbe } from "../../partition/canary.ts";
import { stubOf } from "../../partition/placement.ts";

export function healthRoutes(app: Edge, { placementOf }: Application): void {
  app.get(
    "/livez",
    describeRoute({
      operationId: "isAlive",
      summary: "Whether the server is alive",
      description: "Does nothing but answer.",
      tags: ["Server"],
      parameters: parameters("traceparent"),
      responses: { 200: json("It is.", health("alive"), { status: "alive" }), ...refusals() },
    }),
    (c) => c.json({ status: "alive" }),
  );

  app.get(
    "/readyz",
    describeRoute({
      operationId: "isReady",
      summary: "Whether the server is ready",
      description: "Asks an object whether its schema is current and its storage reads.",
      tags: ["Server"],
      parameters: parameters("traceparent"),
      responses: {
        200: json("It is.", health("ready"), { status: "ready" }),
        ...refusals("storage_unavailable", "schema_mismatch", "partition_unavailable"),
      },
    }),
    async (c) => {
      const probe = () => stubOf(c.env.PARTITIONS, `${defaultTenant}/${readinessProbe}`, placementOf(defaultTenant));
      return responseOf(await callObject(probe, (stub) => stub.ready({ traceId: c.get("traceId") })));
    },
  );
}
