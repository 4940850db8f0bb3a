import { bounds } from "../protocol/index.ts";
import type { Carrier } from "../shell/connection.ts";

/** The carrier of a hibernating WebSocket. */
export function socketCarrier(ws: WebSocket, ctx: DurableObjectState): Carrier {
  return {
    send(frame) {
      try {
        ws.send(frame);
      } catch {
        // Platform fact: send after close throws, and getWebSockets() includes closing sockets. The peer reconnects and syncs.
      }
    },
    end(code, reason) {
      // Otherwise the socket would be restored after hibernation, as long as its peer has not answered.
      ws.serializeAttachment(null);
      closeQuietly(ws, code, reason);
    },
    save: (attachment) => ws.serializeAttachment(attachment),
    lastSignOfLife: () => ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0,
  };
}

/**
 * Answers a Close, unless the platform has done so: then the socket is closed.
 *
 * Platform fact: since 2026-04-07 (`web_socket_auto_reply_to_close`) the platform answers, but workerd of September 2026
 * does not for hibernating sockets; without an answer the client waits out its own timeout.
 */
export function answerClose(ws: WebSocket, code: number, reason: string): void {
  if (ws.readyState !== WebSocket.READY_STATE_CLOSED) closeQuietly(ws, sendableCode(code), reason);
}

/** Closes, whatever state the socket is in. */
function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  try {
    ws.close(code, reason.slice(0, bounds.closeReasonLengthMax));
  } catch {
    // Closed already.
  }
}

/** Platform fact: 1005, 1006, 1015 and codes outside 1000–4999 cannot be sent; they become 1000. */
function sendableCode(code: number): number {
  const reserved = code === 1004 || code === 1005 || code === 1006 || code === 1015;
  return code < 1000 || code > 4999 || reserved ? 1000 : code;
}
