import type { Socket, SocketEvents } from "../client/transport/ports.ts";
import type { TestClock } from "./clock.ts";
import type { ClientEnd, ServerEnd } from "./host.ts";

/** What the platform of a client answers itself, without its partition. */
const heartbeat = '{"type":"heartbeat"}';
/** How a socket ends that was not closed. */
const lost = 1006;

interface LineParts {
  readonly clock: TestClock;
  readonly events: SocketEvents;
  /** Whether what the server sends is lost. */
  answersLost(): boolean;
  ended(): void;
}

/** One connection of a client to the partition: frames in order, until it is cut. */
export class Line implements Socket {
  readonly #parts: LineParts;
  #server: ServerEnd | undefined;
  #cut = false;
  /** Whether the program at the client's end still runs. */
  #attended = true;
  /** What the server has for the client. */
  readonly client: ClientEnd = {
    send: (frame) => this.#toClient(() => this.#parts.events.received(frame)),
    close: (code, reason) => this.#end(code, reason),
  };

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  /** The server has accepted it. */
  accepted(server: ServerEnd): void {
    if (this.#cut) {
      server.closed();
      return;
    }
    this.#server = server;
    this.#toClient(() => this.#parts.events.opened());
  }

  send(text: string): void {
    this.#parts.clock.after(0, () => {
      if (this.#cut) return;
      if (text === heartbeat) this.#toClient(() => this.#parts.events.received(heartbeat));
      else this.#server?.receive(text);
    });
  }

  /** The client closes it. What it has sent before arrives. */
  close(): void {
    this.#attended = false;
    this.#parts.clock.after(0, () => this.cut());
  }

  /** The network fails, with everything that is on its way. */
  cut(): void {
    if (this.#cut) return;
    this.#server?.closed();
    this.#end(lost, "");
  }

  /** The program at the client's end is gone. */
  leave(): void {
    this.#attended = false;
    this.cut();
  }

  #end(code: number, reason: string): void {
    if (this.#cut) return;
    this.#toClient(() => this.#parts.events.closed(code, reason), "always");
    this.#cut = true;
    this.#parts.ended();
  }

  #toClient(run: () => void, when?: "always"): void {
    this.#parts.clock.after(0, () => {
      if (!this.#attended || (when !== "always" && (this.#cut || this.#parts.answersLost()))) return;
      run();
    });
  }
}
