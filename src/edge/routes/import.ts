import type * as z from "zod/mini";
import type { Draft, Submission } from "../../core/index.ts";
import { callObject } from "../../platform/call.ts";
import { bounds, type JsonObject } from "../../protocol/index.ts";
import { draftOf } from "../../wire/insieme/items.ts";
import { draftOfLogged, type Logged } from "../../wire/partita/logged.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { readJson } from "../body.ts";
import { importShape } from "../document/import-schemas.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { authorOf } from "../identity.ts";
import { note } from "../note.ts";
import { orRefuse } from "../refused.ts";

/** Events of another server, with their numbers and times. */
export function importRoutes(app: Edge, { requireAdmin }: Guards): void {
  app.post("/v1/partitions/:partition/import", requireAdmin("admin:import"), async (c) => {
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
  });
}

function submissionOf({ events = [], log = [] }: z.infer<typeof importShape>, partition: string): Submission {
  const theirs = events.map((event): Draft => {
    const { committedId: eventId, serverTs: timestamp } = event;
    return { ...draftOf(event as typeof event & JsonObject, partition), imported: { eventId, timestamp } };
  });
  const drafts = [...theirs, ...log.map((logged) => draftOfLogged(logged as Logged))];
  return { key: drafts[0]!.draftId, mode: "sequential", drafts };
}
