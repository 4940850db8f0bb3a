// Loaded only if WebSockets seem to be blocked.
import { openByHttp, type OpenByHttp } from "./http-socket.ts";
import type { Ports, Socket } from "./ports.ts";
import { streamOrPoll } from "./stream-or-poll.ts";

type Open = Ports["open"];

/** After HTTP has worked, it is tried first for this time. */
const againMs = 10 * 60 * 1_000;

/**
 * Opens a WebSocket (`direct`), and if that fails, opens by `http` in the same attempt: so a server that
 * was unreachable gets its WebSocket back. It begins with `http` if the last WebSocket neither opened nor
 * failed, or if `http` has worked recently. If `http` then does not open, the next attempt begins with
 * the WebSocket.
 */
export function httpFallback(http: OpenByHttp, now: () => number): (direct: Open) => Open {
  const ways = new Map<string, { until: number; silent: boolean }>();
  return (direct) => (url, events, protocols) => {
    const way = ways.get(url) ?? { until: 0, silent: false };
    ways.set(url, way);
    const begins = way.silent || now() < way.until;
    way.until = 0;
    way.silent = false;
    let over = false;
    /** Whether the WebSocket has opened or failed. */
    let heard = begins;
    /** Whether `http` has replaced the WebSocket. */
    let left = false;
    let socket: Socket;
    const indirect = () => {
      const opened = () => {
        way.until = now() + againMs;
        events.opened();
      };
      const refused = (frame: string) => {
        events.opened();
        events.received(frame);
      };
      return http(url, { ...events, opened, refused }, protocols);
    };
    if (begins) socket = indirect();
    else {
      const opened = () => {
        heard = true;
        way.until = 0;
        events.opened();
      };
      const closed = (code: number, reason: string) => {
        // Some platforms report it twice.
        if (left) return;
        left = !heard && !over;
        if (left) socket = indirect();
        else events.closed(code, reason);
        heard = true;
      };
      socket = direct(url, { ...events, opened, closed }, protocols);
    }
    return {
      send: (text) => socket.send(text),
      close: () => {
        over = true;
        way.silent ||= !heard;
        socket.close();
      },
    };
  };
}

/** The fallback for this platform. */
export const withHttpFallback = httpFallback(
  streamOrPoll(openByHttp, async () => (await import("./polling.ts")).openByPolling, {
    now: () => Date.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  }),
  () => Date.now(),
);
