import { limits } from "../protocol/index.ts";

/** Sends, and takes no harm where the socket has just closed: its peer will come back and sync. */
export function sendQuietly(ws: WebSocket, message: string): void {
  try {
    ws.send(message);
  } catch {
    // Platform fact: send after close throws, and getWebSockets() includes closing sockets.
  }
}

/** Closes, whatever state the socket is in. */
export function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  try {
    ws.close(code, reason.slice(0, limits.closeReasonLengthMax));
  } catch {
    // Closed already.
  }
}

/** Platform fact: 1005, 1006, 1015 and codes outside 1000–4999 cannot be sent; they become 1000. */
export function sendableCode(code: number): number {
  const reserved = code === 1004 || code === 1005 || code === 1006 || code === 1015;
  return code < 1000 || code > 4999 || reserved ? 1000 : code;
}
