import { broadcastChannel } from "./channel.ts";
import { noSocket, withFallback } from "./fallback.ts";
import { hexOf, type Ports, type Socket, type SocketEvents } from "./ports.ts";

/** The longest delay of `setTimeout`, 24.8 days: after a longer one it would run at once. */
const timerMsMax = 2 ** 31 - 1;

/** The ports of browsers, Node 22 and Workers. */
export const platformPorts: Ports = {
  now: () => Date.now(),
  after(ms, run) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number) => {
      timer = setTimeout(() => (leftMs > timerMsMax ? wait(leftMs - timerMsMax) : run()), Math.min(leftMs, timerMsMax));
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
  defer: (run) => queueMicrotask(run),
  random: () => Math.random(),
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  open: withFallback(openWebSocket, async () => (await import("./http-fallback.ts")).withHttpFallback),
  watch(reachability) {
    // In a file of its own: nothing waits for it. Without it, a client notices by its heartbeats.
    const watching = import("./watch.ts").then(
      ({ watch }) => watch(reachability),
      () => undefined,
    );
    return () => void watching.then((stop) => stop?.());
  },
  channel: broadcastChannel,
  async sha256(text) {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return hexOf(new Uint8Array(digest));
  },
};

function openWebSocket(url: string, events: SocketEvents, protocols: readonly string[]): Socket {
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, [...protocols]);
  } catch (error) {
    // For example `ws:` on a page of `https:`. For the client this is a server that it cannot reach.
    queueMicrotask(() => events.closed(1006, String(error)));
    return noSocket;
  }
  socket.addEventListener("open", () => events.opened());
  socket.addEventListener("message", ({ data }) => events.received(data));
  socket.addEventListener("close", ({ code, reason }) => events.closed(code, reason));
  // Node 22 emits no `close` if the connection fails.
  socket.addEventListener("error", () => events.closed(1006, "the connection failed"));
  return {
    send: (text) => socket.send(text),
    close: () => socket.close(),
  };
}
