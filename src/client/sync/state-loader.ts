import type { ChunkedSnapshot, Json, ServerMessage } from "../../protocol/index.ts";
import type { Link } from "../transport/link.ts";
import type { Progress, StatusMachine } from "./status.ts";

/** Chunks that are requested and have not arrived: the next one is on its way while one is received. */
const inFlightMax = 2;

type Chunk = Extract<ServerMessage, { type: "state_chunk" }>;

/** The connection that it loads by. */
export interface LoaderHost {
  readonly link: Pick<Link, "send" | "wait" | "met">;
  /** Waits for the next chunk, and not for longer. */
  expect(): void;
  readonly status: Pick<StatusMachine, "report">;
  /** All is here; undefined: it has no chunks, because it is the initial state. */
  loaded(state: Json | undefined): void;
}

// Loaded only where a state is large. It must not import modules of the main bundle: bundlers would move those into a third file.
/** Loads a large state chunk by chunk (docs/PROTOCOL.md, 6.5). What has arrived is kept when the connection is lost. */
export class StateLoader {
  readonly #serverId: string;
  readonly #snapshot: ChunkedSnapshot;
  readonly #texts = new Map<number, string>();
  /** The chunks that were requested on this connection, by the id of the request. */
  readonly #requests = new Map<string, number>();
  /** Those that are on their way, or have arrived. */
  readonly #requested = new Set<number>();
  #host!: LoaderHost;

  constructor(serverId: string, snapshot: ChunkedSnapshot) {
    this.#serverId = serverId;
    this.#snapshot = snapshot;
  }

  /** Loads this snapshot, or goes on with it. `partial`: what an earlier connection has loaded. */
  static of(serverId: string, snapshot: ChunkedSnapshot, partial: StateLoader | undefined): StateLoader {
    return partial && partial.#isOf(serverId, snapshot) ? partial : new StateLoader(serverId, snapshot);
  }

  #isOf(serverId: string, { eventIndex, chunks, bytes, proof }: ChunkedSnapshot): boolean {
    const own = this.#snapshot;
    return (
      serverId === this.#serverId &&
      eventIndex === own.eventIndex &&
      chunks === own.chunks &&
      bytes === own.bytes &&
      proof === own.proof
    );
  }

  /** Begins on a connection, or goes on with what has not arrived on an earlier one. */
  begin(host: LoaderHost): void {
    this.#host = host;
    this.#requests.clear();
    this.#requested.clear();
    this.#continue();
  }

  take({ inReplyTo, payload: { chunk, text } }: Chunk): void {
    if (this.#requests.get(inReplyTo) !== chunk) return;
    this.#texts.set(chunk, text);
    this.#continue();
  }

  /** A request was refused for now, because reads have a rate; returns whether it was one of these. */
  refused(request: string | undefined, afterMs: number): boolean {
    if (request === undefined || !this.#requests.has(request)) return false;
    const { link } = this.#host;
    link.met("chunk");
    // By a name of its own: a chunk that arrives meanwhile does not end the wait.
    link.wait("again", afterMs, () => {
      this.#requested.clear();
      this.#continue();
    });
    return true;
  }

  #continue(): void {
    const { chunks, bytes } = this.#snapshot;
    const texts = this.#texts;
    if (texts.size === chunks) {
      this.#host.link.met("chunk");
      const text = Array.from({ length: chunks }, (_, chunk) => texts.get(chunk)).join("");
      this.#host.loaded(text ? (JSON.parse(text) as Json) : undefined);
      return;
    }
    this.#request();
    // From one chunk to the next: the whole may take longer.
    this.#host.expect();
    const progress: Progress = { unit: "bytes", done: Math.round((bytes * texts.size) / chunks), of: bytes };
    this.#host.status.report("ok", undefined, { progress });
  }

  #request(): void {
    const { chunks, eventIndex } = this.#snapshot;
    const requested = this.#requested;
    for (const chunk of this.#texts.keys()) requested.add(chunk);
    for (let chunk = 0; chunk < chunks && requested.size - this.#texts.size < inFlightMax; chunk++) {
      if (requested.has(chunk)) continue;
      requested.add(chunk);
      this.#requests.set(this.#host.link.send("state_chunk", { eventIndex, chunk }), chunk);
    }
  }
}
