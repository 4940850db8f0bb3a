import type { Server } from "./server.ts";

/** Where a confirmed state stands, as its base is kept with. */
export interface Stand {
  /** Of which server's log it is a prefix. */
  readonly generation: number;
  /** It went on from an end that is gone, and nothing told it: what it confirms is not what the log says. */
  readonly astray: boolean;
}

/** Of which log the confirmed state of a client is a prefix. */
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

  /** The server whose log it is a prefix of; undefined: of none. */
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

  /** The client goes on after event `eventId` in the log of this server: one of the same name, or from nothing. */
  goesOnIn(generation: number, eventId: number): void {
    if (eventId === 0) this.#stand = { generation, astray: false };
    while (this.#stand.generation < generation && this.#servers[this.#stand.generation + 1]!.sameLog) {
      const next = this.#stand.generation + 1;
      const lost = eventId > this.#servers[next]!.restoredHead;
      this.#stand = { generation: next, astray: this.#stand.astray || lost };
    }
  }
}
