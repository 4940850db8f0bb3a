import type { Ports, Socket } from "./ports.ts";

type Open = Ports["open"];

/** So many attempts in a row that never open, and what is loaded then looks for another way. */
const missesMax = 3;

/** One that could not be opened. */
export const noSocket: Socket = { send() {}, close() {} };

/** Opens by `direct`; where that did not open several times, by what `load` makes of it. */
export function withFallback(direct: Open, load: () => Promise<(direct: Open) => Open>): Open {
  const misses = new Map<string, number>();
  return (url, events, protocols) => {
    const count = misses.get(url) ?? 0;
    misses.set(url, count + 1);
    const counted: Open = (at, told, offered) => {
      const opened = () => {
        misses.delete(url);
        told.opened();
      };
      return direct(at, { ...told, opened }, offered);
    };
    if (count < missesMax) return counted(url, events, protocols);
    const socket = load()
      .then((anyway) => anyway(counted)(url, events, protocols))
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
