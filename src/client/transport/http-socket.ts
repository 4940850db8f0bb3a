// It must not import modules of the main bundle: bundlers would move those into a third file.
import { createParser } from "eventsource-parser";
import type { Problem } from "../../protocol/index.ts";
import type { Socket, SocketEvents } from "./ports.ts";

/** Limits for the frames of one request, in number and in UTF-16 units; one frame always fits. The server accepts more. */
const postFramesMax = 512;
const postUnitsMax = 128 * 1024;

/** The events of a connection without a WebSocket. */
interface HttpEvents extends SocketEvents {
  /** The connection was refused. `frame` is the message that the server would send on a WebSocket. */
  refused(frame: string): void;
}

/** Opens a connection without a WebSocket (docs/PROTOCOL.md, 11). `url` is the address of the WebSocket. */
export type OpenByHttp = (url: string, events: HttpEvents, protocols: readonly string[]) => Socket;

export const openByHttp: OpenByHttp = (url, events, protocols) => {
  const token = protocols.find((protocol) => protocol.startsWith("bearer."))?.slice("bearer.".length);
  return new HttpSocket(url.replace(/^ws/, "http").replace(/ws$/, "connection"), token, events);
};

/** Receives one endless response, and sends frames as requests, one at a time, so that their order is kept. */
class HttpSocket implements Socket {
  readonly #address: string;
  readonly #events: HttpEvents;
  readonly #abort = new AbortController();
  #token: string | undefined;
  #id = "";
  #waiting: string[] = [];
  /** How many frames have been sent. */
  #sent = 0;
  #posting = false;
  #over = false;

  constructor(address: string, token: string | undefined, events: HttpEvents) {
    this.#address = address;
    this.#token = token;
    this.#events = events;
    this.#listen().then(
      () => this.#lose(1006, "the stream has ended"),
      (error: unknown) => this.#lose(1006, String(error)),
    );
  }

  send(text: string): void {
    if (text.includes('"renew"')) this.#renew(text);
    this.#waiting.push(text);
    if (this.#posting || this.#over) return;
    this.#posting = true;
    // Frames of the same turn are sent together.
    queueMicrotask(() => this.#post().catch((error: unknown) => this.#lose(1006, String(error))));
  }

  close(): void {
    this.#over = true;
    this.#abort.abort();
  }

  async #listen(): Promise<void> {
    const response = await this.#request(this.#address, "");
    if (!response.ok || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      await this.#refused(response);
      return;
    }
    const decoder = new TextDecoder();
    const parser = createParser({ onEvent: ({ event, data }) => this.#take(event, data) });
    const reader = response.body!.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#over) return;
      parser.feed(decoder.decode(value, { stream: true }));
    }
  }

  #take(event: string | undefined, data: string): void {
    if (this.#over) return;
    if (event === undefined) {
      this.#events.received(data);
      return;
    }
    const message = JSON.parse(data) as { connectionId: string; code: number; reason: string };
    if (event === "connection") {
      this.#id = message.connectionId;
      this.#events.opened();
    } else if (event === "end") this.#lose(message.code, message.reason);
  }

  /** Reports a refused connection as an `error` message, as the server does on a WebSocket. */
  async #refused(response: Response): Promise<void> {
    const text = await response.text();
    // An older server does not know this route: during a deployment another server may answer next time.
    if (this.#over || response.status === 404 || response.headers.get("content-type") !== "application/problem+json")
      return;
    const problem = JSON.parse(text) as Problem;
    // This limit is only for connections over HTTP: a WebSocket may be accepted at once.
    if (problem.code === "too_many_connections") delete problem.retryAfter;
    const payload = { message: problem.detail, ...problem };
    this.#events.refused(JSON.stringify({ id: "e", type: "error", timestamp: problem.timestamp, payload }));
  }

  async #post(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#over) {
      const frames = this.#next();
      const before = this.#sent;
      this.#sent += frames.length;
      const response = await this.#request(`${this.#address}/${this.#id}`, JSON.stringify({ before, frames }));
      const text = await response.text();
      if (!response.ok) throw new Error(`answered ${response.status} ${text}`);
    }
    this.#posting = false;
  }

  #next(): string[] {
    let units = 0;
    let count = 0;
    while (count < this.#waiting.length && count < postFramesMax && units < postUnitsMax) {
      units += this.#waiting[count++]!.length;
    }
    return this.#waiting.splice(0, count);
  }

  #request(address: string, body: string): Promise<Response> {
    return fetch(address, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      body,
      signal: this.#abort.signal,
    });
  }

  /** A renewed token is also the token of the requests, starting with the one that renews it. */
  #renew(text: string): void {
    const { type, payload } = JSON.parse(text) as { type?: string; payload?: { token?: string } };
    if (type === "renew") this.#token = payload?.token;
  }

  #lose(code: number, reason: string): void {
    if (this.#over) return;
    this.close();
    this.#events.closed(code, reason);
  }
}
