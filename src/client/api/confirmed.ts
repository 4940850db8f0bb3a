import type { Cursor } from "../sync/backend.ts";
import type { Ports } from "../transport/ports.ts";
import type { View } from "./view.ts";

/** The confirmed state alone. */
export class ConfirmedState<S extends object> {
  /** The id of the log; undefined: no confirmed state is here yet. */
  serverId: string | undefined;
  /** Of the last confirmed event. */
  proof: string | undefined;
  readonly #view: View<S>;
  readonly #ports: Ports;
  /** The pending drafts have to be applied again, and the state has to be computed again for the application. */
  readonly disturbed: () => void;

  constructor(view: View<S>, ports: Ports, disturbed: () => void) {
    this.#view = view;
    this.#ports = ports;
    this.disturbed = disturbed;
  }

  get cursor(): Cursor {
    return { eventId: this.#view.replica.eventId, serverId: this.serverId, proof: this.proof };
  }

  /** The state as JSON text. */
  text(): string {
    const text = this.#view.replica.confirmed().stringify();
    this.disturbed();
    return text;
  }

  /** Of the state at the call. */
  async hash(): Promise<string> {
    const text = this.text();
    const { digestOf } = await import("./rarely.ts");
    return digestOf(text, this.#ports);
  }

  /** The replica begins with the state of this end; undefined: it has none. */
  begin(end: { serverId: string | undefined; proof?: string | undefined } | undefined): void {
    this.serverId = end?.serverId;
    this.proof = end?.proof;
  }
}
