import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { Random } from "../simulation/random.ts";

/** `up`: from the client to the server. */
type Direction = "up" | "down";

/** What happens to a frame. A delay keeps the order of later frames. */
interface Fate {
  /** Frames that are passed on instead. */
  frames: readonly string[];
  /** The delay of this frame and the later ones in its direction. */
  delayMs?: number;
  /** The delay of the whole connection from this frame on. */
  stallMs?: number;
  /** The connection ends here for both sides, without a close frame. */
  cut?: boolean;
}

/** Decides what happens to the frames of one connection. */
export type Meddler = (frame: string, direction: Direction) => Fate;

const faultKinds = ["drop", "duplicate", "truncate", "delay", "stall", "cut"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** The probability of each fault for a frame, and its longest duration. */
export interface Faults extends Record<FaultKind, number> {
  delayMsMax: number;
  stallMsMax: number;
}

/** Several faults for each connection, which still makes progress. */
export const roughFaults: Faults = {
  drop: 0.02,
  duplicate: 0.04,
  truncate: 0.01,
  delay: 0.1,
  stall: 0.02,
  cut: 0.01,
  delayMsMax: 40,
  // Longer than the clients of these tests wait for an answer.
  stallMsMax: 1_200,
};

/**
 * Random faults: those of a connection depend only on `seed` and on its number, frame by frame in each
 * direction. `happened` counts them.
 */
export function chaos(
  seed: number,
  faults: Faults,
  happened: Record<FaultKind, number>,
): (connection: number) => Meddler {
  return (connection) => {
    const randoms = { up: new Random(seed + connection * 7_919), down: new Random(seed + connection * 7_919 + 1) };
    return (frame, direction) => {
      const random = randoms[direction];
      const none = 1 - faultKinds.reduce((sum, kind) => sum + faults[kind], 0);
      const kind = random.weighted({ ...only(faults), none });
      if (kind === "none") return { frames: [frame] };
      happened[kind]++;
      switch (kind) {
        case "drop":
          return { frames: [] };
        case "duplicate":
          return { frames: [frame, frame] };
        case "truncate":
          return { frames: [frame.slice(0, random.between(0, frame.length - 1))] };
        case "delay":
          return { frames: [frame], delayMs: random.between(1, faults.delayMsMax) };
        case "stall":
          return { frames: [frame], stallMs: random.between(1, faults.stallMsMax) };
        case "cut":
          return { frames: [], cut: true };
      }
    };
  };
}

/** A count for each kind of fault. */
export function noFaults(): Record<FaultKind, number> {
  return only({ drop: 0, duplicate: 0, truncate: 0, delay: 0, stall: 0, cut: 0 });
}

/** Resolves after this number of faults; heartbeats have faults, too. */
export async function rough(happened: Record<FaultKind, number>, faults: number): Promise<void> {
  while (Object.values(happened).reduce((sum, count) => sum + count) < faults) await sleep(20);
}

function only({ drop, duplicate, truncate, delay, stall, cut }: Record<FaultKind, number>): Record<FaultKind, number> {
  return { drop, duplicate, truncate, delay, stall, cut };
}

/**
 * A proxy between clients and the server: it connects each WebSocket to the server, and a meddler decides
 * what happens to each frame.
 */
export class ChaosProxy {
  readonly #target: URL;
  readonly #port: number;
  readonly #conduits = new Set<Conduit>();
  #meddlers: (connection: number) => Meddler;
  #server: WebSocketServer | undefined;
  #connections = 0;

  /** `port` 0: a free port. */
  constructor(target: URL, meddlers: (connection: number) => Meddler, port = 0) {
    this.#target = target;
    this.#meddlers = meddlers;
    this.#port = port;
  }

  /** Where clients connect to, as `http://127.0.0.1:41234`. */
  get url(): string {
    const { port } = this.#server!.address() as { port: number };
    return `http://127.0.0.1:${port}`;
  }

  /** The number of connections so far. */
  get connections(): number {
    return this.#connections;
  }

  async start(): Promise<void> {
    this.#server = new WebSocketServer({ host: "127.0.0.1", port: this.#port, perMessageDeflate: false });
    this.#server.on("connection", (client, request) => {
      const target = new URL(request.url!, this.#target);
      target.protocol = "ws:";
      // The server of `ws` has accepted the first of them.
      const protocols = request.headers["sec-websocket-protocol"]?.split(/, */) ?? [];
      const server = new WebSocket(target, protocols, { perMessageDeflate: false });
      const conduit = new Conduit(client, server, this.#meddlers(this.#connections++));
      this.#conduits.add(conduit);
      client.once("close", () => this.#conduits.delete(conduit));
    });
    await once(this.#server, "listening");
  }

  /** Ends the current connections without a close frame; new ones are possible. */
  cut(): void {
    for (const conduit of this.#conduits) conduit.cut();
  }

  /** From now on each frame passes unchanged, on new connections: frames that the current ones hold are lost. */
  heal(): void {
    this.#meddlers = () => (frame) => ({ frames: [frame] });
    this.cut();
  }

  async stop(): Promise<void> {
    this.cut();
    const closed = once(this.#server!, "close");
    this.#server!.close();
    await closed;
  }
}

/** One connection through the proxy. */
class Conduit {
  readonly #client: WebSocket;
  readonly #server: WebSocket;
  readonly #meddle: Meddler;
  /** The work of each direction so far: one frame after the other. */
  readonly #queues: Record<Direction, Promise<void>>;
  #stall: Promise<unknown> = Promise.resolve();

  constructor(client: WebSocket, server: WebSocket, meddle: Meddler) {
    this.#client = client;
    this.#server = server;
    this.#meddle = meddle;
    this.#queues = { up: this.#opened(), down: Promise.resolve() };
    this.#carry("up", this.#client, this.#server);
    this.#carry("down", this.#server, this.#client);
  }

  cut(): void {
    this.#client.terminate();
    this.#server.terminate();
  }

  async #opened(): Promise<void> {
    try {
      await once(this.#server, "open");
    } catch {
      this.cut();
    }
  }

  #carry(direction: Direction, from: WebSocket, to: WebSocket): void {
    const next = (step: () => Promise<void> | void) => {
      this.#queues[direction] = this.#queues[direction].then(step);
    };
    from.on("message", (data: RawData) => next(() => this.#pass(String(data), direction, to)));
    // Frames sent before the close still arrive before it.
    from.on("close", (code, reason) => next(() => end(to, code, reason)));
    // A close follows.
    from.on("error", () => {});
  }

  async #pass(frame: string, direction: Direction, to: WebSocket): Promise<void> {
    await this.#stall;
    const { frames, delayMs = 0, stallMs = 0, cut = false } = this.#meddle(frame, direction);
    if (cut) this.cut();
    if (stallMs > 0) await (this.#stall = sleep(stallMs));
    if (delayMs > 0) await sleep(delayMs);
    if (to.readyState === WebSocket.OPEN) for (const text of frames) to.send(text);
  }
}

/** Closes with the code of the other side, if it can be sent. */
function end(socket: WebSocket, code: number, reason: Buffer): void {
  if (code === 1005 || code === 1006 || code >= 5_000) socket.terminate();
  else if (socket.readyState === WebSocket.OPEN) socket.close(code, reason);
  else socket.terminate();
}
