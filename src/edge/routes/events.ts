import * as z from "zod/mini";
import type { Submission } from "../../core/index.ts";
import { type AnyModel, modelFor, permissionFor } from "../../model/index.ts";
import type { Application } from "../../objects/application.ts";
import { allows, type Author, bounds } from "../../protocol/index.ts";
import { callObject } from "../../platform/call.ts";
import {
  annotationsParameter,
  draftIdsParameter,
  authorsParameter,
  correlationsParameter,
  proofParameter,
  proofsParameter,
  query,
  wholeNumber,
} from "../query.ts";
import { readSubmission } from "../draft.ts";
import type { Edge } from "../env.ts";
import { authorOf } from "../identity.ts";
import { orRefuse } from "../refused.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";
import type { Part } from "../part.ts";

export const path = "/v1/partitions/:partition/events";

export const readEventsQuery = {
  since: z.optional(wholeNumber("The page begins after this event; absent means 0.", 6)),
  limit: z.optional(
    wholeNumber(
      `The most events of the page, clamped to 1 to ${bounds.pageEventsMax}; absent means ${bounds.pageEventsDefault}.`,
      100,
    ),
  ),
  maxBytes: z.optional(
    wholeNumber(
      `About the most bytes of the page, clamped to ${bounds.pageBytesMin} to ${bounds.pageBytesMax}; absent means the latter.`,
      65_536,
    ),
  ),
  proof: proofParameter,
  proofs: proofsParameter,
  authors: authorsParameter,
  correlations: correlationsParameter,
  annotations: annotationsParameter,
  draftIds: draftIdsParameter,
};

export function eventRoutes(
  app: Edge,
  { requirePartition, requireRead, administers }: Guards,
  { models }: Application,
  signatureFailure: Part["signatureFailure"],
): void {
  app.post(path, requirePartition, async (c) => {
    const { identity, partition, stub } = c.get("partitionAccess");
    const { author, clientId } = orRefuse(authorOf(identity, c.req.raw));
    const { submission, bytes } = orRefuse(
      await readSubmission(c.req.raw, c.env.PARTITA_REQUEST_SIGNING_SECRET, signatureFailure),
    );
    const types = administrative(modelFor(models, partition), submission, author);
    if (types.length > 0) {
      c.set("tenantAccess", await administers(c));
      await note(c, "event.submit", { types: types.join(" "), key: submission.key });
    }
    const asked = { author, clientId, submission, bytes, context: { traceId: c.get("traceId") } };
    const answer = await callObject(stub, (object) => object.submit(asked));
    return responseOf(answer);
  });

  app.get(path, requireRead, query(readEventsQuery), async (c) => {
    const {
      since = 0,
      limit,
      proof,
      proofs,
      authors,
      correlations,
      annotations,
      draftIds,
      maxBytes,
    } = c.req.valid("query");
    const { identity, stub } = c.get("partitionAccess");
    const context = {
      traceId: c.get("traceId"),
      ifNoneMatch: c.req.header("if-none-match"),
      reader: orRefuse(authorOf(identity, c.req.raw)).author,
    };
    const options = {
      proof,
      proofs: proofs === "true",
      authors: authors === "true",
      correlations: correlations === "true",
      annotations: annotations === "true",
      draftIds: draftIds === "true",
      maxBytes,
    };
    const asked = { since, limit, context, proof: options };
    return responseOf(await callObject(stub, (object) => object.readEvents(asked)));
  });
}

/**
 * The types of a submission that are for administrators, as to resume a saga: those that need a permission of theirs,
 * which this author has.
 */
function administrative(model: AnyModel | undefined, { drafts }: Submission, { permissions }: Author): string[] {
  if (!model) return [];
  const types = new Set(drafts.map(({ event }) => event.type));
  return [...types].filter((type) => {
    const needed = permissionFor(model, type);
    return needed.startsWith("admin:") && allows(permissions, needed);
  });
}
