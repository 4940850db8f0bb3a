import { authorHeader, streamHeader, tokenFollows } from "../../platform/rpc.ts";
import { describeRoute } from "hono-openapi";
import { defaultTenant } from "../../identity/verify.ts";
import type { Problem } from "../../protocol/index.ts";
import { asciiJson } from "../../platform/ascii.ts";
import { callObject } from "../call.ts";
import { headers, partitionParameters, partitionRefusals } from "../document/parts.ts";
import type { Edge } from "../env.ts";
import { protocolsOf, subprotocol } from "../identity.ts";
import { Refused } from "../refused.ts";
import { isUpgrade, speaksOurs, tellBySocket } from "../upgrade.ts";
import type { Doors } from "../visitor.ts";

export function socketRoutes(app: Edge, { connects }: Doors): void {
  app.get(
    "/v1/partitions/:partition/ws",
    describeRoute({
      operationId: "connect",
      summary: "Connect by a WebSocket",
      description:
        "The upgrade of a connection. What travels on it is described in docs/PROTOCOL.md. A refused client that has offered the subprotocol `partita` is told why by a message, because browsers show pages nothing of a refused upgrade.",
      tags: ["Events"],
      security: [{ token: [] }, { ticket: [] }, {}],
      parameters: [
        ...partitionParameters("traceparent"),
        {
          name: "tenant",
          in: "query",
          description:
            "Whose partition it is, where the token comes as `connect.payload.token`; else the token says so.",
          schema: { type: "string", default: defaultTenant },
        },
      ],
      responses: {
        101: { description: "The connection is one of messages now.", headers: headers() },
        ...partitionRefusals("upgrade_expected", "too_many_connections"),
      },
    }),
    connects,
    async (c) => {
      if (!isUpgrade(c.req.raw)) {
        throw new Refused({ code: "upgrade_expected", detail: "This address is for WebSocket connections." });
      }
      const { identity, stub } = c.get("visitor");
      // What is inside the Worker is told by these headers, and by nobody from outside; the token stays here.
      const sent = new Headers(c.req.raw.headers);
      for (const name of [authorHeader, streamHeader, "authorization", "sec-websocket-protocol"]) sent.delete(name);
      if (identity.mode === "verified") sent.set(authorHeader, asciiJson(identity.author));
      if (identity.mode === "later") sent.set(authorHeader, tokenFollows);
      if (protocolsOf(c.req.raw).includes(subprotocol)) sent.set("sec-websocket-protocol", subprotocol);
      const request = new Request(c.req.raw, { headers: sent });
      const answer = await callObject(stub, (object) => object.fetch(request));
      const { status, webSocket, headers: given } = answer;
      if (!webSocket) {
        if (speaksOurs(c.req.raw)) return tellBySocket(await answer.json<Problem>());
        return new Response(answer.body, { status, headers: new Headers(given) });
      }
      // Headers of a response that was fetched cannot be added to.
      return new Response(null, { status, webSocket, headers: new Headers(given) });
    },
  );
}
