import { createParser } from "eventsource-parser";

/** A received event; `data` is its text. */
export interface StreamEvent {
  event: string | undefined;
  id: string | undefined;
  data: string;
}

/** The server-sent events of a response. */
export class Events {
  readonly received: StreamEvent[] = [];
  ended = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #waiting: (() => void)[] = [];

  constructor(response: Response) {
    if (response.status !== 200) throw new Error(`no stream: ${response.status}`);
    this.#reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  /** Starts to read. */
  flow(): this {
    void this.#read();
    return this;
  }

  /** Returns the first result of `pick`, which is called after every piece. Undefined: the stream has ended. */
  async first<T>(pick: (received: readonly StreamEvent[]) => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = pick(this.received);
      if (found !== undefined || this.ended) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves when the stream has ended. */
  async end(): Promise<void> {
    await this.first(() => undefined);
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const parser = createParser({ onEvent: ({ event, id, data }) => this.received.push({ event, id, data }) });
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        parser.feed(decoder.decode(value, { stream: true }));
        this.#wake();
      }
    } catch {
      // The connection was lost, which ends the stream.
    }
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
