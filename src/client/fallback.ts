import type { Ports, Socket } from "./ports.ts";

type Open = Ports["open"];

/** So many attempts in a row that never open, and it is tried without a WebSocket. */
const missesMax = 3;
/** Where that works, it is done for so long before WebSockets are tried again, when the next connection is made. */
const againMs = 10 * 60 * 1_000;

/** One that could not be opened. */
export const noSocket: Socket = { send() {}, close() {} };

/** Opens by `direct`, and where that is blocked by what `load` gives. */
export function withFallback(direct: Open, load: () => Promise<Open>, now: () => number): Open {
  const ways = new Map<string, { misses: number; until: number }>();
  return (url, events, protocols) => {
    const way = ways.get(url) ?? { misses: 0, until: 0 };
    ways.set(url, way);
    const settled = now() < way.until;
    // By turns, until one of them opens: it may be the server that cannot be reached.
    const indirect = settled || (way.misses >= missesMax && (way.misses - missesMax) % 2 === 0);
    if (!settled) way.misses++;
    const told = {
      ...events,
      opened() {
        way.misses = indirect ? missesMax + 1 : 0;
        if (indirect) way.until = now() + againMs;
        events.opened();
      },
    };
    if (!indirect) return direct(url, told, protocols);
    const socket = load()
      .then((open) => open(url, told, protocols))
      .catch((error: unknown) => {
        events.closed(1006, String(error));
        return noSocket;
      });
    return {
      send: (text) => void socket.then((it) => it.send(text)),
      close: () => void socket.then((it) => it.close()),
    };
  };
}
