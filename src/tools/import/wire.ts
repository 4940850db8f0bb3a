import type { IncomingMessage } from "node:http";
import { type RawData, WebSocket } from "ws";
import type { Problem, ServerMessage } from "../../protocol/index.ts";
import { protocolVersion } from "../../protocol/versions.ts";

/** How long the server may take to open a socket, and to answer a request. */
const answerMsMax = 30_000;
/** How long a close may take before the socket is torn down. */
const closeMsMax = 1_000;
/** How much of a refusal's body is read. */
const refusalCharsMax = 4_096;

/** A connection that could not be had, or is lost. */
export class WireError extends Error {
  override name = "WireError";
  /** Whether another attempt may succeed. */
  readonly retryable: boolean;
  /** The least pause before it, in ms. */
  readonly retryAfterMs: number;

  constructor(message: string, retryable: boolean, retryAfterMs = 0) {
    super(message);
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a connection tells its owner. */
export interface WireEvents {
  /** A message that answers no request. */
  message(message: ServerMessage): void;
  /** The connection has ended, and the owner did not close it. Comes once, and nothing after it. */
  lost(error: WireError): void;
}

/** Where the WebSocket of `partition` is. */
export function socketAddress(base: URL, partition: string): URL {
  const address = new URL(`v1/partitions/${encodeURIComponent(partition)}/ws`, base);
  address.protocol = base.protocol === "https:" ? "wss:" : "ws:";
  return address;
}

/** One connection to a partition: `connect` is done, messages go both ways. */
export class Wire {
  readonly #socket: WebSocket;
  readonly #events: WireEvents;
  readonly #opened = Promise.withResolvers<void>();
  readonly #waiting = new Map<string, PromiseWithResolvers<ServerMessage>>();
  #sent = 0;
  #connected = false;
  #ended = false;
  /** Names the log. */
  serverId = "";
  /** The last event when this connection was made. */
  head = 0;

  private constructor(address: URL, events: WireEvents) {
    this.#events = events;
    // Compression is negotiated by default, and costs more than it saves on one machine.
    this.#socket = new WebSocket(address, { perMessageDeflate: false, handshakeTimeout: answerMsMax });
    this.#socket.on("open", () => this.#opened.resolve());
    this.#socket.on("message", (data) => this.#receive(data));
    this.#socket.on("error", ({ message }) => this.#end(new WireError(`the connection failed: ${message}`, true)));
    this.#socket.on("close", (code) => this.#end(new WireError(`the connection was closed (${code})`, true)));
    this.#socket.on("unexpected-response", (_, response) => {
      void readRefusal(response).then((error) => this.#end(error));
    });
  }

  /**
   * Connects as `clientId`.
   *
   * @throws WireError where the server is not reached, or refuses.
   */
  static async open(address: URL, clientId: string, events: WireEvents): Promise<Wire> {
    const wire = new Wire(address, events);
    await wire.#opened.promise;
    const { type, payload } = await wire.request("connect", { clientId, version: protocolVersion });
    if (type !== "connected") throw new WireError(`connect was answered by ${type}`, false);
    wire.#connected = true;
    wire.serverId = payload.serverId;
    wire.head = payload.currentEventIndex;
    return wire;
  }

  /** Sends a message, and waits for nothing. Returns its id. */
  send(type: string, payload: object): string {
    const id = `m-${++this.#sent}`;
    this.#socket.send(JSON.stringify({ id, type, timestamp: Date.now(), payload }));
    return id;
  }

  /**
   * Sends a message, and waits for its answer.
   *
   * @throws WireError where the answer is an error or does not come in time, or the connection is lost.
   */
  async request(type: string, payload: object): Promise<ServerMessage> {
    const answer = Promise.withResolvers<ServerMessage>();
    const id = this.send(type, payload);
    this.#waiting.set(id, answer);
    const late = setTimeout(
      () => this.#end(new WireError(`${type} had no answer within ${answerMsMax / 1_000} s`, true)),
      answerMsMax,
    );
    try {
      return await answer.promise;
    } catch (error) {
      if (!this.#connected) this.close();
      throw error;
    } finally {
      clearTimeout(late);
      this.#waiting.delete(id);
    }
  }

  /** Ends the connection. Nothing is told after this. */
  close(): void {
    this.#ended = true;
    this.#socket.close();
    const tearDown = setTimeout(() => this.#socket.terminate(), closeMsMax);
    this.#socket.once("close", () => clearTimeout(tearDown));
  }

  #receive(data: RawData): void {
    if (this.#ended) return;
    let message: ServerMessage;
    try {
      message = JSON.parse(String(data)) as ServerMessage;
    } catch {
      this.#end(new WireError("the server sent what is no JSON", false));
      return;
    }
    const answer = "inReplyTo" in message ? this.#waiting.get(message.inReplyTo ?? "") : undefined;
    if (!answer) this.#events.message(message);
    else if (message.type === "error") answer.reject(errorOf(message.payload));
    else answer.resolve(message);
  }

  #end(error: WireError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.terminate();
    this.#opened.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    if (this.#connected) this.#events.lost(error);
  }
}

/** The failure that a problem document tells. */
export function errorOf({ code, detail, retryable, retryAfter = 0 }: Problem): WireError {
  return new WireError(`${code}: ${detail}`, retryable, retryAfter * 1_000);
}

async function readRefusal(response: IncomingMessage): Promise<WireError> {
  const { statusCode: status = 0, headers } = response;
  let body = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      body += chunk;
      if (body.length > refusalCharsMax) break;
    }
  } catch {
    // The status says enough.
  }
  const retryable = status === 429 || status >= 500;
  return new WireError(
    `the server refused the connection: ${status} ${body.slice(0, refusalCharsMax)}`,
    retryable,
    Number(headers["retry-after"] ?? 0) * 1_000,
  );
}
