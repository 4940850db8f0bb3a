import type { AnyModel } from "../model/index.ts";
import { bounds } from "../protocol/index.ts";
import { Damage, type Storage, type StorageWrites } from "../storage/port.ts";
import { hexOf } from "./hex.ts";
import { describe, type Ports } from "./ports.ts";

/** Hexadecimal digits of a pseudonym: 128 bits, so that two principals never have the same. */
const pseudonymDigits = 32;

/**
 * What readers see of the principals, as the model says. A pseudonym is an HMAC under a secret of the partition: so it
 * is always the same here, and cannot be computed from the subject, nor compared with that of another partition.
 */
export class Authors {
  readonly #model: AnyModel;
  readonly #ports: Ports;
  /** Of the log; or the one that it gets when it is first written, as readers of an empty log have pseudonyms, too. */
  #secret: string | undefined;
  /** Whether the log has no secret yet. */
  #unkept = false;
  readonly #known = new Map<string, string>();

  constructor(model: AnyModel, ports: Ports) {
    this.#model = model;
    this.#ports = ports;
  }

  /** The author of what this principal does; undefined: the model shows none. */
  of(principal: string): string | undefined {
    if (!this.shows) return undefined;
    return this.#model.authors === "shown" ? principal : this.#pseudonymOf(principal);
  }

  /** The client id that readers see. */
  clientIdOf(clientId: string): string {
    return this.#model.shownClientId(clientId);
  }

  /** Whether events say who made them. */
  get shows(): boolean {
    return this.#model.authors === "shown" || this.#model.authors === "pseudonym";
  }

  /** Whether readers see no client ids. */
  get hides(): boolean {
    return this.#model.authors === "hidden";
  }

  /** The secret that a new log is created with; undefined: the model needs none. */
  get secret(): string | undefined {
    if (this.#model.authors !== "pseudonym") return undefined;
    return (this.#secret ??= this.#ports.random.secret());
  }

  /** Restores the secret of a log that is not written yet, as pseudonyms were made of it before hibernation. */
  restore(secret: string | undefined): void {
    this.#secret ??= secret;
  }

  /**
   * Takes the secret of the log from the storage, or gives it one: a log can be older than the model's pseudonyms. Where
   * that cannot be stored, as on a full disk, the log is readable all the same: the next write stores it.
   */
  load(storage: Storage, now: number): void {
    if (this.#model.authors !== "pseudonym" || storage.log.identity() === undefined) return;
    const stored = storage.log.authorSecret();
    this.#unkept = stored === undefined;
    if (stored === undefined) {
      try {
        storage.transaction(now, (writes) => writes.log.keepAuthorSecret(this.secret!));
        this.#unkept = false;
      } catch (error) {
        if (error instanceof Damage) throw error;
        this.#ports.log("author_secret_not_stored", { error: describe(error) });
      }
    } else if (stored !== this.#secret) {
      this.#secret = stored;
      this.#known.clear();
    }
  }

  /**
   * Stores the secret of a log that has none yet, before anything is stored that was made with it. If the transaction
   * fails, `load` comes before the next one.
   */
  keep(writes: StorageWrites): void {
    if (!this.#unkept) return;
    writes.log.keepAuthorSecret(this.secret!);
    this.#unkept = false;
  }

  #pseudonymOf(principal: string): string {
    let pseudonym = this.#known.get(principal);
    if (pseudonym !== undefined) return pseudonym;
    pseudonym = hexOf(this.#ports.hmac(this.secret!, principal)).slice(0, pseudonymDigits);
    if (this.#known.size >= bounds.pseudonymsKnownMax) this.#known.clear();
    this.#known.set(principal, pseudonym);
    return pseudonym;
  }
}
