import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { WebSocket } from "ws";
import { ackFrame, connectFrame, countAccepted, heartbeat, isBroadcast, lastEventOf, type Wishes } from "./frames.ts";

/** A heartbeat is sent after this many received bytes, far below the bound for clients that do not read. */
const heartbeatBytes = 2 * 1024 * 1024;

/** The address of a partition: of Partita, or of a floor, whose name contains its mode. */
export interface Address {
  /** As `http://127.0.0.1:41234`. */
  server: string;
  partition: string;
  /** The token; absent: open development mode. */
  token?: string;
}

interface Connected {
  currentEventIndex: number;
  sinceSnapshot?: number;
}

/** A connected client that receives arrays, as cheap as `ws` allows: no compression, no masking, joined writes. */
export class Connection {
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  /** The last event when it connected. */
  readonly head: number;
  /** Events since the last snapshot, if the state was requested. */
  readonly sinceSnapshot: number | undefined;
  /** Called for each frame after `connected`, except heartbeats. */
  onFrame: (frame: Buffer) => void = () => {};
  /** Called with the reason when the server ends the connection. */
  onEnd: (reason: string) => void = () => {};
  #unreadBytes = 0;

  private constructor(ws: WebSocket, socket: Socket, connected: Connected, credit: number | undefined) {
    this.#ws = ws;
    this.#socket = socket;
    this.head = connected.currentEventIndex;
    this.sinceSnapshot = connected.sinceSnapshot;
    ws.on("message", (frame: Buffer) => {
      this.#unreadBytes += frame.length;
      // At half of it, as the client library does.
      if (this.#unreadBytes > (credit === undefined ? heartbeatBytes : credit / 2)) {
        const last = credit === undefined ? undefined : lastEventOf(frame);
        this.#unreadBytes = 0;
        ws.send(last === undefined ? heartbeat : ackFrame(last));
      }
      if (frame.length > heartbeat.length) this.onFrame(frame);
    });
    ws.on("error", (error) => this.onEnd(error.message));
    ws.on("close", (code, reason) => this.onEnd(`${code} ${reason.toString()}`));
  }

  /** Connects; with `initialState`, the answer carries the state. */
  static async open({ server, partition, token }: Address, clientId: string, wishes: Wishes = {}): Promise<Connection> {
    let socket: Socket | undefined;
    const ws = new WebSocket(`${server.replace("http", "ws")}/v1/partitions/${partition}/ws`, {
      perMessageDeflate: false,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      skipUTF8Validation: true,
      // A state may be large.
      maxPayload: 64 * 1024 * 1024,
      generateMask: (mask) => mask.fill(0),
      createConnection: (options: { port?: unknown; host?: unknown }) => {
        socket = connectSocket({ port: Number(options.port), host: String(options.host), noDelay: true });
        return socket;
      },
    });
    await once(ws, "open");
    ws.send(connectFrame(clientId, wishes));
    const [frame] = (await once(ws, "message")) as [Buffer];
    return new Connection(ws, socket!, connectedOf(frame), wishes.credit);
  }

  /** Sends frames in one write. */
  send(frames: readonly string[]): void {
    this.#socket.cork();
    for (const frame of frames) this.#ws.send(frame);
    this.#socket.uncork();
  }

  /** Submits one draft. Returns when it is accepted; broadcasts may come before. */
  submit(frame: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onEnd = (reason) => reject(new Error(`the connection ended: ${reason}`));
      this.onFrame = (answer) => {
        if (countAccepted(answer) > 0) resolve();
        else if (!isBroadcast(answer)) reject(new Error(answer.toString().slice(0, 500)));
      };
      this.send([frame]);
    });
  }

  /** Sends a frame. Returns the next one that comes. */
  ask(frame: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.onEnd = (reason) => reject(new Error(`the connection ended: ${reason}`));
      this.onFrame = resolve;
      this.send([frame]);
    });
  }

  /** Stops reading. */
  pause(): void {
    this.#ws.pause();
  }

  close(): void {
    this.onEnd = () => {};
    this.#ws.terminate();
  }
}

/** How much of a frame is searched, at its beginning and at its end: a state between them may be large. */
const searchedBytes = 500;

/** What `connected` says. A load generator that parses a large state measures itself. */
function connectedOf(frame: Buffer): Connected {
  const begin = frame.toString("latin1", 0, searchedBytes);
  const end = frame.toString("latin1", Math.max(frame.length - searchedBytes, 0));
  const [, head] = /"type":"connected".*?"currentEventIndex":(\d+)/.exec(begin) ?? [];
  if (head === undefined) throw new Error(`connect was answered by ${begin}`);
  const [, since] = /"sinceSnapshot":(\d+)/.exec(end) ?? [];
  return { currentEventIndex: Number(head), ...(since === undefined ? {} : { sinceSnapshot: Number(since) }) };
}
