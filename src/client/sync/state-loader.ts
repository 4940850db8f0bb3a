import type { ChunkedSnapshot } from "../../protocol/index.ts";

/** Chunks that are requested and have not arrived: the next one is on its way while one is received. */
const inFlightMax = 2;

/** Loads a large state chunk by chunk (docs/PROTOCOL.md, 6.5). */
export class StateLoader {
  readonly snapshot: ChunkedSnapshot;
  /** Requests a chunk, and returns the id of the request. */
  readonly #request: (chunk: number) => string;
  readonly #requests = new Set<string>();
  readonly #texts = new Map<number, string>();
  #requested = 0;

  constructor(snapshot: ChunkedSnapshot, request: (chunk: number) => string) {
    this.snapshot = snapshot;
    this.#request = request;
    this.#requestNext();
  }

  /** Whether it has sent this request. */
  has(request: string | undefined): boolean {
    return request !== undefined && this.#requests.has(request);
  }

  /** Adds a chunk, and requests the next one. */
  add(chunk: number, text: string): void {
    this.#texts.set(chunk, text);
    this.#requestNext();
  }

  /** Requests again what was requested and has not arrived. */
  again(): void {
    for (let chunk = 0; chunk < this.#requested; chunk++) {
      if (!this.#texts.has(chunk)) this.#requests.add(this.#request(chunk));
    }
  }

  /** The state as JSON text, when all chunks are here; undefined before that. */
  get text(): string | undefined {
    const { chunks } = this.snapshot;
    if (this.#texts.size < chunks) return undefined;
    return Array.from({ length: chunks }, (_, chunk) => this.#texts.get(chunk)).join("");
  }

  #requestNext(): void {
    while (this.#requested < Math.min(this.snapshot.chunks, this.#texts.size + inFlightMax)) {
      this.#requests.add(this.#request(this.#requested++));
    }
  }
}
