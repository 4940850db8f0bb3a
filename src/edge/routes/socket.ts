import { authorHeader, internalHeaders, tokenFollows } from "../../platform/rpc.ts";
import { describeRoute } from "hono-openapi";
import { defaultTenant } from "../../identity/verify.ts";
import type { Problem } from "../../protocol/index.ts";
import { asciiJson } from "../../platform/ascii.ts";
import { callObject } from "../../platform/call.ts";
import { headers, partitionParameters, partitionRefusals } from "../document/parts.ts";
import type { Edge } from "../env.ts";
import { protocolsOf, subprotocol } from "../identity.ts";
import { Refused } from "../refused.ts";
import { isUpgrade, offersSubprotocol, sendProblemBySocket } from "../upgrade.ts";
import type { Guards } from "../guards.ts";

export function socketRoutes(app: Edge, { requireConnect }: Guards): void {
  app.get(
    "/v1/partitions/:partition/ws",
    describeRoute({
      operationId: "connect",
      summary: "Connect by a WebSocket",
      description:
        "The upgrade of a connection. docs/PROTOCOL.md describes its messages. A refused client that offers the subprotocol `partita` receives the problem as a message, because browsers hide the response of a refused upgrade from pages.",
      tags: ["Events"],
      security: [{ token: [] }, { ticket: [] }, {}],
      parameters: [
        ...partitionParameters("traceparent"),
        {
          name: "tenant",
          in: "query",
          description:
            "The tenant of the partition, if `connect.payload.token` carries the token. Otherwise the token names the tenant.",
          schema: { type: "string", default: defaultTenant },
        },
      ],
      responses: {
        101: { description: "The WebSocket is open.", headers: headers() },
        ...partitionRefusals("upgrade_expected", "too_many_connections"),
      },
    }),
    requireConnect,
    async (c) => {
      if (!isUpgrade(c.req.raw)) {
        throw new Refused({ code: "upgrade_expected", detail: "This address is for WebSocket connections." });
      }
      const { identity, stub } = c.get("partitionAccess");
      // Only the Worker sets the internal headers. The token does not go to the object.
      const sent = new Headers(c.req.raw.headers);
      for (const name of [...internalHeaders, "authorization", "sec-websocket-protocol"]) sent.delete(name);
      if (identity.mode === "verified") sent.set(authorHeader, asciiJson(identity.author));
      if (identity.mode === "later") sent.set(authorHeader, tokenFollows);
      if (protocolsOf(c.req.raw).includes(subprotocol)) sent.set("sec-websocket-protocol", subprotocol);
      // A ticket is used up now. It still has no place in what the platform records of the object's request.
      const address = new URL(c.req.url);
      address.searchParams.delete("ticket");
      const request = new Request(new Request(address, c.req.raw), { headers: sent });
      const answer = await callObject(stub, (object) => object.connect(request));
      const { status, webSocket, headers: given } = answer;
      if (!webSocket) {
        if (offersSubprotocol(c.req.raw)) return sendProblemBySocket(await answer.json<Problem>());
        return new Response(answer.body, { status, headers: new Headers(given) });
      }
      // The headers of a fetched response are read-only.
      return new Response(null, { status, webSocket, headers: new Headers(given) });
    },
  );
}
