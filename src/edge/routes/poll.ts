import { describeRoute, resolver } from "hono-openapi";
import type * as z from "zod/mini";
import { callObject, Unanswered } from "../../platform/call.ts";
import { log } from "../../platform/log.ts";
import { bounds, type Failure, pollShape } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import { json, parameters, refusals } from "../document/parts.ts";
import { pollAnswer } from "../document/schemas.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { readerOf } from "../identity.ts";
import { orRefuse, problemAt, Refused } from "../refused.ts";
import { firstNews } from "./first-news.ts";

type PollRequest = z.infer<typeof pollShape>;
type PolledConnection = PollRequest["connections"][number];

const example = {
  connections: [
    { partition: "room", connectionId: "f3a1…", from: 4, frames: ['{"id":"b-7","type":"broadcast",…}'] },
    { partition: "hall" },
  ],
};

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
  app.post(
    "/v1/poll",
    describeRoute({
      operationId: "poll",
      summary: "Poll connections without WebSockets",
      description: `For clients behind proxies that block WebSockets and hold back streams. Opens up to ${bounds.pollConnectionsMax} connections, sends frames on them, and returns the frames that a WebSocket would receive, as soon as there are some. Each connection is authorised separately: its answer is a problem where it is refused. docs/PROTOCOL.md describes it.`,
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      requestBody: { required: true, content: { "application/json": { schema: resolver(pollShape) } } },
      responses: {
        200: json("The answers, in the order of the request.", pollAnswer, example, "CacheControl"),
        ...refusals("bad_request", "payload_too_large", "origin_not_allowed", "draining"),
      },
    }),
    async (c) => {
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
    },
  );
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
