import { bounds } from "../protocol/index.ts";

/** Bytes of one write: how finely it shows that the peer still reads. */
const writeBytesMax = 64 * 1024;
/** A peer that takes no such piece for so long is gone. */
const stalledMsMax = 60 * 1_000;

const encoder = new TextEncoder();

/** Where a sink writes to: a `WritableStreamDefaultWriter`, as far as it is needed. */
export interface StreamWriter {
  /** Resolves when the peer has taken the bytes; rejects when it is gone. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
  /** Rejects when the peer is gone. */
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

/** What comes of a sink. Both are called from a turn of their own. */
export interface EventSinkEvents {
  /** Everything that was given to it has been taken by the peer. */
  drained(): void;
  /** The peer is gone; said once, and not after `close`. */
  lost(): void;
}

/** Server-sent events to one peer, at the pace at which it reads. */
export class EventSink {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writer: StreamWriter;
  readonly #ports: SinkPorts;
  readonly #events: EventSinkEvents;
  #waiting: string[] = [];
  #waitingUnits = 0;
  /** When the piece that is being written was begun. */
  #writingSince: number | undefined;
  #takenAt = 0;
  #pumping = false;
  #over = false;
  #cancelGivingUp: (() => void) | undefined;

  constructor(ports: SinkPorts, events: EventSinkEvents) {
    const { readable, writer } = ports.openBody();
    this.readable = readable;
    this.#writer = writer;
    this.#ports = ports;
    this.#events = events;
    this.#writer.closed.catch(() => this.#lose());
  }

  /** When the peer last took something, in milliseconds since 1970; 0: never. */
  get takenAt(): number {
    return this.#takenAt;
  }

  /** Tells an event. `data` is one line. False: too much waits for the peer already. */
  send(data: string, { event, id }: { event?: string; id?: number } = {}): boolean {
    if (this.#over) return true;
    if (this.#waitingUnits > bounds.streamUnreadMax) return false;
    this.#put(
      `${event === undefined ? "" : `event: ${event}\n`}${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`,
    );
    return true;
  }

  /** `drained` is called when everything has been taken, which may be at once. */
  pump(): void {
    if (this.#pumping || this.#over) return;
    this.#pumping = true;
    void this.#pump();
  }

  /** Sends something that is no event, if nothing else is on its way: so a peer that is gone shows. */
  keepAlive(now: number): void {
    if (this.#writingSince !== undefined && now - this.#writingSince > stalledMsMax) this.#lose();
    else if (!this.#pumping && !this.#over) this.#put(":\n\n");
  }

  /** Ends the stream, after what was given to it. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#pumping) {
      this.#cancelGivingUp = this.#ports.timer(() => void this.#writer.abort().catch(() => {}), stalledMsMax);
    } else this.#writer.close().catch(() => {});
  }

  /** What is written next: little ones together, a large one by itself. */
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
          this.#takenAt = this.#ports.now();
        }
        this.#writingSince = undefined;
      }
      // Not in the turn in which it was asked for.
      await Promise.resolve();
    } catch {
      this.#lose();
      return;
    } finally {
      this.#pumping = false;
      this.#cancelGivingUp?.();
    }
    if (this.#over) this.#writer.close().catch(() => {});
    else if (this.#waiting.length > 0) this.pump();
    else this.#events.drained();
  }

  #lose(): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = [];
    this.#writer.abort().catch(() => {});
    this.#events.lost();
  }
}
