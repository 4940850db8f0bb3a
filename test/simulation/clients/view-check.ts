import type { PendingEntry } from "../../../src/client/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { Json } from "../../../src/protocol/index.ts";
import { canonicalText } from "../ledger.ts";
import type { Book } from "./book.ts";
import type { AnyClient } from "./program.ts";
import type { ProgramQueue } from "./program-queue.ts";
import type { Reporter } from "./reporter.ts";
import { naiveModel } from "../naive.ts";
import type { LogTracker } from "./log-tracker.ts";
import { viewFromScratch } from "./view.ts";

/** What a view is compared with. */
export interface ViewParts {
  /** The name of the model. */
  readonly model: string;
  readonly book: Book;
  readonly queue: ProgramQueue;
  readonly tracker: LogTracker;
  readonly reporter: Reporter;
}

type IsOpen = (draftId: string) => boolean;

/** Checks the view of a client: the log up to its cursor, and then its own drafts. */
export class ViewCheck {
  readonly #parts: ViewParts;
  #seen: { state: unknown; sign: string } | undefined;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  check(client: AnyClient, principal: string): void {
    const { queue, tracker, reporter } = this.#parts;
    const { server } = tracker;
    const { eventId, pending } = client;
    const state: unknown = client.state;
    const keys = pending.map(({ key, undoing }) => `${key}${undoing ? "-" : ""}`).join();
    const sign = `${server.generation} ${eventId} ${queue.doubtful} ${keys}`;
    if (this.#seen && this.#seen.state === state && this.#seen.sign === sign) return;
    this.#seen = { state, sign };
    const confirmed = server.stateAt(eventId);
    if (confirmed === undefined) {
      reporter.violated(`is at event ${eventId}, and the log is at ${server.ledger.head}`);
      return;
    }
    const expected = this.viewOf(client, principal);
    if (expected === undefined) return;
    const text = canonicalJson(state as Json);
    reporter.check(
      text === (expected === confirmed ? confirmed : canonicalText(expected)),
      () => `shows ${text} at event ${eventId}, and not ${expected}, which is ${confirmed} and ${sign}`,
    );
  }

  /** What a client has to show, without the entries `without`, as JSON text; undefined: only the client knows. */
  viewOf(client: AnyClient, principal: string, without: ReadonlySet<string> = new Set()): string | undefined {
    const { model, queue, tracker } = this.#parts;
    const { server } = tracker;
    const { eventId, pending, clientId, author } = client;
    const confirmed = server.stateAt(eventId);
    // Until it is known, drafts wait.
    if (confirmed !== undefined && naiveModel(model).authors === "pseudonym" && author === undefined) return confirmed;
    const shown = pending.filter(({ key, undoing }) => queue.isShown(key) && !undoing && !without.has(key));
    const isOpen: IsOpen = (draftId) => (server.ledger.event(principal, draftId)?.eventId ?? Infinity) > eventId;
    if (confirmed === undefined || queue.hasUnmarked || this.#isUncertain(shown, isOpen)) return undefined;
    return viewFromScratch({ model, clientId, principal, author, confirmed, eventId }, shown, isOpen);
  }

  /**
   * Whether several drafts have the same content, and one is in the log but not reported: then the
   * client may confuse them, until it has their verdicts.
   */
  #isUncertain(entries: readonly PendingEntry[], isOpen: IsOpen): boolean {
    const { book, model } = this.#parts;
    // Nothing shows a client which events without a verdict are its own.
    const isHidden = naiveModel(model).authors === "hidden";
    // These get no verdict.
    const isGivenUp = (draftId: string) => ["expired", "lost"].includes(book.byDraft(draftId)!.outcome);
    return entries
      .flatMap(({ drafts }) => drafts)
      .some(({ draftId }) => {
        if (isHidden && !isOpen(draftId)) return true;
        const twins = book.alike(draftId).filter((twin) => twin !== draftId);
        if (twins.length === 0) return false;
        return !isOpen(draftId) || twins.some((twin) => isGivenUp(twin) && !isOpen(twin));
      });
  }
}
