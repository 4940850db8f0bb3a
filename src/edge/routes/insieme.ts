import { authorHeader, dialectHeader, tokenFollows } from "../../platform/rpc.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { protocolsOf } from "../identity.ts";
import { assertUpgrade, headersOf, upgrade } from "./socket.ts";

/** The name of the dialect that clients of the published package `insieme` speak. */
const insieme = "insieme";

/** The connections of clients of the package `insieme`. */
export function insiemeRoutes(app: Edge, { requireConnect }: Guards): void {
  app.get("/insieme/:partition", requireConnect, async (c) => {
    assertUpgrade(c);
    const { identity } = c.get("partitionAccess");
    const sent = headersOf(c);
    sent.set(dialectHeader, insieme);
    // These clients always send a token with `connect`: it says who they are, whatever came with the upgrade.
    if (identity.mode !== "open") sent.set(authorHeader, tokenFollows);
    // A browser fails a connection of which none of its subprotocols is selected; their own server selects the first.
    const [offered] = protocolsOf(c.req.raw);
    if (offered) sent.set("sec-websocket-protocol", offered);
    return await upgrade(c, sent);
  });
}
