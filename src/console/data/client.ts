import { CallFailed } from "./calls.ts";
import type { CallName, Calls, FromWorker, ToWorker } from "./messages.ts";

type News = Exclude<FromWorker, { kind: "answer" | "failed" }>;

/** The page's end of its worker. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  readonly #listeners = new Set<(news: News) => void>();
  #calls = 0;

  constructor(address: string) {
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind !== "answer" && data.kind !== "failed") {
        for (const listener of this.#listeners) listener(data);
        return;
      }
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.kind === "answer") waiting?.resolve(data.answer);
      else waiting?.reject(new CallFailed(data.problem));
    });
  }

  /** @throws CallFailed */
  call<Name extends CallName>(name: Name, asked: Calls[Name]["asked"]): Promise<Calls[Name]["answer"]> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      const message = { id, name, asked } as ToWorker;
      // The second argument: nothing is transferred.
      this.#worker.postMessage(message, []);
    });
  }

  /** Calls `listener` with news; returns a function that ends it. */
  listen(listener: (news: News) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
