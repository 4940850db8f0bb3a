import { endsConnection, type Problem } from "../protocol/index.ts";
import { closeCode } from "../wire/partita/close-codes.ts";
import { protocolsOf, subprotocol } from "./identity.ts";

/** The close code of an upgrade that was refused for another reason than a missing or bad token. */
const refusedClose = 4403;

/** Whether this asks for a WebSocket. */
export function isUpgrade(request: Request): boolean {
  return request.method === "GET" && request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Whether this is an upgrade of a client that speaks our subprotocol. */
export function speaksOurs(request: Request): boolean {
  return isUpgrade(request) && protocolsOf(request).includes(subprotocol);
}

/** Browsers show a page nothing of a refused upgrade: so the refusal is the one message of a socket that ends with it. */
export function tellBySocket(told: Problem): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const payload = { message: told.detail, ...told };
  server.send(JSON.stringify({ id: `e-${told.traceId}`, type: "error", timestamp: told.timestamp, payload }));
  server.close(endsConnection(told.code) ? closeCode(told.code) : refusedClose, "see the last message");
  return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": subprotocol } });
}
