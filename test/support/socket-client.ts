import { once } from "node:events";
import { WebSocket } from "ws";

/** A received message. */
// Tests look into messages of every type
export type Message = any;

/** A WebSocket of Node, and its received messages. */
export class SocketClient {
  readonly received: Message[] = [];
  /** The close code; undefined while open. */
  closed: number | undefined;
  readonly #socket: WebSocket;
  #waiting: (() => void)[] = [];
  #requests = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("message", (data) => {
      this.received.push(JSON.parse(String(data)));
      this.#wake();
    });
    socket.on("close", (code) => {
      this.closed = code;
      this.#wake();
    });
  }

  /** Connects; throws if the upgrade is refused. */
  static async open(server: URL, partition: string, headers: Record<string, string> = {}): Promise<SocketClient> {
    const address = new URL(`/v1/partitions/${partition}/ws`, server);
    address.protocol = "ws:";
    const socket = new WebSocket(address, { headers, perMessageDeflate: false });
    const client = new SocketClient(socket);
    await once(socket, "open");
    return client;
  }

  /** Sends `connect`, and returns the answer. */
  async connect(more: object): Promise<Message> {
    const id = `m${++this.#requests}`;
    const payload = { clientId: "c", version: "1", ...more };
    this.#socket.send(JSON.stringify({ id, type: "connect", timestamp: 1, payload }));
    const mine = (message: Message) => message.inReplyTo === id;
    while (!this.received.some(mine) && this.closed === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.received.find(mine);
  }

  end(): void {
    this.#socket.terminate();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
