// @ts-check
// The floors: the minimum that a Durable Object with hibernating sockets can do for the same frames.
// They implement only the part of docs/PROTOCOL.md that the load generator needs, and decide nothing.
import { DurableObject } from "cloudflare:workers";
import { Log } from "./log.js";

/**
 * @typedef {import("./log.js").Frame} Frame
 * @typedef {{ clientId: string, arrays: boolean }} Client
 */

const heartbeat = '{"type":"heartbeat"}';

/**
 * Its mode is the first word of its name, `<mode>-<anything>`:
 * `each` commits and answers frame by frame, and broadcasts each event by itself; the floor for latency.
 * `turn` processes the frames of a `setTimeout(0)` window in one transaction, one frame for each socket; the floor for throughput.
 * `answers` is `turn` without broadcasts.
 */
export class FloorObject extends DurableObject {
  /** @type {{ ws: WebSocket, frame: Frame }[]} */
  #waiting = [];
  /** @type {Map<WebSocket, Client>} */
  #clients = new Map();
  #log;
  #mode;

  /** @param {DurableObjectState} ctx @param {unknown} env */
  constructor(ctx, env) {
    super(ctx, env);
    const partition = /** @type {string} */ (ctx.id.name);
    this.#mode = partition.split("-")[0];
    this.#log = new Log(ctx.storage.sql, partition);
    for (const ws of ctx.getWebSockets()) {
      const client = ws.deserializeAttachment();
      if (client) this.#clients.set(ws, client);
    }
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(heartbeat, heartbeat));
  }

  /** @override */
  fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** @override @param {WebSocket} ws @param {string} text */
  webSocketMessage(ws, text) {
    const received = /** @type {Frame | Frame[]} */ (JSON.parse(text));
    for (const frame of Array.isArray(received) ? received : [received]) this.#receive(ws, frame);
  }

  /** @param {WebSocket} ws @param {Frame} frame */
  #receive(ws, frame) {
    if (frame.type === "connect") this.#connect(ws, frame);
    else if (this.#mode === "each") {
      const event = this.#commit(ws, frame);
      ws.send(event.reply);
      for (const other of this.#clients.keys()) if (other !== ws) other.send(event.broadcast);
    } else {
      if (this.#waiting.length === 0) setTimeout(() => this.#turn(), 0);
      this.#waiting.push({ ws, frame });
    }
  }

  /** @override @param {WebSocket} ws */
  webSocketClose(ws) {
    this.#clients.delete(ws);
    ws.close();
  }

  /** @param {WebSocket} ws @param {Frame} frame */
  #connect(ws, { id, payload }) {
    const client = { clientId: String(payload["clientId"]), arrays: payload["frames"] === "array" };
    this.#clients.set(ws, client);
    ws.serializeAttachment(client);
    ws.send(this.#log.connected(id));
  }

  #turn() {
    const batch = this.#waiting;
    this.#waiting = [];
    const events = this.ctx.storage.transactionSync(() => batch.map(({ ws, frame }) => this.#commit(ws, frame)));
    /** @type {Map<WebSocket, { own: Set<number>, replies: string[] }>} */
    const answers = new Map();
    batch.forEach(({ ws }, at) => {
      const event = events[at];
      if (!event) return;
      const answer = answers.get(ws) ?? { own: new Set(), replies: [] };
      answers.set(ws, answer);
      answer.own.add(at);
      answer.replies.push(event.reply);
    });
    if (this.#mode === "answers") {
      for (const [ws, { replies }] of answers) ws.send(`[${replies.join(",")}]`);
      return;
    }
    const broadcasts = events.map(({ broadcast }) => broadcast);
    const joined = `[${broadcasts.join(",")}]`;
    for (const ws of this.#clients.keys()) {
      const answer = answers.get(ws);
      if (!answer) ws.send(joined);
      else ws.send(`[${[...answer.replies, ...broadcasts.filter((_, at) => !answer.own.has(at))].join(",")}]`);
    }
  }

  /** @param {WebSocket} ws @param {Frame} frame */
  #commit(ws, frame) {
    return this.#log.append(frame, this.#clients.get(ws)?.clientId ?? "");
  }
}

export default {
  /** @param {Request} request @param {{ OBJECTS: DurableObjectNamespace<FloorObject> }} env */
  fetch(request, env) {
    const partition = new URL(request.url).pathname.split("/")[3] ?? "";
    return env.OBJECTS.getByName(partition).fetch(request);
  },
};
