import { endsConnection, type Problem } from "../protocol/index.ts";
import { closeCode } from "../wire/partita/close-codes.ts";
import { protocolsOf, subprotocol } from "./identity.ts";

/** The close code of a refused upgrade whose problem has no close code of its own. */
const refusedClose = 4403;

/** Whether this request is a WebSocket upgrade. */
export function isUpgrade(request: Request): boolean {
  return request.method === "GET" && request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Whether this is an upgrade that offers the subprotocol of the server. */
export function offersSubprotocol(request: Request): boolean {
  return isUpgrade(request) && protocolsOf(request).includes(subprotocol);
}

/**
 * Accepts the upgrade, sends the problem as the only message, and closes the socket: a browser shows a page nothing of
 * a refused upgrade.
 */
export function sendProblemBySocket(problem: Problem): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const payload = { message: problem.detail, ...problem };
  server.send(JSON.stringify({ id: `e-${problem.traceId}`, type: "error", timestamp: problem.timestamp, payload }));
  server.close(endsConnection(problem.code) ? closeCode(problem.code) : refusedClose, "see the last message");
  return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": subprotocol } });
}
