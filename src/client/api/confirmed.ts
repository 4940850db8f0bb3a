import type { QueueStore } from "../stores/store.ts";
import type { Cursor } from "../sync/backend.ts";
import type { Ports } from "../transport/ports.ts";
import { digestOf } from "./digest.ts";
import type { View } from "./view.ts";

/** A confirmed state is saved for the next start at most this often, and up to this size. */
const saveIntervalMs = 5_000;
const savedLengthMax = 8 * 1024 * 1024;

/** The confirmed state alone, and its copy in the store. */
export class ConfirmedState<S extends object> {
  /** The id of the log; undefined: no confirmed state is here yet. */
  serverId: string | undefined;
  /** Of the last confirmed event. */
  proof: string | undefined;
  readonly #view: View<S>;
  readonly #ports: Ports;
  readonly #modelVersion: number;
  /** The state has to be computed again for the application. */
  readonly #disturbed: () => void;
  #store: QueueStore | undefined;
  #maySave = () => true;
  #cancelSave: (() => void) | undefined;

  constructor(view: View<S>, ports: Ports, modelVersion: number, disturbed: () => void) {
    this.#view = view;
    this.#ports = ports;
    this.#modelVersion = modelVersion;
    this.#disturbed = disturbed;
  }

  get cursor(): Cursor {
    return { eventId: this.#view.replica.eventId, serverId: this.serverId, proof: this.proof };
  }

  /** The state as JSON text. */
  text(): string {
    const text = this.#view.replica.confirmedText();
    this.#disturbed();
    return text;
  }

  hash(): Promise<string> {
    return digestOf(this.text(), this.#ports);
  }

  /** From now on it is saved to `store`, while `maySave` returns true. */
  open(store: QueueStore, maySave: () => boolean): void {
    this.#store = store;
    this.#maySave = maySave;
  }

  /** There is none any more, and none is saved. */
  forget(): void {
    this.close();
    this.serverId = undefined;
    this.proof = undefined;
  }

  saveSoon(): void {
    if (this.#cancelSave || !this.#store?.durable) return;
    this.#cancelSave = this.#ports.after(saveIntervalMs, () => {
      this.#cancelSave = undefined;
      this.#save();
    });
  }

  close(): void {
    this.#cancelSave?.();
  }

  #save(): void {
    const { eventId, serverId, proof } = this.cursor;
    // Not while it has events of an undecided entry: after a reload they would be shown twice.
    if (serverId === undefined || !this.#view.replica.onlyDecided || !this.#maySave()) {
      this.saveSoon();
      return;
    }
    const state = this.text();
    if (state.length > savedLengthMax) return;
    void this.#store!.saveBase({ serverId, eventId, proof, modelVersion: this.#modelVersion, state });
  }
}
