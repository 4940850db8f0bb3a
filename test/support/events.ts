import { createParser } from "eventsource-parser";

/** An event as it came; `data` is its text. */
export interface Told {
  event: string | undefined;
  id: string | undefined;
  data: string;
}

/** Server-sent events of a response, read as they come. */
export class Events {
  readonly told: Told[] = [];
  ended = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #waiting: (() => void)[] = [];

  constructor(response: Response) {
    if (response.status !== 200) throw new Error(`no stream: ${response.status}`);
    this.#reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  /** Reads on by itself. */
  flow(): this {
    void this.#read();
    return this;
  }

  /** What `pick` finds, as soon as it finds something; it is asked again after every piece. Undefined: the stream has ended. */
  async first<T>(pick: (told: readonly Told[]) => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = pick(this.told);
      if (found !== undefined || this.ended) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** When the stream has ended. */
  async end(): Promise<void> {
    await this.first(() => undefined);
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const parser = createParser({ onEvent: ({ event, id, data }) => this.told.push({ event, id, data }) });
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        parser.feed(decoder.decode(value, { stream: true }));
        this.#wake();
      }
    } catch {
      // Cut off: for whoever reads it is the end.
    }
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
