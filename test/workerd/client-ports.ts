import type { Ports } from "../../src/client/transport/ports.ts";

/** The ports of a Worker, where fetch opens sockets. */
export const workerPorts = (upgrade: (url: string, protocols: readonly string[]) => Promise<Response>): Ports => ({
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  defer: (run) => queueMicrotask(run),
  random: () => Math.random(),
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  open(url, events, protocols) {
    let socket: WebSocket | undefined;
    let over = false;
    const dial = async () => {
      const response = await upgrade(url.replace(/^ws/, "http"), protocols);
      socket = response.webSocket ?? undefined;
      socket?.accept();
      if (over) socket?.close();
      socket?.addEventListener("message", ({ data }) => events.received(data));
      socket?.addEventListener("close", ({ code, reason }) => events.closed(code, reason));
      if (socket) events.opened();
      else events.closed(1006, `answered ${response.status}`);
    };
    void dial();
    return {
      send: (text) => socket?.send(text),
      close: () => {
        over = true;
        socket?.close();
      },
    };
  },
  watch: () => () => {},
  async sha256(text) {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  },
});
