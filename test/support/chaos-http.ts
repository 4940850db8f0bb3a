import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Meddler } from "./chaos-proxy.ts";

const anyPage = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, content-type",
};

/**
 * A proxy between clients and the server that blocks WebSockets: it drops upgrades. For connections over
 * HTTP, a meddler decides what happens to each event of the stream, and to each request with frames.
 */
export class ChaosHttp {
  /** The number of dropped upgrades. */
  upgrades = 0;
  /** The number of connections so far. */
  connections = 0;
  readonly #target: URL;
  readonly #server: Server;
  #meddlers: (connection: number) => Meddler;
  /** The number of polls so far. */
  polls = 0;
  readonly #holdsBack: boolean;
  #pollMeddler: Meddler | undefined;
  /** By the connection's id. */
  readonly #meddlersById = new Map<string, Meddler>();

  /** `holdsBack`: a stream is passed on when it has ended, and not before; the meddler decides what happens to each poll. */
  constructor(target: URL, meddlers: (connection: number) => Meddler, { holdsBack = false } = {}) {
    this.#target = target;
    this.#holdsBack = holdsBack;
    this.#meddlers = meddlers;
    this.#server = createServer((asked, answer) => {
      if (asked.method === "OPTIONS") answer.writeHead(204, anyPage).end();
      else if (asked.url!.endsWith("/connection")) this.#stream(asked, answer);
      else void this.#post(asked, answer);
    });
    this.#server.on("upgrade", (_, socket) => {
      this.upgrades++;
      socket.destroy();
    });
  }

  /** Where clients connect to, as `http://127.0.0.1:41234`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
  }

  /** From now on everything passes unchanged, on new connections: frames that the current ones hold are lost. */
  heal(): void {
    this.#meddlers = () => (frame) => ({ frames: [frame] });
    this.#pollMeddler = undefined;
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #stream(asked: IncomingMessage, answer: ServerResponse): void {
    const meddle = this.#meddlers(this.connections++);
    let heldBack = "";
    const write = (text: string) => {
      if (this.#holdsBack) heldBack += text;
      else answer.write(text);
    };
    const upstream = this.#forward(asked, "", (response) => {
      answer.writeHead(response.statusCode!, { ...response.headers, ...anyPage });
      if (!this.#holdsBack) answer.flushHeaders();
      let text = "";
      let queue = Promise.resolve();
      response.setEncoding("utf8").on("data", (piece: string) => {
        const events = (text + piece).split("\n\n");
        text = events.pop()!;
        for (const event of events) {
          const id = /"connectionId":"([^"]+)"/.exec(event)?.[1];
          if (id !== undefined) this.#meddlersById.set(id, meddle);
          queue = queue.then(() => (id === undefined ? pass(event) : write(`${event}\n\n`)));
        }
      });
      response.once("end", () => (queue = queue.then(() => void answer.end(heldBack))));
      response.once("error", () => answer.destroy());
    });
    upstream.on("error", () => answer.destroy());
    answer.once("close", () => upstream.destroy());
    const pass = async (event: string) => {
      const { frames, delayMs = 0, stallMs = 0, cut = false } = meddle(event, "down");
      if (cut) answer.destroy();
      await sleep(delayMs + stallMs);
      for (const frame of frames) write(`${frame}\n\n`);
    };
  }

  async #post(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    let body = "";
    for await (const piece of asked.setEncoding("utf8")) body += piece as string;
    const isPoll = asked.url!.endsWith("/v1/poll");
    if (isPoll) this.polls++;
    const meddle = isPoll
      ? (this.#pollMeddler ??= this.#meddlers(0))
      : this.#meddlersById.get(asked.url!.split("/").at(-1)!);
    const { frames, delayMs = 0, stallMs = 0, cut = false } = meddle?.(body, "up") ?? { frames: [body] };
    await sleep(delayMs + stallMs);
    // The server has accepted a request whose answer is lost.
    for (const frame of cut ? [body] : frames) {
      const last = frame === frames.at(-1);
      await new Promise<void>((resolve) => {
        this.#forward(asked, frame, (response) => {
          if (last && !cut && !answer.headersSent) {
            answer.writeHead(response.statusCode!, { ...response.headers, ...anyPage });
            response.pipe(answer);
          } else response.resume();
          response.once("close", resolve);
        }).once("error", () => resolve());
      });
    }
    if (cut || frames.length === 0) answer.destroy();
  }

  #forward(asked: IncomingMessage, body: string, answered: (response: IncomingMessage) => void) {
    const headers = { ...asked.headers, host: this.#target.host, "content-length": String(Buffer.byteLength(body)) };
    const forwarded = request(new URL(asked.url!, this.#target), { method: asked.method!, headers }, answered);
    forwarded.end(body);
    return forwarded;
  }
}
