import type { IncomingMessage } from "node:http";
import { type RawData, WebSocket } from "ws";
import type { Problem, ServerMessage } from "../../protocol/index.ts";
import { protocolVersion } from "../../protocol/versions.ts";

/** The time limit to open a socket, and to answer a request. */
const answerMsMax = 30_000;
/** The time limit of a close; then the socket is terminated. */
const closeMsMax = 1_000;
/** The most characters of a refusal's body that are read. */
const refusalCharsMax = 4_096;

/** A connection cannot be opened, or is lost. */
export class WireError extends Error {
  override name = "WireError";
  /** Whether another attempt may succeed. */
  readonly retryable: boolean;
  /** The minimum pause before that attempt, in ms. */
  readonly retryAfterMs: number;

  constructor(message: string, retryable: boolean, retryAfterMs = 0) {
    super(message);
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The events of a connection. */
export interface WireEvents {
  /** A message that is not the answer to a request. */
  message(message: ServerMessage): void;
  /** The connection has ended, and the owner did not close it. Called once, as the last event. */
  lost(error: WireError): void;
}

/** The URL of the WebSocket of `partition`. */
export function socketAddress(base: URL, partition: string): URL {
  const address = new URL(`v1/partitions/${encodeURIComponent(partition)}/ws`, base);
  address.protocol = base.protocol === "https:" ? "wss:" : "ws:";
  return address;
}

/** An open connection to a partition, after `connect`. */
export class Wire {
  readonly #socket: WebSocket;
  readonly #events: WireEvents;
  readonly #opened = Promise.withResolvers<void>();
  readonly #waiting = new Map<string, PromiseWithResolvers<ServerMessage>>();
  #sent = 0;
  #connected = false;
  #ended = false;
  /** The id of the log. */
  serverId = "";
  /** The last event when this connection opened. */
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
   * @throws WireError if the server cannot be reached, or refuses.
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

  /** Sends a message without waiting for an answer. Returns its id. */
  send(type: string, payload: object): string {
    const id = `m-${++this.#sent}`;
    this.#socket.send(JSON.stringify({ id, type, timestamp: Date.now(), payload }));
    return id;
  }

  /**
   * Sends a message, and waits for its answer.
   *
   * @throws WireError if the answer is an error or is late, or the connection is lost.
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

  /** Closes the connection. No event is emitted after this. */
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
      this.#end(new WireError("the server sent invalid JSON", false));
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

/** The error of a problem document. */
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
    // The status is enough.
  }
  const retryable = status === 429 || status >= 500;
  return new WireError(
    `the server refused the connection: ${status} ${body.slice(0, refusalCharsMax)}`,
    retryable,
    Number(headers["retry-after"] ?? 0) * 1_000,
  );
}
