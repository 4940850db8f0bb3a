import { SELF } from "cloudflare:test";

/** A received message. */
// Tests look into messages of every type
export type Message = any;

let names = 0;
/** A partition name that no other test uses: storage is isolated per file, not per test. */
export const fresh = (prefix = "room"): string => `${prefix}-${++names}-${crypto.randomUUID().slice(0, 8)}`;

/** A real WebSocket to a partition, through the Worker. */
export class Wire {
  readonly frames: string[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #socket: WebSocket;
  #requests = 0;
  #waiting: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      this.frames.push(data as string);
      this.#wake();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
      this.#wake();
    });
  }

  static async open(partition: string, headers: Record<string, string> = {}): Promise<Wire> {
    const response = await SELF.fetch(`http://127.0.0.1/v1/partitions/${partition}/ws`, {
      headers: { upgrade: "websocket", ...headers },
    });
    if (!response.webSocket) throw new Error(`no upgrade: ${response.status} ${await response.text()}`);
    return new Wire(response.webSocket);
  }

  static async connected(partition: string, clientId = "a", more: object = {}): Promise<Wire> {
    const wire = await Wire.open(partition);
    await wire.ask("connect", { clientId, version: "0.0.8", ...more });
    return wire;
  }

  raw(frame: string | ArrayBuffer): void {
    this.#socket.send(frame);
  }

  /** Sends a frame, and returns the next message. */
  async say(frame: string | ArrayBuffer): Promise<Message> {
    const before = this.frames.length;
    this.raw(frame);
    return JSON.parse(await this.#frame(before)) as Message;
  }

  /** Sends a request, and returns the message that replies to it. */
  async ask(type: string, payload: object): Promise<Message> {
    const id = `m-${++this.#requests}`;
    this.raw(JSON.stringify({ id, type, timestamp: Date.now(), payload }));
    return await this.message((message) => message.inReplyTo === id);
  }

  /** Submits a draft, and returns its verdict, or the error for it. */
  async submit(draftId: string, type: string, payload: unknown, more: object = {}): Promise<Message> {
    const before = this.frames.length;
    const frame = { id: `m-${++this.#requests}`, type: "submit_event", timestamp: Date.now() };
    this.raw(JSON.stringify({ ...frame, payload: { draftId, event: { type, payload, ...more } } }));
    return await this.message((message) => message.payload.draftId === draftId, before);
  }

  /** Waits for the first message from frame `from` on that matches. */
  async message(fits: (message: Message) => boolean, from = 0): Promise<Message> {
    for (let at = from; ; at++) {
      const message = JSON.parse(await this.#frame(at)) as Message;
      if (fits(message)) return message;
    }
  }

  /** Waits until `holds` returns true; checks after every frame. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#change();
  }

  async #frame(at: number): Promise<string> {
    while (this.frames.length <= at) await this.#change();
    return this.frames[at]!;
  }

  async closing(): Promise<{ code: number; reason: string }> {
    while (!this.closed) await this.#change();
    return this.closed;
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** An HTTP request to the Worker. */
export const http = (path: string, init?: RequestInit): Promise<Response> =>
  SELF.fetch(`http://127.0.0.1${path}`, init);
