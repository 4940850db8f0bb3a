import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

/** The body of an answer, or the payload of a message. */
// Tests look into answers of every kind
type Body = any;

/** What a buyer knows of its draft, in the words of both wires. */
export interface Verdict {
  readonly accepted: boolean;
  /** The event id of what was accepted. */
  readonly eventId: number | undefined;
  /** The codes of what its rules objected to. */
  readonly reasons: readonly string[];
}

/** Somebody who reserves one unit. */
export interface Buyer {
  /** The draft id, and the id of the hold. */
  readonly key: string;
  readonly draft: { readonly type: string; readonly payload: object };
  readonly token: string;
}

/** Long, because the machine may be busy. */
const answerMs = 200_000;
/** Between two attempts at what could not be decided yet, in milliseconds. */
const retryMs = 200;

/** An answer over HTTP. */
interface Answer {
  readonly status: number;
  readonly body: Body;
}

/**
 * A connection that sends the requests of some buyers in one piece, and reads nothing until it is asked to. Several
 * share one, because a process has a limited number of open files, of which workerd needs two for each connection.
 */
export class HttpLine {
  readonly #server: URL;
  readonly #waiting: { write: string; answered: (answer: Answer | undefined) => void }[] = [];
  #socket: Socket | undefined;

  constructor(server: URL) {
    this.#server = server;
  }

  /** Adds a request, before `send`. Returns its answer, or undefined where the connection has ended before. */
  add(write: string): Promise<Answer | undefined> {
    return new Promise((answered) => this.#waiting.push({ write, answered }));
  }

  /** Connects and writes all requests. */
  async send(): Promise<void> {
    const socket = connect(Number(this.#server.port), this.#server.hostname);
    socket.on("error", () => {});
    socket.pause();
    socket.once("close", () => this.#answer(undefined));
    this.#socket = socket;
    await new Promise((resolve) => {
      socket.once("close", resolve);
      socket.write(this.#waiting.map(({ write }) => write).join(""), resolve);
    });
  }

  /** Reads the answers. */
  read(): void {
    let text = "";
    this.#socket!.setEncoding("utf8");
    this.#socket!.on("data", (piece) => {
      text += String(piece);
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))![1]);
        const after = end + 4 + length;
        if (text.length < after) return;
        const answer = { status: Number(text.slice(9, 12)), body: JSON.parse(text.slice(end + 4, after)) };
        text = text.slice(after);
        this.#waiting.shift()!.answered(answer);
      }
      if (this.#waiting.length === 0) this.leave();
    });
    this.#socket!.resume();
  }

  /** Ends the connection, without a look at what has not come. */
  leave(): void {
    this.#socket?.destroy();
  }

  #answer(none: undefined): void {
    for (const { answered } of this.#waiting.splice(0)) answered(none);
  }
}

/** A buyer who sends a request. */
export class HttpBuyer {
  readonly #buyer: Buyer;
  readonly #address: URL;
  readonly #first: Promise<Answer | undefined>;

  /** `line`: of its first request. */
  constructor(buyer: Buyer, server: URL, partition: string, line: HttpLine) {
    this.#buyer = buyer;
    this.#address = new URL(`/v1/partitions/${partition}/events`, server);
    const body = JSON.stringify(buyer.draft);
    const lines = [
      `POST ${this.#address.pathname} HTTP/1.1`,
      `Host: ${this.#address.host}`,
      `Authorization: Bearer ${buyer.token}`,
      `Idempotency-Key: ${buyer.key}`,
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.#first = line.add(`${lines.join("\r\n")}\r\n\r\n${body}`);
  }

  /** Waits for the answer, and asks again while nothing was decided. */
  async verdict(): Promise<Verdict> {
    return verdictOf(await this.#first) ?? (await this.again());
  }

  /** Sends the same once more, until it is decided. */
  async again(): Promise<Verdict> {
    const { token, key, draft } = this.#buyer;
    for (const until = Date.now() + answerMs; Date.now() < until; await sleep(retryMs)) {
      const response = await fetch(this.#address, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
        body: JSON.stringify(draft),
      }).catch(() => undefined);
      if (!response) continue;
      const verdict = verdictOf({ status: response.status, body: await response.json() });
      if (verdict) return verdict;
    }
    throw new Error(`${key} got no verdict`);
  }
}

function verdictOf(answer: Answer | undefined): Verdict | undefined {
  if (answer?.status === 201) return { accepted: true, eventId: answer.body.eventId, reasons: [] };
  if (answer?.status !== 422) return undefined;
  return { accepted: false, eventId: undefined, reasons: reasonsOf(answer.body) };
}

function reasonsOf(problem: Body): string[] {
  return (problem.errors as { code: string }[]).map(({ code }) => code);
}

/** A buyer on a WebSocket. */
export class SocketBuyer {
  readonly #buyer: Buyer;
  readonly #address: URL;
  #socket: WebSocket | undefined;
  #verdict: Verdict | undefined;
  /** Whether the last answer says that nothing was decided. */
  #refused = false;
  #wake = () => {};

  constructor(buyer: Buyer, server: URL, partition: string) {
    this.#buyer = buyer;
    this.#address = new URL(`/v1/partitions/${partition}/ws`, server);
    this.#address.protocol = "ws:";
  }

  /** Connects, without the events of the log: a buyer asks for its verdict only. */
  async open(): Promise<void> {
    const headers = { authorization: `Bearer ${this.#buyer.token}` };
    const socket = new WebSocket(this.#address, { headers, perMessageDeflate: false });
    socket.on("error", () => {});
    const closed = new Promise<never>((_, reject) =>
      socket.once("close", () => reject(new Error("the connection ended"))),
    );
    closed.catch(() => {});
    await Promise.race([once(socket, "open"), closed]);
    const connected = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        const { type, payload } = JSON.parse(String(data)) as { type: string; payload: Body };
        if (type === "connected") resolve();
        this.#received(type, payload);
      });
    });
    socket.send(message("connect", { clientId: this.#buyer.key, version: "1", echo: false }));
    await Promise.race([connected, closed]);
    socket.once("close", () => this.#wake());
    this.#socket = socket;
  }

  async send(): Promise<void> {
    const { key, draft } = this.#buyer;
    this.#refused = false;
    this.#socket?.send(message("submit_event", { draftId: key, event: draft }));
  }

  leave(): void {
    this.#socket?.terminate();
    this.#socket = undefined;
  }

  /** Waits for the verdict; connects and sends again where the connection has ended, or nothing was decided. */
  async verdict(): Promise<Verdict> {
    for (const until = Date.now() + answerMs; Date.now() < until;) {
      if (this.#verdict) return this.#verdict;
      if (!this.#socket || this.#socket.readyState !== WebSocket.OPEN) {
        await this.open().catch(() => sleep(retryMs));
        await this.send();
      } else if (this.#refused) await this.send();
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(retryMs)]);
    }
    throw new Error(`${this.#buyer.key} got no verdict`);
  }

  /** Sends the same once more, and waits for the answer to that. */
  async again(): Promise<Verdict> {
    this.#verdict = undefined;
    await this.send();
    return await this.verdict();
  }

  #received(type: string, payload: Body): void {
    if (payload.draftId !== this.#buyer.key) return;
    if (type === "event_accepted") this.#verdict = { accepted: true, eventId: payload.eventId, reasons: [] };
    else if (type === "error") this.#refused = true;
    else if (type === "event_rejected") {
      this.#verdict = { accepted: false, eventId: undefined, reasons: reasonsOf(payload) };
    } else return;
    this.#wake();
  }
}

function message(type: string, payload: object): string {
  return JSON.stringify({ id: type, type, timestamp: Date.now(), payload });
}
