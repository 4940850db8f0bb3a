import { authorHeader, tokenFollows } from "../../platform/rpc.ts";
import type { Problem } from "../../protocol/index.ts";
import { asciiJson } from "../../platform/ascii.ts";
import { callObject } from "../../platform/call.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { protocolsOf, subprotocol } from "../identity.ts";
import { Refused } from "../refused.ts";
import { isUpgrade, offersSubprotocol, sendProblemBySocket } from "../upgrade.ts";
import type { Guards } from "../guards.ts";
import { headers as table, internalHeaders } from "../../protocol/headers.ts";

export function socketRoutes(app: Edge, { requireConnect }: Guards): void {
  app.get("/v1/partitions/:partition/ws", requireConnect, async (c) => {
    assertUpgrade(c);
    const { identity } = c.get("partitionAccess");
    const sent = headersOf(c);
    if (identity.mode === "verified") sent.set(authorHeader, asciiJson(identity.author));
    if (identity.mode === "later") sent.set(authorHeader, tokenFollows);
    if (protocolsOf(c.req.raw).includes(subprotocol)) sent.set("sec-websocket-protocol", subprotocol);
    return await upgrade(c, sent);
  });
}

/** @throws Refused where the request is no upgrade. */
export function assertUpgrade(c: EdgeContext): void {
  if (isUpgrade(c.req.raw)) return;
  throw new Refused({ code: "upgrade_expected", detail: "This address is for WebSocket connections." });
}

/** The headers of the request, for the object: only the Worker sets the internal ones, and the token does not go to the object. */
export function headersOf(c: EdgeContext): Headers {
  const sent = new Headers(c.req.raw.headers);
  for (const name of [...internalHeaders, table.authorization.name, table.subprotocol.name]) sent.delete(name);
  return sent;
}

/** Has the object of the partition accept the upgrade, with these headers. */
export async function upgrade(c: EdgeContext, sent: Headers): Promise<Response> {
  const { stub } = c.get("partitionAccess");
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
}
