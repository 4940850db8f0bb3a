import type { StreamWriter } from "../../src/shell/event-sink.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";
import type { Trace } from "./trace.ts";

/** What a reader of a stream is made of. */
export interface ReaderParts {
  readonly name: string;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly trace: Trace;
  /** How long it may leave a piece unread, in milliseconds. */
  readonly slowMsMax: number;
  /** Asks for the stream of the log after `since`; undefined: from the head. It comes by `opened`, or not at all. */
  open(reader: Reader, since: number | undefined): void;
}

/** A peer of a response body, as far as the body's writer sees it. */
export class BodyWriter implements StreamWriter {
  readonly #schedule: Schedule;
  readonly closed: Promise<unknown>;
  #lose: (error: Error) => void = () => {};
  #peer: Reader | undefined;
  readonly #unread: { text: string; taken: () => void; lost: (error: Error) => void }[] = [];
  #over = false;
  /** One for the whole body: a piece may end inside a character. */
  readonly #decoder = new TextDecoder();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.closed = new Promise((_, reject) => (this.#lose = reject));
    // Nobody may look at it.
    this.closed.catch(() => {});
  }

  /** The response has reached its reader. */
  attach(peer: Reader): void {
    this.#peer = peer;
    this.#schedule.after(0, () => this.#give());
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#over) return Promise.reject(new Error("the peer is gone"));
    return new Promise((taken, lost) => {
      this.#unread.push({ text: this.#decoder.decode(bytes, { stream: true }), taken, lost });
      if (this.#peer) this.#schedule.after(this.#peer.delayMs, () => this.#give());
    });
  }

  async close(): Promise<void> {
    this.#over = true;
    this.#schedule.after(0, () => this.#peer?.ended(this));
  }

  async abort(): Promise<void> {
    this.gone();
  }

  /** The peer, or the object, has gone. */
  gone(): void {
    if (this.#over) return;
    this.#over = true;
    const error = new Error("the peer is gone");
    this.#lose(error);
    for (const { lost } of this.#unread.splice(0)) lost(error);
    this.#schedule.after(0, () => this.#peer?.ended(this));
  }

  #give(): void {
    const piece = this.#unread.shift();
    if (!piece) return;
    this.#peer?.read(this, piece.text);
    piece.taken();
  }
}

/** Somebody who follows the log by server-sent events, and comes back to where it was. */
export class Reader {
  readonly name: string;
  readonly #parts: ReaderParts;
  /** The last event it was given; undefined: none yet, and no beginning. */
  #cursor: number | undefined;
  #stream: BodyWriter | undefined;
  #opening = false;
  #text = "";
  #leaving = false;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.name = parts.name;
  }

  /** Whether it reads nothing any more, having read all there was. */
  get settled(): boolean {
    const read = this.#cursor === undefined || this.#cursor === this.#parts.ledger.head;
    return this.#stream === undefined && !this.#opening && read;
  }

  /** How long it leaves the next piece unread. */
  get delayMs(): number {
    const { random, slowMsMax } = this.#parts;
    return !this.#leaving && random.chance(0.1) ? random.between(0, slowMsMax) : random.between(0, 3);
  }

  describe(): string {
    return `${this.name} has read up to event ${this.#cursor} of ${this.#parts.ledger.head}`;
  }

  act(): void {
    const { random } = this.#parts;
    if (this.#opening) return;
    if (!this.#stream) this.#open();
    else if (random.chance(0.1)) this.#stream.gone();
  }

  /** Reads to the head, and leaves. */
  settle(): void {
    this.#leaving = true;
    if (this.#opening) return;
    if (this.#cursor === this.#parts.ledger.head || (this.#cursor === undefined && !this.#stream)) this.#stream?.gone();
    else if (!this.#stream) this.#open();
  }

  opened(stream: BodyWriter | undefined): void {
    this.#opening = false;
    this.#text = "";
    this.#stream = stream;
    stream?.attach(this);
  }

  ended(stream: BodyWriter): void {
    if (this.#stream === stream) this.#stream = undefined;
  }

  read(stream: BodyWriter, text: string): void {
    if (this.#stream !== stream) return;
    this.#text += text;
    const parts = this.#text.split("\n\n");
    this.#text = parts.pop()!;
    for (const part of parts) this.#event(part);
  }

  #open(): void {
    this.#opening = true;
    this.#parts.open(this, this.#cursor);
  }

  #event(text: string): void {
    const { ledger, trace } = this.#parts;
    const fields = new Map(
      text.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
    const id = fields.get("id");
    if (fields.get("event") === "connected") {
      trace.check(this.#cursor === undefined || this.#cursor === Number(id), () => `${this.name} begins at ${id}`);
      this.#cursor = Number(id);
    } else if (id !== undefined) {
      const told = JSON.parse(fields.get("data")!) as { eventId: number; event: object };
      trace.check(
        told.eventId === this.#cursor! + 1 && String(told.eventId) === id,
        () => `${this.name} is given event ${told.eventId} after ${this.#cursor}`,
      );
      ledger.checkEvent(told, `in the stream of ${this.name}`);
      this.#cursor = told.eventId;
    }
    if (this.#leaving && this.#cursor === ledger.head) this.#stream?.gone();
  }
}
