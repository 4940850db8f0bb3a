import type { Ports, Socket } from "./ports.ts";

type Open = Ports["open"];

/** After this many attempts in a row that did not open, the fallback is loaded. */
const missesMax = 3;

/** A socket that could not be opened. */
export const noSocket: Socket = { send() {}, close() {} };

/** Opens by `direct`. If that failed several times, opens by the fallback that `load` returns, if it can be loaded. */
export function withFallback(direct: Open, load: () => Promise<(direct: Open) => Open>): Open {
  const misses = new Map<string, number>();
  return (url, events, protocols) => {
    const count = misses.get(url) ?? 0;
    misses.set(url, count + 1);
    const counted: Open = (at, events, offered) => {
      const opened = () => {
        misses.delete(url);
        events.opened();
      };
      return direct(at, { ...events, opened }, offered);
    };
    if (count < missesMax) return counted(url, events, protocols);
    // A browser that could not load a file once, as from a server that was away, does not load it again: the direct way is left.
    const socket = load()
      .catch(() => (open: Open) => open)
      .then((fallback) => fallback(counted)(url, events, protocols))
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
