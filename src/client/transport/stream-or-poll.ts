// Loaded only if WebSockets seem to be blocked. It must not import modules of the main bundle.
import type { OpenByHttp } from "./http-socket.ts";
import type { Ports, Socket } from "./ports.ts";

/** A stream of which nothing arrives for this time, although the server has something to send, is held back by a proxy. */
const heldBackMs = 3_000;
/** The same for a stream that was given up before its first event: by an application that does not wait as long. */
const givenUpMs = 750;
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

type Events = Parameters<OpenByHttp>[1];
type Clock = Pick<Ports, "now" | "after">;

/**
 * Opens by a stream. Polls if the page has a stream to this server already, or if proxies on the way hold streams back until
 * they end: that shows by what the server sends at once, and does not arrive.
 */
export function streamOrPoll(stream: OpenByHttp, load: () => Promise<OpenByHttp>, clock: Clock): OpenByHttp {
  const servers = new Map<string, Server>();
  return (url, events, protocols) => {
    const { host } = new URL(url);
    const server = servers.get(host) ?? { polledUntil: 0, streams: 0 };
    servers.set(host, server);
    const poll = (given: Events) =>
      later(
        load().then((open) => open(url, given, protocols)),
        given,
      );
    if (server.streams >= streamsMax || clock.now() < server.polledUntil) return polled(server, events, poll);
    return new Streamed(server, events, clock, (given) => stream(url, given, protocols), poll);
  };
}

/** A connection that is polled. If it does not open, the next attempt begins with a stream. */
function polled(server: Server, events: Events, poll: (events: Events) => Socket): Socket {
  let works = false;
  return poll({
    ...events,
    opened() {
      works = true;
      events.opened();
    },
    closed(code, reason) {
      if (!works) server.polledUntil = 0;
      events.closed(code, reason);
    },
  });
}

/** A socket of which the code is being loaded. */
function later(loaded: Promise<Socket>, events: Events): Socket {
  const socket = loaded.catch((error: unknown) => {
    events.closed(1006, String(error));
    return undefined;
  });
  return {
    send: (text) => void socket.then((it) => it?.send(text)),
    close: () => void socket.then((it) => it?.close()),
  };
}

/** A connection by a stream, or by polling if the stream brings nothing. */
class Streamed implements Socket {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #cancel: () => void;
  #socket: Socket;
  /** When something was sent to which nothing has arrived yet. */
  #askedAt: number | undefined;
  #isStream = true;
  #opened = false;

  constructor(
    server: Server,
    events: Events,
    clock: Clock,
    stream: (events: Events) => Socket,
    poll: (events: Events) => Socket,
  ) {
    this.#server = server;
    this.#clock = clock;
    this.#askedAt = clock.now();
    server.streams++;
    this.#cancel = clock.after(heldBackMs, () => {
      this.close();
      this.#socket = polled(server, events, poll);
    });
    this.#socket = stream({
      opened: () => {
        this.#cancel();
        this.#opened = true;
        this.#askedAt = undefined;
        events.opened();
      },
      received: (frame) => {
        this.#askedAt = undefined;
        events.received(frame);
      },
      refused: (frame) => {
        this.#end();
        events.refused(frame);
      },
      closed: (code, reason) => {
        this.#end();
        events.closed(code, reason);
      },
    });
  }

  send(text: string): void {
    this.#askedAt ??= this.#clock.now();
    this.#socket.send(text);
  }

  close(): void {
    this.#end();
    this.#socket.close();
  }

  /** The stream ends. */
  #end(): void {
    if (!this.#isStream) return;
    this.#isStream = false;
    this.#cancel();
    this.#server.streams--;
    const now = this.#clock.now();
    const waitedMs = now - (this.#askedAt ?? now);
    if (waitedMs >= (this.#opened ? heldBackMs : givenUpMs)) this.#server.polledUntil = now + againMs;
  }
}
