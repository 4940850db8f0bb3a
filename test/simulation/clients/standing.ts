import type { Server } from "./server.ts";

/** The position of a confirmed state, which is stored with its base. */
export interface Stand {
  /** The server whose log has this prefix. */
  readonly generation: number;
  /** It continued from events that were lost, without a notice: its confirmed state differs from the log. */
  readonly astray: boolean;
}

/** Tracks the log that the confirmed state of a client belongs to. */
export class Standing {
  readonly #servers: readonly Server[];
  #stand: Stand = { generation: 0, astray: false };
  /** Whether a base was loaded, or a first state was fetched. */
  #based = false;

  constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  get stand(): Stand {
    return this.#stand;
  }

  get based(): boolean {
    return this.#based;
  }

  /** The server whose log has this prefix; undefined: none. */
  get server(): Server | undefined {
    const { generation, astray } = this.#stand;
    return astray ? undefined : this.#servers[generation];
  }

  /** A base was loaded. */
  take(stand: Stand): void {
    this.#based = true;
    this.#stand = stand;
  }

  /** The state of this server was fetched. */
  fetched(generation: number): void {
    this.take({ generation, astray: false });
  }

  /** The client continues after event `eventId` in the log of this server: a log with the same id, or from the start. */
  goesOnIn(generation: number, eventId: number): void {
    if (eventId === 0) this.#stand = { generation, astray: false };
    while (this.#stand.generation < generation && this.#servers[this.#stand.generation + 1]!.sameLog) {
      const next = this.#stand.generation + 1;
      const lost = eventId > this.#servers[next]!.restoredHead;
      this.#stand = { generation: next, astray: this.#stand.astray || lost };
    }
  }
}
