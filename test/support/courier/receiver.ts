import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** A message that has arrived, with a valid signature. */
interface Arrived {
  id: string;
  body: { type: string; partition?: string; data: { n: number; challenge?: string } };
}

type Behave = (arrived: Arrived, response: ServerResponse, request: IncomingMessage) => void;

/** An endpoint on this machine that verifies and deduplicates, and behaves as a test says. */
export class TestReceiver {
  /** Every arrival, in order. */
  readonly arrived: string[] = [];
  /** The ids in the order of their first arrival: what a receiver works on. */
  readonly effects = new Set<string>();
  readonly unsigned: string[] = [];
  secret: string | undefined;
  /** What it does with a message that is not a challenge; it may answer it or not. */
  behave: Behave = (_, response) => void response.writeHead(204).end();
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => void this.#receive(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks`;
  }

  async start(): Promise<void> {
    await once(this.#server.listen(this.#port, "127.0.0.1"), "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends it with its connections; it can be started again at the same address. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString();
    const arrived: Arrived = { id: String(request.headers["webhook-id"]), body: JSON.parse(text) };
    // The first message is the challenge, and the test gets the secret before it.
    try {
      new Webhook(this.secret!).verify(text, request.headers as Record<string, string>);
    } catch {
      this.unsigned.push(arrived.id);
      response.writeHead(401).end();
      return;
    }
    const { challenge } = arrived.body.data;
    if (challenge !== undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ challenge }));
      return;
    }
    this.arrived.push(arrived.id);
    this.behave(arrived, response, request);
  }

  /** Works on a message, once. */
  take({ id }: Arrived): void {
    this.effects.add(id);
  }
}
