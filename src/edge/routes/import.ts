import { describeRoute, resolver } from "hono-openapi";
import type * as z from "zod/mini";
import type { Draft, Submission } from "../../core/index.ts";
import { callObject } from "../../platform/call.ts";
import { bounds, type JsonObject } from "../../protocol/index.ts";
import { draftOf } from "../../wire/insieme/items.ts";
import { draftOfLogged, type Logged } from "../../wire/partita/logged.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { readJson } from "../body.ts";
import { importAnswer, importShape } from "../document/import-schemas.ts";
import { json, partitionParameters, partitionRefusals } from "../document/parts.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { authorOf } from "../identity.ts";
import { note } from "../note.ts";
import { orRefuse } from "../refused.ts";

/** Events of another server, with their numbers and times. */
export function importRoutes(app: Edge, { requireAdmin }: Guards): void {
  app.post(
    "/v1/partitions/:partition/import",
    describeRoute({
      operationId: "importEvents",
      summary: "Import events of another server",
      description: `Appends the next events of the log with the numbers, ids and times that they have on a server of the package \`insieme\`, or on another one of this kind. Each is checked like a draft, and causes no effects. They are imported in order up to the first that does not fit; nothing is stored of that one. At most ${bounds.batchEventsMax} events and ${bounds.postedBytesMax} bytes. Needs \`admin:import\`. A retry is safe: each event has its place.`,
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: partitionParameters("traceparent"),
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: resolver(importShape),
            example: {
              events: [
                {
                  committedId: 1,
                  id: "01965c2e-7c1a-7b3e-9f00-000000000001",
                  projectId: "room",
                  partition: "scores",
                  type: "set",
                  schemaVersion: 1,
                  payload: { target: "title", value: "Chaconne" },
                  meta: { clientTs: 1_699_999_999_000 },
                  serverTs: 1_700_000_000_000,
                },
              ],
            },
          },
        },
      },
      responses: {
        200: json("How many events were imported.", importAnswer, { imported: 1 }),
        ...partitionRefusals(
          "rate_limited",
          "payload_too_large",
          "validation_failed",
          "unknown_event_type",
          "unknown_event_version",
          "conflict",
          "invariant_violated",
          "draft_too_expensive",
          "idempotency_key_reused",
          "draft_failed",
          "quarantined",
          "rebuilding",
          "state_too_large",
          "storage_full",
          "read_only",
          "overloaded",
          "quota_exceeded",
        ),
      },
    }),
    requireAdmin("admin:import"),
    async (c) => {
      const { identity, partition, stub } = c.get("partitionAccess");
      const { author } = orRefuse(authorOf(identity, c.req.raw));
      const { value } = orRefuse(await readJson(c.req.raw, importShape, bounds.postedBytesMax));
      await note(c, "partition.import", { events: (value.events ?? value.log)!.length });
      const bytes = Number(c.req.header("content-length") ?? bounds.postedBytesMax);
      const asked = {
        author,
        submission: submissionOf(value, partition),
        bytes,
        context: { traceId: c.get("traceId") },
      };
      return responseOf(await callObject(stub, (object) => object.importEvents(asked)));
    },
  );
}

function submissionOf({ events = [], log = [] }: z.infer<typeof importShape>, partition: string): Submission {
  const theirs = events.map((event): Draft => {
    const { committedId: eventId, serverTs: timestamp } = event;
    return { ...draftOf(event as typeof event & JsonObject, partition), imported: { eventId, timestamp } };
  });
  const drafts = [...theirs, ...log.map((logged) => draftOfLogged(logged as Logged))];
  return { key: drafts[0]!.draftId, mode: "sequential", drafts };
}
