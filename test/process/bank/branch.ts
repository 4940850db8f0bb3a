import { setTimeout as sleep } from "node:timers/promises";
import type { NumberedEvent } from "../../../src/protocol/index.ts";
import { type LoggedEvent, Progress, sagaOf } from "./judge.ts";

/** Between two attempts to read the log of a server that does not run, in milliseconds. */
const retryMs = 50;

/** A client, for who follows its partition. */
interface Followed {
  on(type: "confirmed", listener: (given: { events: readonly NumberedEvent<LoggedEvent>[] }) => void): () => void;
  on(type: "reset", listener: () => void): () => void;
}

/** A bank, as its events are known to those who drive it. */
export class Branch {
  readonly name: string;
  /** When the server was killed, in milliseconds since 1970. The run adds to it. */
  readonly #kills: readonly number[];
  readonly #server: URL;
  readonly #transfers = new Map<string, Progress>();
  readonly #listeners = new Set<(saga: string, state: string) => void>();
  #last = 0;
  #filling = false;
  /** The states in which a transfer was when the server was killed. */
  readonly interrupted = new Set<string>();

  constructor(name: string, server: URL, kills: readonly number[]) {
    this.name = name;
    this.#server = server;
    this.#kills = kills;
  }

  /** Takes the events that a client of the bank gets. */
  follow(client: Followed): void {
    client.on("confirmed", ({ events }) => this.#take(events));
    client.on("reset", () => void this.#fill());
  }

  /** Calls `listener` each time a transfer to another bank has gone on. Returns a function that ends it. */
  onProgress(listener: (saga: string, state: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stateOf(saga: string): string | undefined {
    return this.#transfers.get(saga)?.state;
  }

  /** Resolves when a transfer has ended. */
  ended(saga: string): Promise<void> {
    return this.#until(() => this.#transfers.get(saga)?.ended === true);
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        stop();
        resolve();
      };
      const stop = this.onProgress(look);
      look();
    });
  }

  #take(events: readonly NumberedEvent<LoggedEvent>[]): void {
    for (const { eventId, event } of events) {
      if (eventId <= this.#last) continue;
      if (eventId > this.#last + 1) {
        void this.#fill();
        return;
      }
      this.#last = eventId;
      this.#apply(event);
    }
  }

  #apply(event: LoggedEvent): void {
    const saga = sagaOf(event);
    if (saga === undefined) return;
    const transfer = this.#transfers.get(saga);
    if (!transfer) this.#transfers.set(saga, new Progress(event));
    else {
      const killed = this.#kills.some((at) => transfer.at <= at && at < event.timestamp);
      if (killed && !transfer.ended) this.interrupted.add(transfer.state);
      transfer.apply(event);
    }
    const { state } = this.#transfers.get(saga)!;
    for (const listener of this.#listeners) listener(saga, state);
  }

  /** Reads what clients have not got as events, because they were far behind. */
  async #fill(): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    for (let more = true; more;) {
      const address = new URL(`v1/partitions/${this.name}/events?since=${this.#last}&limit=1000`, this.#server);
      const response = await fetch(address).catch(() => undefined);
      if (!response?.ok) {
        await sleep(retryMs);
        continue;
      }
      const page = (await response.json()) as { events: NumberedEvent<LoggedEvent>[]; hasMore: boolean };
      more = page.hasMore;
      this.#take(page.events);
    }
    this.#filling = false;
  }
}
