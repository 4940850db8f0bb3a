import type { Server } from "./server.ts";

/** The position of a confirmed state, which is stored with its base. */
export interface LogPosition {
  /** The server whose log has this prefix. */
  readonly generation: number;
}

/** Tracks the log that the confirmed state of a client belongs to. */
export class LogTracker {
  readonly #servers: readonly Server[];
  #position: LogPosition = { generation: 0 };
  /** Whether a base was loaded, or a first state was fetched. */
  #hasBase = false;

  constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  get position(): LogPosition {
    return this.#position;
  }

  get hasBase(): boolean {
    return this.#hasBase;
  }

  /** The server whose log has this prefix. */
  get server(): Server {
    return this.#servers[this.#position.generation]!;
  }

  /** A base was loaded. */
  restore(position: LogPosition): void {
    this.#hasBase = true;
    this.#position = position;
  }

  /** The state of this server was fetched. */
  fetched(generation: number): void {
    this.restore({ generation });
  }

  /**
   * The client continues after event `eventId` in the log of this server: a log with the same id, or from the start.
   * Returns false if that log has lost the event.
   */
  continuesIn(generation: number, eventId: number): boolean {
    if (eventId === 0) this.#position = { generation };
    while (this.#position.generation < generation && this.#servers[this.#position.generation + 1]!.sameLog) {
      const next = this.#position.generation + 1;
      if (eventId > this.#servers[next]!.restoredHead) return false;
      this.#position = { generation: next };
    }
    return true;
  }
}
