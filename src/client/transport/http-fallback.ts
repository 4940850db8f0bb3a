// Loaded where WebSockets seem to be blocked, and only there.
import { openByHttp, type OpenByHttp } from "./http-socket.ts";
import type { Ports, Socket } from "./ports.ts";

type Open = Ports["open"];

/** Where it works without a WebSocket, that is tried first for so long. */
const againMs = 10 * 60 * 1_000;

/**
 * Opens by the WebSocket (`direct`), and where that fails at once by `http`, in the same attempt: so a
 * server that was away is found by the WebSocket again. Where the last WebSocket said nothing at all, or
 * `http` has worked a short while ago, it begins with that. Whatever does not open is not begun with next time.
 */
export function anyway(http: OpenByHttp, now: () => number): (direct: Open) => Open {
  const ways = new Map<string, { until: number; silent: boolean }>();
  return (direct) => (url, events, protocols) => {
    const way = ways.get(url) ?? { until: 0, silent: false };
    ways.set(url, way);
    const begins = way.silent || now() < way.until;
    way.until = 0;
    way.silent = false;
    let over = false;
    /** Whether anything came of the WebSocket. */
    let heard = begins;
    /** Whether it was given up for the other way. */
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
        // Some platforms say it twice.
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

/** For this platform. */
export const openAnyway = anyway(openByHttp, () => Date.now());
