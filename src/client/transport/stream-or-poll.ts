// Loaded only if WebSockets seem to be blocked. It must not import modules of the main bundle.
import type { OpenByHttp } from "./http-socket.ts";
import type { Ports, Socket } from "./ports.ts";

/** A stream of which nothing arrives for this time, although the server has something to send, is held back by a proxy. */
const heldBackMs = 3_000;
/** A server whose streams are held back is polled for this time, before a stream is tried again. */
const againMs = 10 * 60 * 1_000;
/** Streams of a page to one server. A browser opens six connections to a server over HTTP/1.1, for all its pages. */
const streamsMax = 1;

/** What is known of a server. */
interface Server {
  /** It is polled until then. */
  polledUntil: number;
  streams: number;
}

/**
 * Opens by a stream. Polls if the page has a stream to this server already, or if proxies on the way hold streams back until
 * they end: that shows by what the server sends at once, and does not arrive.
 */
export function streamOrPoll(
  stream: OpenByHttp,
  load: () => Promise<OpenByHttp>,
  { now, after }: Pick<Ports, "now" | "after">,
): OpenByHttp {
  const servers = new Map<string, Server>();
  return (url, events, protocols) => {
    const { host } = new URL(url);
    const server = servers.get(host) ?? { polledUntil: 0, streams: 0 };
    servers.set(host, server);
    let over = false;
    let socket: Socket | undefined;
    const poll = () => {
      let opened = false;
      const closed = (code: number, reason: string) => {
        // It cannot be polled: the next attempt begins with a stream.
        if (!opened) server.polledUntil = 0;
        events.closed(code, reason);
      };
      const opening = () => {
        opened = true;
        events.opened();
      };
      load()
        .then((open) => {
          if (!over) socket = open(url, { ...events, opened: opening, closed }, protocols);
        })
        .catch((error: unknown) => closed(1006, String(error)));
    };
    /** Ends the stream. */
    let end = () => {};
    if (server.streams >= streamsMax || now() < server.polledUntil) poll();
    else {
      server.streams++;
      /** When a frame was sent to which nothing has arrived yet. */
      let askedAt: number | undefined = now();
      let opened = false;
      let ended = false;
      end = () => {
        if (ended) return;
        ended = true;
        cancel();
        server.streams--;
        if (askedAt !== undefined && now() - askedAt >= heldBackMs) server.polledUntil = now() + againMs;
      };
      const cancel = after(heldBackMs, () => {
        if (opened) return;
        end();
        socket!.close();
        poll();
      });
      const first = stream(
        url,
        {
          opened() {
            opened = true;
            askedAt = undefined;
            events.opened();
          },
          received(frame) {
            askedAt = undefined;
            events.received(frame);
          },
          refused(frame) {
            end();
            events.refused(frame);
          },
          closed(code, reason) {
            end();
            events.closed(code, reason);
          },
        },
        protocols,
      );
      socket = {
        send(text) {
          askedAt ??= now();
          first.send(text);
        },
        close: () => first.close(),
      };
    }
    return {
      send: (text) => socket?.send(text),
      close() {
        over = true;
        end();
        socket?.close();
      },
    };
  };
}
