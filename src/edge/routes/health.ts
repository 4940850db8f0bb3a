import type { Application } from "../../objects/application.ts";
import { describeRoute } from "hono-openapi";
import { callObject } from "../../platform/call.ts";
import { json, parameters, refusals } from "../document/parts.ts";
import { health } from "../document/schemas.ts";
import type { Edge } from "../env.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { rulesOf } from "../../identity/settings.ts";
import { defaultTenant } from "../../identity/verify.ts";
import { Refused } from "../refused.ts";
import { readinessProbe } from "../../models/canary/index.ts";
import { partitionCalls } from "../../objects/partition-calls.ts";
import { stubOf } from "../../platform/placement.ts";

export function healthRoutes(app: Edge, { placementOf }: Application): void {
  app.get(
    "/livez",
    describeRoute({
      operationId: "isAlive",
      summary: "Whether the server is alive",
      description: "Answers without any I/O.",
      tags: ["Server"],
      parameters: parameters("traceparent"),
      responses: { 200: json("The server is alive.", health("alive"), { status: "alive" }), ...refusals() },
    }),
    (c) => c.json({ status: "alive" }),
  );

  app.get(
    "/readyz",
    describeRoute({
      operationId: "isReady",
      summary: "Whether the server is ready",
      description:
        "Whether the settings say who may connect, and an object, which is asked, has a current schema and a storage that can be read.",
      tags: ["Server"],
      parameters: parameters("traceparent"),
      responses: {
        200: json("The server is ready.", health("ready"), { status: "ready" }),
        ...refusals("storage_unavailable", "schema_mismatch", "partition_unavailable", "not_configured"),
      },
    }),
    async (c) => {
      const rules = c.env.PARTITA_IDENTITY === "open" ? undefined : rulesOf(c.env);
      if (typeof rules === "string") throw new Refused({ code: "not_configured", detail: rules });
      const name = `${defaultTenant}/${readinessProbe}`;
      const probe = () => partitionCalls(stubOf(c.env.PARTITIONS, name, placementOf(defaultTenant)));
      return responseOf(await callObject(probe, (stub) => stub.ready({ traceId: c.get("traceId") })));
    },
  );
}
