import type * as z from "zod/mini";
import { callObject, Unanswered } from "../../platform/call.ts";
import { log } from "../../platform/log.ts";
import { bounds, type Failure, pollShape } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { readerOf } from "../identity.ts";
import { orRefuse, problemAt, Refused } from "../refused.ts";
import { firstNews } from "./first-news.ts";

type PollRequest = z.infer<typeof pollShape>;
type PolledConnection = PollRequest["connections"][number];

const noPolling: Failure = {
  code: "partition_unavailable",
  detail: "The partition is of an earlier version, which cannot be polled yet. Try again in a moment.",
  retryAfter: 10,
};
const unanswered: Failure = {
  code: "partition_unavailable",
  detail: "The partition did not answer. Poll again.",
  retryAfter: 1,
};
const unexpected: Failure = {
  code: "internal",
  detail: "An unexpected error. It was logged under the trace id.",
};

export function pollRoutes(app: Edge, { readAccess }: Guards): void {
  app.post("/v1/poll", async (c) => {
    const { connections, holdMs = 0 } = orRefuse(await readJson(c.req.raw, pollShape, bounds.postedBytesMax)).value;
    const texts = await firstNews(
      connections.map((connection) => {
        const { promise: answered, resolve } = Promise.withResolvers<void>();
        const text = pollOne(c, readAccess, connection, holdMs, resolve).finally(resolve);
        const { partition, connectionId } = connection;
        return { partition, opens: connectionId === undefined, answered, text };
      }),
    );
    return new Response(`{"connections":[${texts.join(",")}]}`, {
      headers: { "content-type": "application/json", "cache-control": "no-store" },
    });
  });
}

/**
 * The answer of one connection, without its partition, as JSON text: `{…}`; empty if there is nothing. `answered`: called
 * when its object has answered.
 */
async function pollOne(
  c: EdgeContext,
  readAccess: Guards["readAccess"],
  { partition, token, connectionId, before = 0, frames = [], received = 0, end = false }: PolledConnection,
  holdMs: number,
  answered: () => void,
): Promise<string> {
  const refused = (failure: Failure) => JSON.stringify({ problem: problemAt(c, failure) });
  try {
    const { identity, stub } = await readAccess(c, partition, token);
    const author = readerOf(identity);
    const asked = { connectionId, author, before, frames, received, holdMs, end, traceId: c.get("traceId") };
    // A poll that is repeated does nothing twice.
    const answer = await callObject(stub, async (object) => {
      const given = await object.poll(asked);
      answered();
      return given && { ok: given.status === 200, text: await new Response(given.body).text() };
    });
    if (!answer) return refused(noPolling);
    return answer.ok ? answer.text : `{"problem":${answer.text}}`;
  } catch (error) {
    if (error instanceof Refused) return refused(error.failure);
    if (error instanceof Unanswered) return refused(unanswered);
    log("poll_failed", { traceId: c.get("traceId"), error: String(error) });
    return refused(unexpected);
  }
}
