import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What passes at once: about two packets, so that a message arrives as on a slow line, and not in one piece. */
const pieceBytes = 4 * 1024;

/** A slow line to a server: what comes back passes at a bounded rate, for all connections together. */
export class ThrottledProxy {
  readonly #target: URL;
  readonly #bytesPerSecond: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #bytes = 0;
  /** When the line is free again, in milliseconds of `performance.now`. */
  #freeAt = 0;

  constructor(target: URL, bytesPerSecond: number) {
    this.#target = target;
    this.#bytesPerSecond = bytesPerSecond;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server!.address() as AddressInfo).port}`;
  }

  /** How much has come back so far. */
  get bytes(): number {
    return this.#bytes;
  }

  async start(): Promise<void> {
    this.#server = createServer((client) => {
      const server = connect(Number(this.#target.port), this.#target.hostname);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket));
        // The other side is closed below.
        socket.on("error", () => {});
      }
      client.pipe(server);
      client.on("close", () => server.destroy());
      void this.#pass(server, client);
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Ends the current connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    const closed = once(this.#server!, "close");
    this.#server!.close();
    await closed;
  }

  async #pass(from: Socket, to: Socket): Promise<void> {
    try {
      // Reading waits for the line: so the server sees that it is slow.
      for await (const chunk of from) {
        const bytes = chunk as Buffer;
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          const piece = bytes.subarray(at, at + pieceBytes);
          const now = performance.now();
          this.#freeAt = Math.max(this.#freeAt, now) + (piece.length / this.#bytesPerSecond) * 1_000;
          await sleep(this.#freeAt - now);
          if (to.destroyed) return;
          to.write(piece);
          this.#bytes += piece.length;
        }
      }
    } catch {
      // The connection was cut.
    }
    to.destroy();
  }
}
