import { setTimeout as sleep } from "node:timers/promises";
import type { Problem, ServerMessage, Violation } from "../../protocol/index.ts";
import { failuresMax, pauseAfter } from "./backoff.ts";
import { type Draft, importClientId } from "./drafts.ts";
import { errorOf, Wire, WireError } from "./wire.ts";

/** A connection without a verdict for this time, while drafts are in flight, counts as lost. */
const silenceMsMax = 30_000;
const silencePollMs = 1_000;

/** The source of drafts, which also receives the verdicts. Its owner calls `pump` when more drafts are ready. */
export interface Work {
  /** The next draft to submit; undefined if none is ready. */
  take(): Draft | undefined;
  /** Returns drafts whose connection was lost before their verdict. */
  giveBack(drafts: readonly Draft[]): void;
  /** A connection is open. Throws if it leads to another log than before. */
  connected(wire: Wire): void;
  accepted(draftId: string, eventId: number): void;
  rejected(draftId: string, code: string, errors: readonly Violation[]): void;
  lost(error: WireError, pauseMs: number): void;
}

/**
 * Submits over one connection at a time, with at most `window` drafts in flight, until `over` is aborted. Lost
 * connections are replaced, and retryable refusals are retried after their pause.
 */
export class Submitter {
  readonly #address: URL;
  readonly #window: number;
  readonly #work: Work;
  readonly #over: AbortSignal;
  #wire: Wire | undefined;
  /** Submitted in this order, and not answered. */
  readonly #inFlight = new Map<string, Draft>();
  /** Refused, in the order of submission. They are sent again first, because the server holds back all others. */
  readonly #refused: Draft[] = [];
  /** The last refusal, until its pause begins. */
  #refusal: WireError | undefined;
  /** Losses and refusals since the last verdict. */
  #failures = 0;
  #heardAt = 0;

  constructor(address: URL, window: number, work: Work, over: AbortSignal) {
    this.#address = address;
    this.#window = window;
    this.#work = work;
    this.#over = over;
  }

  /** @throws WireError if the server refuses and a retry cannot help, or fails `failuresMax` times in a row. */
  async run(): Promise<void> {
    while (!this.#over.aborted) {
      try {
        await this.#connection();
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        const pauseMs = this.#pauseAfter(error);
        this.#work.lost(error, pauseMs);
        await this.#sleep(pauseMs);
      }
    }
  }

  /** Submits ready drafts, up to the window. */
  pump(): void {
    if (!this.#wire || this.#refused.length > 0) return;
    while (this.#inFlight.size < this.#window) {
      const draft = this.#work.take();
      if (!draft) return;
      this.#submit(draft);
    }
  }

  /** One connection, from `connect` until it is lost or the import ends. */
  async #connection(): Promise<void> {
    const end = Promise.withResolvers<void>();
    const wire = await Wire.open(this.#address, importClientId, {
      message: (message) => this.#receive(message, end),
      lost: (error) => end.reject(error),
    });
    const onOver = () => end.resolve();
    this.#over.addEventListener("abort", onOver);
    if (this.#over.aborted) end.resolve();
    const silence = setInterval(() => {
      if (this.#inFlight.size === 0 || Date.now() - this.#heardAt < silenceMsMax) return;
      end.reject(new WireError(`no verdict came for ${silenceMsMax / 1_000} s`, true));
    }, silencePollMs);
    try {
      this.#work.connected(wire);
      this.#wire = wire;
      this.pump();
      await end.promise;
    } finally {
      clearInterval(silence);
      this.#over.removeEventListener("abort", onOver);
      this.#wire = undefined;
      wire.close();
      // The refused drafts were submitted before those in flight.
      this.#work.giveBack([...this.#refused.splice(0), ...this.#inFlight.values()]);
      this.#inFlight.clear();
      this.#refusal = undefined;
    }
  }

  #submit(draft: Draft): void {
    if (this.#inFlight.size === 0) this.#heardAt = Date.now();
    this.#inFlight.set(draft.draftId, draft);
    this.#wire?.send("submit_event", draft);
  }

  #receive(message: ServerMessage, end: PromiseWithResolvers<void>): void {
    switch (message.type) {
      case "event_accepted": {
        const { draftId, eventId } = message.payload;
        this.#settle(draftId);
        this.#work.accepted(draftId, eventId);
        break;
      }
      case "event_rejected": {
        const { draftId, reason, errors } = message.payload;
        this.#settle(draftId);
        this.#work.rejected(draftId, reason, errors);
        break;
      }
      case "error":
        this.#error(message.payload, end);
        break;
      default:
        // Broadcasts: this connection wants verdicts only.
        return;
    }
    if (this.#inFlight.size === 0 && this.#refusal) this.#submitAgain(this.#refusal).catch(end.reject);
  }

  #settle(draftId: string): void {
    this.#inFlight.delete(draftId);
    this.#heardAt = Date.now();
    this.#failures = 0;
  }

  #error(problem: Problem & { draftId?: string }, end: PromiseWithResolvers<void>): void {
    const draft = this.#inFlight.get(problem.draftId ?? "");
    if (!draft) {
      end.reject(errorOf(problem));
    } else if (problem.retryable) {
      this.#inFlight.delete(draft.draftId);
      this.#heardAt = Date.now();
      this.#refused.push(draft);
      this.#refusal = errorOf(problem);
    } else {
      this.#settle(draft.draftId);
      this.#work.rejected(draft.draftId, problem.code, problem.errors ?? []);
    }
  }

  /** Every draft in flight is answered, some by a retryable refusal. Sends those again after a pause, in order. */
  async #submitAgain(refusal: WireError): Promise<void> {
    const wire = this.#wire;
    this.#refusal = undefined;
    await this.#sleep(this.#pauseAfter(refusal));
    // The connection was lost meanwhile, and the drafts were returned.
    if (this.#wire !== wire) return;
    for (const draft of this.#refused.splice(0)) this.#submit(draft);
    this.pump();
  }

  /** How long to wait after this failure, in ms. */
  #pauseAfter(error: WireError): number {
    if (!error.retryable) throw error;
    if (++this.#failures >= failuresMax) {
      throw new WireError(`gave up after ${failuresMax} failures in a row; the last one: ${error.message}`, false);
    }
    return error.retryAfterMs + pauseAfter(this.#failures);
  }

  async #sleep(pauseMs: number): Promise<void> {
    try {
      await sleep(pauseMs, undefined, { signal: this.#over });
    } catch {
      // The import has ended.
    }
  }
}
