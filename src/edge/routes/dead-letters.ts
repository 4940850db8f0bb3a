import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { courierBounds } from "../../courier/bounds.ts";
import { callObject } from "../../platform/call.ts";
import type { Failure } from "../../protocol/index.ts";
import { deadLetterAnswer, deadLetterList, replayedAnswer } from "../document/endpoint-schemas.ts";
import { authenticationRefusals, headers, json, parameters } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";
import { Refused } from "../refused.ts";
import { courierAt, endpointAt, endpointParameter } from "./endpoints.ts";

const path = "/v1/endpoints/:endpoint/dead-letters";
/** `<incarnation>:<eventId>:<n>` */
const effectIdShape = /^[0-9a-f]+:\d+:\d+$/;
const effectParameter = {
  name: "effect",
  in: "path",
  required: true,
  description: "The id of the effect: the `webhook-id` of its message.",
  schema: { type: "string", pattern: effectIdShape.source },
  example: "9f86d081884c7d65:17:0",
} as const;
const letter = {
  effectId: "9f86d081884c7d65:17:0",
  seq: 42,
  partition: "room",
  type: "order.paid",
  timestamp: 1_800_000_000_000,
  ordered: false,
  diedAt: 1_800_086_400_000,
  attempts: 71,
  status: 500,
  reason: "The status was 500.",
};
const security = [{ token: [] }, {}];
const tags = ["Webhooks"];
const noLetter: Failure = { code: "not_found", detail: "There is no dead letter of this id." };

/** What could not be delivered to an endpoint. */
export function deadLetterRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:webhooks");

  app.get(
    path,
    describeRoute({
      operationId: "listDeadLetters",
      summary: "List the dead letters of an endpoint",
      description:
        "Messages that the endpoint refused for good, or that were not delivered within a day, in order. They are deleted after 30 days. Needs `admin:webhooks`.",
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      responses: {
        200: json("A page of dead letters.", deadLetterList, { deadLetters: [letter], next: 42 }),
        ...authenticationRefusals("not_found", "not_configured"),
      },
    }),
    guard,
    query({
      after: z.optional(wholeNumber("The `seq` after which the page begins; absent: the first page.", 42)),
      limit: z.optional(wholeNumber(`At most this many, up to ${courierBounds.pageMax}.`, 20)),
    }),
    async (c) => {
      const { after = 0, limit = courierBounds.pageMax } = c.req.valid("query");
      const count = Math.min(Math.max(limit, 1), courierBounds.pageMax);
      const deadLetters = await callObject(courierAt(c), (courier) => courier.deadLetters({ after, limit: count }));
      const last = deadLetters.at(-1);
      return c.json({ deadLetters, ...(last && deadLetters.length === count ? { next: last.seq } : {}) });
    },
  );

  // Before the routes of one dead letter: no effect has the id "replay".
  app.post(
    `${path}/replay`,
    describeRoute({
      operationId: "replayDeadLetters",
      summary: "Send the dead letters again",
      description: `The first ${courierBounds.stepRowsMax} of them, in order. What fails again is a dead letter again: call it once more only while \`deadLetters\` of the endpoint becomes smaller. A disabled endpoint has to be activated first: \`not_replayable\`. Needs \`admin:webhooks\`. A retry is safe.`,
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      responses: {
        200: json("How many are sent again.", replayedAnswer, { replayed: 500 }),
        ...authenticationRefusals("not_found", "not_replayable", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const courier = courierAt(c);
      await assertReplays(c);
      await note(c, "endpoint.dead-letters.replay", { endpoint: c.req.param("endpoint")! });
      return c.json({ replayed: await callObject(courier, (calls) => calls.replay({})) });
    },
  );

  app.get(
    `${path}/:effect`,
    describeRoute({
      operationId: "readDeadLetter",
      summary: "Read a dead letter",
      description: "With its payload, unless what is stored of it is damaged. Needs `admin:webhooks`.",
      tags,
      security,
      parameters: [endpointParameter, effectParameter, ...parameters("traceparent")],
      responses: {
        200: json("The dead letter.", deadLetterAnswer, { ...letter, payload: { total: 4_200 } }),
        ...authenticationRefusals("not_found", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const effectId = effectAt(c);
      const found = await callObject(courierAt(c), (courier) => courier.deadLetter({ effectId }));
      if (!found) throw new Refused(noLetter);
      const { payload, ...rest } = found;
      if (payload === undefined) return c.json(rest);
      // The payload goes out as the bytes that were stored.
      const text = JSON.stringify({ ...rest, payload: null }).replace(
        /"payload":null\}$/,
        () => `"payload":${payload}}`,
      );
      return c.body(text, 200, { "content-type": "application/json" });
    },
  );

  app.post(
    `${path}/:effect/replay`,
    describeRoute({
      operationId: "replayDeadLetter",
      summary: "Send a dead letter again",
      description:
        "Under the same id, and in its old place in the order. It has a day again to be delivered. A disabled endpoint has to be activated first: `not_replayable`. Needs `admin:webhooks`. A retry is safe.",
      tags,
      security,
      parameters: [endpointParameter, effectParameter, ...parameters("traceparent")],
      responses: {
        200: json("It is sent again.", replayedAnswer, { replayed: 1 }),
        ...authenticationRefusals("not_found", "not_replayable", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const effectId = effectAt(c);
      await assertReplays(c);
      await note(c, "endpoint.dead-letter.replay", { endpoint: c.req.param("endpoint")!, effect: effectId });
      const replayed = await callObject(courierAt(c), (courier) => courier.replay({ effectId }));
      if (replayed === 0) throw new Refused(noLetter);
      return c.json({ replayed });
    },
  );

  app.delete(
    `${path}/:effect`,
    describeRoute({
      operationId: "discardDeadLetter",
      summary: "Discard a dead letter",
      description: "Ordered messages that waited for it are sent. Needs `admin:webhooks`. A retry is safe.",
      tags,
      security,
      parameters: [endpointParameter, effectParameter, ...parameters("traceparent")],
      responses: {
        204: { description: "There is no such dead letter now.", headers: headers() },
        ...authenticationRefusals("not_found", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const effectId = effectAt(c);
      const courier = courierAt(c);
      await note(c, "endpoint.dead-letter.discard", { endpoint: c.req.param("endpoint")!, effect: effectId });
      await callObject(courier, (calls) => calls.discard({ effectId }));
      return c.body(null, 204);
    },
  );
}

/** To a disabled endpoint nothing is sent: what is sent again would be a dead letter again at once. @throws Refused */
async function assertReplays(c: EdgeContext): Promise<void> {
  const { state } = await endpointAt(c);
  if (state !== "disabled") return;
  throw new Refused({ code: "not_replayable", detail: "The endpoint is disabled: activate it first." });
}

/** @throws Refused */
function effectAt(c: EdgeContext): string {
  const id = c.req.param("effect") ?? "";
  if (effectIdShape.test(id)) return id;
  throw new Refused({ code: "bad_request", detail: 'The id of an effect is as "9f86d081884c7d65:17:0".' });
}
