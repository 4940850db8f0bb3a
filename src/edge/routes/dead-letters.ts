import * as z from "zod/mini";
import { courierBounds } from "../../courier/bounds.ts";
import { callObject } from "../../platform/call.ts";
import type { Failure } from "../../protocol/index.ts";
import { query, wholeNumber } from "../query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";
import { Refused } from "../refused.ts";
import { courierAt, endpointAt } from "./endpoints.ts";

export const path = "/v1/endpoints/:endpoint/dead-letters";
/** `<incarnation>:<eventId>:<n>` */
export const effectIdShape = /^[0-9a-f]+:\d+:\d+$/;
const noLetter: Failure = { code: "not_found", detail: "There is no dead letter of this id." };

export const listDeadLettersQuery = {
  after: z.optional(wholeNumber("The `seq` after which the page begins; absent: the first page.", 42)),
  limit: z.optional(wholeNumber(`At most this many, up to ${courierBounds.pageMax}.`, 20)),
};

/** What could not be delivered to an endpoint. */
export function deadLetterRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:webhooks");

  app.get(path, guard, query(listDeadLettersQuery), async (c) => {
    const { after = 0, limit = courierBounds.pageMax } = c.req.valid("query");
    const count = Math.min(Math.max(limit, 1), courierBounds.pageMax);
    const deadLetters = await callObject(courierAt(c), (courier) => courier.deadLetters({ after, limit: count }));
    const last = deadLetters.at(-1);
    return c.json({ deadLetters, ...(last && deadLetters.length === count ? { next: last.seq } : {}) });
  });

  // Before the routes of one dead letter: no effect has the id "replay".
  app.post(`${path}/replay`, guard, async (c) => {
    const courier = courierAt(c);
    await assertReplays(c);
    await note(c, "endpoint.dead-letters.replay", { endpoint: c.req.param("endpoint")! });
    return c.json({ replayed: await callObject(courier, (calls) => calls.replay({})) });
  });

  app.get(`${path}/:effect`, guard, async (c) => {
    const effectId = effectAt(c);
    const found = await callObject(courierAt(c), (courier) => courier.deadLetter({ effectId }));
    if (!found) throw new Refused(noLetter);
    const { payload, ...rest } = found;
    if (payload === undefined) return c.json(rest);
    // The payload goes out as the bytes that were stored.
    const text = JSON.stringify({ ...rest, payload: null }).replace(/"payload":null\}$/, () => `"payload":${payload}}`);
    return c.body(text, 200, { "content-type": "application/json" });
  });

  app.post(`${path}/:effect/replay`, guard, async (c) => {
    const effectId = effectAt(c);
    await assertReplays(c);
    await note(c, "endpoint.dead-letter.replay", { endpoint: c.req.param("endpoint")!, effect: effectId });
    const replayed = await callObject(courierAt(c), (courier) => courier.replay({ effectId }));
    if (replayed === 0) throw new Refused(noLetter);
    return c.json({ replayed });
  });

  app.delete(`${path}/:effect`, guard, async (c) => {
    const effectId = effectAt(c);
    const courier = courierAt(c);
    await note(c, "endpoint.dead-letter.discard", { endpoint: c.req.param("endpoint")!, effect: effectId });
    await callObject(courier, (calls) => calls.discard({ effectId }));
    return c.body(null, 204);
  });
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
