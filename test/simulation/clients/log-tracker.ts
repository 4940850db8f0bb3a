import type { Server } from "./server.ts";

/** The position of a confirmed state, which is stored with its base. */
export interface LogPosition {
  /** The server whose log has this prefix. */
  readonly generation: number;
  /** It continued from events that were lost, without a notice: its confirmed state differs from the log. */
  readonly diverged: boolean;
}

/** Tracks the log that the confirmed state of a client belongs to. */
export class LogTracker {
  readonly #servers: readonly Server[];
  #position: LogPosition = { generation: 0, diverged: false };
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

  /** The server whose log has this prefix; undefined: none. */
  get server(): Server | undefined {
    const { generation, diverged } = this.#position;
    return diverged ? undefined : this.#servers[generation];
  }

  /** A base was loaded. */
  restore(position: LogPosition): void {
    this.#hasBase = true;
    this.#position = position;
  }

  /** The state of this server was fetched. */
  fetched(generation: number): void {
    this.restore({ generation, diverged: false });
  }

  /** The client continues after event `eventId` in the log of this server: a log with the same id, or from the start. */
  continuesIn(generation: number, eventId: number): void {
    if (eventId === 0) this.#position = { generation, diverged: false };
    while (this.#position.generation < generation && this.#servers[this.#position.generation + 1]!.sameLog) {
      const next = this.#position.generation + 1;
      const lost = eventId > this.#servers[next]!.restoredHead;
      this.#position = { generation: next, diverged: this.#position.diverged || lost };
    }
  }
}
