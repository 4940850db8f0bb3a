import { createExecutionContext, env, SELF } from "cloudflare:test";
import { SignJWT } from "jose";
import { Events } from "../support/events.ts";
import { identitySettings } from "./settings.ts";
import worker from "./worker.ts";

/** A received message. */
// Tests look into messages of every type
export type Message = any;

const origin = "https://partita.example";
let names = 0;
/** A name that no other test uses. */
export const fresh = (prefix = "board"): string => `${prefix}-${++names}-${crypto.randomUUID().slice(0, 8)}`;

/** Seconds since 1970. */
export const seconds = (): number => Math.floor(Date.now() / 1_000);

/** A token that the Worker accepts, with the changes of `claims`. */
export const sign = (claims: object = {}): Promise<string> =>
  new SignJWT({
    iss: identitySettings.PARTITA_JWT_ISSUER,
    aud: identitySettings.PARTITA_JWT_AUDIENCE,
    sub: "alice",
    iat: seconds(),
    exp: seconds() + 3_600,
    partitions: ["board-*"],
    roles: ["editor"],
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(identitySettings.PARTITA_JWT_SECRET));

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** A request to the Worker. */
export const ask = (path: string, init?: RequestInit): Promise<Response> => SELF.fetch(`${origin}${path}`, init);

/** A request to the Worker with other settings or bindings. */
export const askWith = async (changed: object, path: string, init?: RequestInit): Promise<Response> =>
  worker.fetch(new Request(`${origin}${path}`, init), { ...env, ...changed }, createExecutionContext());

export const event = { type: "set", payload: { target: "n", value: 1 } };

/** Submits one event over HTTP. */
export const post = (room: string, token: string, key: string, body: object = event): Promise<Response> =>
  ask(`/v1/partitions/${room}/events`, {
    method: "POST",
    headers: { "idempotency-key": key, ...bearer(token) },
    body: JSON.stringify(body),
  });

export const tenantOf = (name: string) => env.TENANTS.getByName(name);

/** A socket, and its received messages. */
export class Peer {
  readonly received: Message[] = [];
  closed: number | undefined;
  readonly response: Response;
  #waiting: (() => void)[] = [];
  #requests = 0;

  private constructor(response: Response) {
    this.response = response;
    const socket = response.webSocket;
    socket?.accept();
    socket?.addEventListener("message", ({ data }) => {
      this.received.push(JSON.parse(data as string));
      this.#wake();
    });
    socket?.addEventListener("close", ({ code }) => {
      this.closed = code;
      this.#wake();
    });
  }

  /** The peer of an upgrade. */
  static of(response: Response): Peer {
    return new Peer(response);
  }

  /** Requests an upgrade; `response` is the result. */
  static async open(room: string, headers: Record<string, string>, query = ""): Promise<Peer> {
    const path = `/v1/partitions/${room}/ws${query}`;
    return new Peer(await ask(path, { headers: { upgrade: "websocket", ...headers } }));
  }

  /** A connection after `connect`. */
  static async connected(room: string, token: string, more: object = {}): Promise<Peer> {
    const peer = await Peer.open(room, bearer(token));
    await peer.ask("connect", { clientId: "c", version: "1", ...more });
    return peer;
  }

  /** Sends a message without waiting for an answer; returns its id. */
  send(type: string, payload: object): string {
    const id = `m${++this.#requests}`;
    this.response.webSocket!.send(JSON.stringify({ id, type, timestamp: 1, payload }));
    return id;
  }

  /** Sends a message, and returns the reply to it. */
  async ask(type: string, payload: object): Promise<Message> {
    const id = this.send(type, payload);
    const mine = (message: Message) => message.inReplyTo === id;
    await this.until(() => this.received.some(mine) || this.closed !== undefined);
    return this.received.find(mine);
  }

  /** Submits, and returns the verdict or the error. */
  async submit(draftId: string, value: unknown = 1): Promise<Message> {
    const from = this.received.length;
    this.send("submit_event", { draftId, event: { type: "set", payload: { target: "n", value } } });
    const mine = (message: Message) => message.payload.draftId === draftId;
    await this.until(() => this.received.slice(from).some(mine) || this.closed !== undefined);
    return this.received.slice(from).find(mine);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves with the close code. */
  async ending(): Promise<number> {
    await this.until(() => this.closed !== undefined);
    return this.closed!;
  }

  close(): void {
    this.response.webSocket?.close(1000);
  }
}

/** A connection without a WebSocket. */
export async function connection(room: string, token: string) {
  const at = `/v1/partitions/${room}/connection`;
  const events = new Events(await ask(at, { method: "POST", headers: bearer(token) })).flow();
  const first = await events.first((received) => received[0]);
  const { connectionId } = JSON.parse(first!.data) as Message;
  let before = 0;
  const post = async (as: string, ...frames: string[]) => {
    const body = JSON.stringify({ before, frames });
    const response = await ask(`${at}/${connectionId}`, { method: "POST", headers: bearer(as), body });
    if (response.status === 202) before += frames.length;
    return [response.status, await response.text()] as const;
  };
  const find = (isIt: (message: Message) => boolean) =>
    events.first((received) => received.map(({ data }) => JSON.parse(data) as Message).find(isIt));
  return { events, post, find, message: (type: string) => find((message) => message.type === type) };
}

/** A message as a frame. */
export const frame = (type: string, payload: object): string =>
  JSON.stringify({ id: "x", type, timestamp: 1, payload });
