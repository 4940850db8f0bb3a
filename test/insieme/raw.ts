import { type Lab, type Message, until } from "./lab.ts";

/** A connection without a client: each message as it is on the wire. */
export class Raw {
  readonly received: Message[] = [];
  /** Whether the server has closed it. */
  ended = false;
  readonly clientId: string;
  readonly projectId: string;
  readonly #socket: WebSocket;
  #sent = 0;

  private constructor(socket: WebSocket, clientId: string, projectId: string) {
    this.#socket = socket;
    this.clientId = clientId;
    this.projectId = projectId;
    socket.addEventListener("message", ({ data }) => this.received.push(JSON.parse(String(data))));
    socket.addEventListener("close", () => (this.ended = true));
  }

  static async open({ server, WebSocketImpl }: Lab, projectId: string, clientId: string): Promise<Raw> {
    const socket = new WebSocketImpl(server.address(projectId));
    const raw = new Raw(socket, clientId, projectId);
    await until(() => socket.readyState !== socket.CONNECTING);
    return raw;
  }

  /** Opens one, and connects it. */
  static async connected(lab: Lab, projectId: string, clientId: string): Promise<Raw> {
    const raw = await Raw.open(lab, projectId, clientId);
    const token = await lab.server.token({ clientId, projectId });
    const { type } = await raw.ask("connect", { token, clientId, projectId });
    if (type !== "connected") throw new Error(`connect was answered by ${type}`);
    return raw;
  }

  /** Sends a message, and returns its `msgId`. `more` replaces fields of the envelope. */
  send(type: string, payload: unknown, more: object = {}): string {
    const msgId = `raw-${++this.#sent}`;
    this.#socket.send(JSON.stringify({ type, protocolVersion: "1.0", msgId, timestamp: Date.now(), payload, ...more }));
    return msgId;
  }

  /** Sends text as it is. */
  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** Sends a message, and returns the answer to it. */
  async ask(type: string, payload: unknown, more: object = {}): Promise<Message> {
    const msgId = this.send(type, payload, more);
    const mine = (message: Message) => message.msgId === msgId;
    await until(() => this.received.some(mine));
    return this.received.find(mine);
  }

  /** Submits events, and returns their results. */
  async submit(...events: object[]): Promise<Message[]> {
    const { payload } = await this.ask("submit_events", { events });
    return payload.results;
  }

  /** An event as a client submits it. `more` replaces fields. */
  event(id: string, more: object = {}): Message {
    return {
      id,
      partition: "notes",
      projectId: this.projectId,
      type: "note.set",
      schemaVersion: 1,
      payload: { key: id, value: 1 },
      meta: { clientId: this.clientId, clientTs: 1_700_000_000_000 },
      ...more,
    };
  }

  async page(sinceCommittedId: number, limit?: number): Promise<Message> {
    const { payload } = await this.ask("sync", { projectId: this.projectId, sinceCommittedId, limit });
    return payload;
  }

  get broadcasts(): Message[] {
    return this.received.filter(({ type }) => type === "event_broadcast").map(({ payload }) => payload);
  }

  close(): void {
    this.#socket.close();
  }
}
