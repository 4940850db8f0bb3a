import { bounds } from "../protocol/index.ts";

/** The most bytes of one write. Each write that completes shows that the peer still reads. */
const writeBytesMax = 64 * 1024;
/** A stream ends if one write takes longer than this. */
const stalledMsMax = 60 * 1_000;

const encoder = new TextEncoder();

/** Where a sink writes to: the part of a `WritableStreamDefaultWriter` that it needs. */
export interface StreamWriter {
  /** Resolves when the peer has received the bytes; rejects when it has disconnected. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
  /** Rejects when the peer has disconnected. */
  readonly closed: Promise<unknown>;
}

/**
 * A response body that is written piece by piece.
 *
 * Platform fact: the output gate holds the writes of an `IdentityTransformStream` until what was written to
 * storage before them is durable; what a `ReadableStream` of JavaScript has in its queue leaves at once. [TX-5]
 */
export interface StreamBody {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writer: StreamWriter;
}

/** What a sink needs of its platform. */
export interface SinkPorts {
  openBody(): StreamBody;
  now(): number;
  timer(run: () => void, delayMs: number): () => void;
}

/** The events of a sink. Both are called in a turn of their own. */
export interface EventSinkEvents {
  /** The peer has received everything. */
  drained(): void;
  /** The peer has disconnected; called at most once, and not after `close`. */
  disconnected(): void;
}

/** Server-sent events to one peer, at the pace at which it reads. */
export class EventSink {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writer: StreamWriter;
  readonly #ports: SinkPorts;
  readonly #events: EventSinkEvents;
  #waiting: string[] = [];
  #waitingUnits = 0;
  /** When the write began that has not completed. */
  #writingSince: number | undefined;
  #lastReadAt = 0;
  #pumping = false;
  #ended = false;
  #cancelAbort: (() => void) | undefined;

  constructor(ports: SinkPorts, events: EventSinkEvents) {
    const { readable, writer } = ports.openBody();
    this.readable = readable;
    this.#writer = writer;
    this.#ports = ports;
    this.#events = events;
    this.#writer.closed.catch(() => this.#fail());
  }

  /** When a write last completed, in milliseconds since 1970; 0: never. */
  get takenAt(): number {
    return this.#lastReadAt;
  }

  /** The size of what waits, besides what is being written, in UTF-16 units. */
  get waitingUnits(): number {
    return this.#waitingUnits;
  }

  /** Sends an event. `data` and `id` are one line each. Returns false if the queue is full. */
  send(data: string, { event, id }: { event?: string; id?: string } = {}): boolean {
    if (this.#ended) return true;
    if (this.#waitingUnits > bounds.streamUnreadMax) return false;
    this.#put(
      `${event === undefined ? "" : `event: ${event}\n`}${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`,
    );
    return true;
  }

  /** Writes what is queued, and then calls `drained`, even if nothing was queued. */
  pump(): void {
    if (this.#pumping || this.#ended) return;
    this.#pumping = true;
    void this.#pump();
  }

  /** Sends a comment if nothing else is being written, so that a peer that has disconnected is noticed. */
  keepAlive(now: number): void {
    if (this.#writingSince !== undefined && now - this.#writingSince > stalledMsMax) this.#fail();
    else if (!this.#pumping && !this.#ended) this.#put(":\n\n");
  }

  /** Ends the stream after everything that is queued. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#pumping) {
      this.#cancelAbort = this.#ports.timer(() => void this.#writer.abort().catch(() => {}), stalledMsMax);
    } else this.#writer.close().catch(() => {});
  }

  /** Returns the text of the next writes: several small events together, or one large one. */
  #next(): string {
    let units = 0;
    let count = 0;
    while (count < this.#waiting.length && units < writeBytesMax) units += this.#waiting[count++]!.length;
    this.#waitingUnits -= units;
    return this.#waiting.splice(0, count).join("");
  }

  #put(text: string): void {
    this.#waiting.push(text);
    this.#waitingUnits += text.length;
    this.pump();
  }

  async #pump(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const bytes = encoder.encode(this.#next());
        for (let at = 0; at < bytes.length; at += writeBytesMax) {
          this.#writingSince = this.#ports.now();
          await this.#writer.write(bytes.subarray(at, at + writeBytesMax));
          this.#lastReadAt = this.#ports.now();
        }
        this.#writingSince = undefined;
      }
      // Never in the same turn as the call of `pump`.
      await Promise.resolve();
    } catch {
      this.#fail();
      return;
    } finally {
      this.#pumping = false;
      this.#cancelAbort?.();
    }
    if (this.#ended) this.#writer.close().catch(() => {});
    else if (this.#waiting.length > 0) this.pump();
    else this.#events.drained();
  }

  #fail(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#writer.abort().catch(() => {});
    this.#events.disconnected();
  }
}
