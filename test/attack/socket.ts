import { once } from "node:events";
import { WebSocket } from "ws";
import type { Principal } from "./tokens.ts";

/** The start of an answer is enough to know its kind; the rest of a large one is not parsed, which would delay the others. */
const headBytes = 400;
const head = (data: Buffer): string => data.subarray(0, headBytes).toString("latin1");
/** The code of these can be anywhere. */
const wholeKinds = ['"events_result"', '"event_rejected"', '"type":"error"'];
/** An answer that takes longer is none. */
const answerMsMax = 20_000;

/** How often each answer came: the code of a refusal or rejection, else the type of the message, or the status. */
export type Answers = Record<string, number>;

export function count(answers: Answers, answer: string): void {
  answers[answer] = (answers[answer] ?? 0) + 1;
}

/** The code of a problem in the text of an answer, or the type of the message. */
function kindOf(text: string): string {
  const [, type] = /"type":"([a-z_]+)"/.exec(text) ?? [];
  if (type !== "event_rejected" && type !== "error" && type !== "events_result") return type ?? "?";
  const codes = [...text.matchAll(/"code":"([a-z_]+)"/g)].map(([, code]) => code!);
  if (type === "events_result" && codes.length === 0) return text.includes('"accepted"') ? "accepted" : "?";
  return codes[0] ?? type;
}

/** What was sent and received. A connection that is opened is a request. */
export interface Traffic {
  requests: number;
  sentBytes: number;
  receivedBytes: number;
}

/** The server that is attacked. */
interface Attacked {
  url: URL;
  traffic: Traffic;
}

/** A connection of an attacker: it can stop reading, and counts what comes. */
export class AttackSocket {
  readonly #ws: WebSocket;
  readonly #traffic: Traffic;
  answers: Answers = {};
  /** The close code; undefined while it is open. */
  closed: number | undefined;
  /** The last event that it has heard of. */
  head = 0;
  #received = 0;
  #frames = 0;
  #wake: () => void = () => {};

  private constructor(ws: WebSocket, traffic: Traffic) {
    this.#ws = ws;
    this.#traffic = traffic;
    traffic.requests++;
    ws.on("error", () => {});
    ws.on("close", (code) => {
      this.closed = code;
      this.#wake();
    });
    ws.on("message", (data: Buffer) => {
      traffic.receivedBytes += data.length;
      const whole = wholeKinds.some((kind) => head(data).includes(kind));
      const kind = kindOf(whole ? String(data) : head(data));
      if (kind === "connected") this.head = Number(/"currentEventIndex":(\d+)/.exec(head(data))?.[1]);
      const [, eventId] = /"eventId":(\d+)/.exec(head(data)) ?? [];
      if (eventId !== undefined) this.head = Math.max(this.head, Number(eventId));
      if (kind === "broadcast" || kind === "head") return;
      count(this.answers, kind);
      this.#received++;
      this.#wake();
    });
  }

  /** Opens a connection; without a principal it has no token. `connect` is not sent. */
  static async open(server: Attacked, partition: string, who: Principal | undefined): Promise<AttackSocket> {
    const address = new URL(`/v1/partitions/${partition}/ws`, server.url);
    address.protocol = "ws:";
    const headers = who ? { authorization: `Bearer ${who.token}` } : {};
    const ws = new WebSocket(address, {
      headers,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      maxPayload: 64 * 1024 * 1024,
    });
    const opened = new AttackSocket(ws, server.traffic);
    await once(ws, "open");
    return opened;
  }

  /** Opens a connection, and sends `connect`. */
  static async connect(
    server: Attacked,
    partition: string,
    who: Principal,
    wishes: object = {},
  ): Promise<AttackSocket> {
    const socket = await AttackSocket.open(server, partition, who);
    await socket.ask("connect", { clientId: who.name, version: "1", ...wishes });
    return socket;
  }

  /** The text of a message. */
  frame(type: string, payload: object): string {
    return JSON.stringify({ id: `m${++this.#frames}`, type, timestamp: Date.now(), payload });
  }

  send(text: string): void {
    this.#traffic.sentBytes += text.length;
    this.#ws.send(text);
  }

  /** Sends one message, and resolves when one more answer than before has come, or the connection has ended. */
  async ask(type: string, payload: object): Promise<void> {
    const expected = this.#received + 1;
    this.send(this.frame(type, payload));
    await this.answered(expected);
  }

  /** Resolves when `expected` answers have come in all, the connection has ended, or the time is up. */
  async answered(expected: number, msMax = answerMsMax): Promise<void> {
    const until = performance.now() + msMax;
    while (this.#received < expected && this.closed === undefined) {
      const timer = setTimeout(() => this.#wake(), Math.max(until - performance.now(), 0));
      await new Promise<void>((resolve) => (this.#wake = resolve));
      clearTimeout(timer);
      if (performance.now() < until) continue;
      count(this.answers, "no answer");
      return;
    }
    if (this.closed !== undefined) count(this.answers, `closed ${this.closed}`);
  }

  /** The answers since the last call, without those to `connect`. */
  take(): Answers {
    const { connected: _, ...taken } = this.answers;
    this.answers = {};
    return taken;
  }

  get received(): number {
    return this.#received;
  }

  pause(): void {
    this.#ws.pause();
  }

  end(): void {
    this.#ws.terminate();
  }
}

/** An attack over one connection, which is opened before; and again when the server has ended it. */
export function over<T>(
  arena: { connect(partition: string, who: Principal): Promise<AttackSocket> },
  partition: string,
  attack: (socket: AttackSocket) => Promise<T>,
) {
  let socket: AttackSocket | undefined;
  return {
    async enter(who: Principal): Promise<void> {
      socket?.end();
      socket = await arena.connect(partition, who);
    },
    async strike(who: Principal): Promise<T> {
      if (socket?.closed !== undefined) await this.enter(who);
      return attack(socket!);
    },
    end(): void {
      socket?.end();
    },
  };
}
