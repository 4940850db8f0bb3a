import type { ErrorCode, Failure } from "../protocol/index.ts";
import type { Effect, SessionState, Subscriber } from "./effects.ts";

/** One connection: who it is, what it has seen, and whether a refused draft holds back its later ones. */
export class Session {
  readonly #subscriber: Subscriber;
  #state: SessionState;

  constructor(subscriber: Subscriber, state: SessionState) {
    this.#subscriber = subscriber;
    this.#state = state;
  }

  get state(): Readonly<SessionState> {
    return this.#state;
  }

  /** Changes what is known of the connection, and keeps it. */
  update(change: Partial<SessionState>): void {
    this.#state = { ...this.#state, ...change };
    this.#subscriber.save(this.#state);
  }

  emit(effect: Effect): void {
    this.#subscriber.emit(effect);
  }

  /** Whether it has seen the whole log, and so is given each new event. */
  get live(): boolean {
    return this.#state.client !== undefined && this.#state.behind === undefined;
  }

  /** Sets the delivery cursor. */
  seen(eventId: number, head: number): void {
    const behind = eventId === head ? undefined : eventId;
    if (behind !== this.#state.behind) this.update({ behind });
  }

  /** The refusal that a held connection gives to every draft but the one it waits for. */
  heldBack(draftId: string): Failure | undefined {
    const { held } = this.#state;
    if (!held || held.draftId === draftId) return undefined;
    return {
      code: held.code,
      detail: `Draft "${held.draftId}" was refused before this one: send it again first, so that the order stays.`,
      retryAfter: retryAfterSeconds,
    };
  }

  /** Remembers, or forgets, that `draftId` was refused and must come again before any other. */
  settle(draftId: string, refusal: ErrorCode | undefined): void {
    const holds = refusal === "storage_unavailable" || refusal === "schema_mismatch";
    if (holds) this.update({ held: { draftId, code: refusal } });
    else if (this.#state.held) this.update({ held: undefined });
  }
}

/** How long a client waits after a refusal that may pass, in seconds. */
export const retryAfterSeconds = 1;

export const newSession = (author: SessionState["author"]): SessionState => ({
  author,
  client: undefined,
  behind: undefined,
  held: undefined,
  provisionalLogId: undefined,
});
