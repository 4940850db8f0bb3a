import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { WebSocket } from "ws";

/** A project on a server that speaks the wire "1.0". */
export interface Project {
  /** Of its WebSocket. */
  address: string;
  projectId: string;
}

const committedText = '"status":"committed"';
const broadcastText = '"event_broadcast"';
const committedIdText = '"committedId":';

/** A connection that speaks the wire "1.0", as cheap as `ws` allows: no compression, no masking, and frames are not parsed. */
export class Speaker {
  readonly #socket: WebSocket;
  readonly #clientId: string;
  readonly #projectId: string;
  #sent = 0;
  /** Called for the answer to a message, with the number of events that it says are committed. */
  onResult: (committed: number) => void = () => {};
  /** Called for each event of another connection. */
  onBroadcast: (committedId: number) => void = () => {};
  onEnd: (reason: string) => void = () => {};

  private constructor(socket: WebSocket, clientId: string, projectId: string) {
    this.#socket = socket;
    this.#clientId = clientId;
    this.#projectId = projectId;
    socket.on("message", (frame: Buffer) => this.#hear(frame.toString("latin1")));
    socket.on("error", (error) => this.onEnd(error.message));
    socket.on("close", (code, reason) => this.onEnd(`${code} ${reason.toString()}`));
  }

  static async open({ address, projectId }: Project, clientId: string): Promise<Speaker> {
    const socket = new WebSocket(address, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      generateMask: (mask) => mask.fill(0),
      createConnection: (options: { port?: unknown; host?: unknown }) =>
        connectSocket({ port: Number(options.port), host: String(options.host), noDelay: true }),
    });
    await once(socket, "open");
    const envelope = { protocolVersion: "1.0", timestamp: Date.now() };
    socket.send(JSON.stringify({ ...envelope, type: "connect", payload: { token: clientId, clientId, projectId } }));
    const [connected] = (await once(socket, "message")) as [Buffer];
    socket.send(JSON.stringify({ ...envelope, type: "sync", payload: { projectId, sinceCommittedId: 0, limit: 1 } }));
    const [synced] = (await once(socket, "message")) as [Buffer];
    for (const [frame, type] of [
      [connected, "connected"],
      [synced, "sync_response"],
    ] as const) {
      if (!frame.includes(`"${type}"`)) throw new Error(`there is no ${type}, but ${frame.toString().slice(0, 500)}`);
    }
    return new Speaker(socket, clientId, projectId);
  }

  /** Submits `count` events in one message, of about 150 bytes each with the usual text. */
  submit(count: number, value = "Chaconne, partita in D minor"): void {
    const clientTs = Date.now();
    const events = Array.from({ length: count }, () => {
      // Their server knows an id once in all its projects.
      const id = `${this.#projectId}-${this.#clientId}-${++this.#sent}`;
      return {
        id,
        partition: "board",
        projectId: this.#projectId,
        type: "note.set",
        schemaVersion: 1,
        payload: { key: id, value },
        meta: { clientId: this.#clientId, clientTs },
      };
    });
    const envelope = { type: "submit_events", protocolVersion: "1.0", timestamp: clientTs, msgId: `m${this.#sent}` };
    this.#socket.send(JSON.stringify({ ...envelope, payload: { events } }));
  }

  #hear(frame: string): void {
    if (frame.includes(broadcastText)) {
      const at = frame.indexOf(committedIdText) + committedIdText.length;
      this.onBroadcast(Number.parseInt(frame.slice(at, at + 16), 10));
      return;
    }
    let committed = 0;
    for (let at = frame.indexOf(committedText); at >= 0; at = frame.indexOf(committedText, at + 1)) committed++;
    if (committed === 0) this.onEnd(`an answer that commits nothing: ${frame.slice(0, 500)}`);
    else this.onResult(committed);
  }

  close(): void {
    this.onEnd = () => {};
    this.#socket.terminate();
  }
}
