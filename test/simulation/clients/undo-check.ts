import type { BatchVerdict, PendingEntry, UndoReport, UndoResult, Verdict } from "../../../src/client/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { Json } from "../../../src/protocol/index.ts";
import type { Submitted } from "./book.ts";
import type { LogTracker } from "./log-tracker.ts";
import { type Fates, NaiveHistory, type Running } from "./naive-history.ts";
import { type AnyClient, authorOf } from "./program.ts";
import type { ProgramQueue } from "./program-queue.ts";
import type { Reporter } from "./reporter.ts";
import type { ViewCheck } from "./view-check.ts";

/** What undo and redo are compared with. */
export interface UndoParts {
  /** The name of the model. */
  readonly model: string;
  readonly client: AnyClient;
  readonly queue: ProgramQueue;
  readonly tracker: LogTracker;
  readonly view: ViewCheck;
  readonly reporter: Reporter;
}

/** Checks what undo and redo of one client do: which step, what they withdraw, and what they make of the view. */
export class UndoCheck {
  readonly #parts: UndoParts;
  readonly #history: NaiveHistory;
  #groups = 0;
  /** Whether the client has loaded its history. */
  loaded = false;

  constructor(parts: UndoParts) {
    const { model, client } = parts;
    this.#parts = parts;
    this.#history = new NaiveHistory(model, () => ({
      clientId: client.clientId,
      principal: authorOf(client),
      author: client.author,
    }));
  }

  get #fates(): Fates {
    const { client, tracker } = this.#parts;
    const pending = new Set(client.pending.map(({ key }) => key));
    const principal = authorOf(client);
    return {
      isPending: (key) => pending.has(key),
      isAccepted: (draftId) => (tracker.server.ledger.event(principal, draftId)?.eventId ?? Infinity) <= client.eventId,
    };
  }

  /** What is decided so far is known. */
  settle(): void {
    this.#history.settle(this.#fates);
  }

  submitted(entry: PendingEntry): void {
    // Only the client knows whether it is applied, and what it writes then.
    if (!this.loaded || entry.waiting || entry.failure) this.#history.lose();
    this.#history.submitted(entry);
  }

  group(submit: () => void): void {
    const label = `group ${++this.#groups}`;
    this.#history.group(label, () => this.#parts.client.group(label, submit));
  }

  died(key: string): void {
    this.#history.died(key);
  }

  rejected(key: string, verdict: Verdict | BatchVerdict): void {
    const members = "results" in verdict ? verdict.results : [verdict];
    const isConflict = members.some((member) => "problem" in member && member.problem?.code === "conflict");
    this.#history.rejected(key, isConflict);
  }

  reset(): void {
    this.#history.reset();
  }

  logReplaced(): void {
    this.#history.logReplaced(this.#fates);
  }

  /** Undoes or redoes the newest step, if there is one. */
  run(what: "undo" | "redo"): { running: Running; result: Promise<UndoResult<any> | undefined> } | undefined {
    const { client, queue, reporter } = this.#parts;
    this.look();
    if (!(what === "undo" ? client.canUndo : client.canRedo)) return undefined;
    const before = client.pending;
    reporter.line(`${what}es, of ${before.length} pending`);
    const running = this.#history.begin(what, this.#fates);
    const { undecided } = running;
    const result = client[what]();
    const after = new Map(client.pending.map(({ key, undoing }) => [key, undoing]));
    for (const { key, undoing } of before) {
      const isGone = !after.has(key);
      if (isGone) queue.aborted(key);
      const isHidden = isGone || (!undoing && after.get(key) === true);
      if (!this.#history.isSure) continue;
      const isOfStep = undecided.has(key);
      reporter.check(!isHidden || isOfStep, () => `${key} is hidden by the ${what} of ${[...undecided].join()}`);
      reporter.check(!isOfStep || isHidden || undoing, () => `${key} is shown, after its ${what}`);
      reporter.check(!isOfStep || isGone || queue.wasSent(key), () => `${key} was not sent, and is not withdrawn`);
    }
    return { running, result };
  }

  /** These entries were submitted for the undo or redo whose turn it is. */
  submits({ what, label, skipped }: UndoReport, entries: readonly Submitted[]): void {
    const { client, view, reporter } = this.#parts;
    const history = this.#history;
    const before = view.viewOf(client, authorOf(client), new Set(entries.map(({ key }) => key)));
    if (before === undefined) history.lose();
    if (!history.isSure) return;
    const fates = this.#fates;
    // What was submitted for it before may be rejected.
    history.settle(fates);
    const state: unknown = JSON.parse(before!);
    const made: unknown = JSON.parse(before!);
    for (const draft of entries.flatMap(({ drafts }) => drafts))
      reporter.check(history.apply(made, draft), () => `${JSON.stringify(draft)} is submitted, and does not fit`);
    const text = canonicalJson(made as Json);
    const others: string[] = [];
    // The one before it may have ended in this turn.
    const turn = history.turnOf(
      (running) => {
        if (running.what !== what || running.step.label !== label) return false;
        const expected = history.expects(running, state, fates);
        if (expected.drafts === 0) return false;
        const other = canonicalJson(expected.state as Json);
        others.push(`${other}, ${expected.skipped} skipped`);
        return text === other && skipped === expected.skipped;
      },
      state,
      fates,
    );
    reporter.check(
      turn !== undefined,
      () => `the ${what} of ${label} makes ${text} of ${before}, ${skipped} skipped, and not ${others.join(" or ")}`,
    );
    if (turn) history.submittedFor(turn, entries, state, fates);
  }

  /** The undo or redo whose turn it is has ended. */
  ends(running: Running, result: UndoResult<any> | undefined, closing: boolean): void {
    const { client, queue, view, reporter } = this.#parts;
    const history = this.#history;
    queue.findRetried(client.pending);
    const state = view.viewOf(client, authorOf(client));
    if (state === undefined) history.lose();
    const isMissing = history.end(running, state === undefined ? client.state : JSON.parse(state), this.#fates);
    const isExcused = closing || result?.status === "undecided" || !history.isSure;
    reporter.check(!isMissing || isExcused, () => `nothing was submitted to undo what is in the log`);
  }

  /** Compares what can be undone and redone. */
  look(): void {
    const { client, reporter } = this.#parts;
    const history = this.#history;
    if (!history.idle || !this.loaded || client.status.status === "closed") return;
    if (!client.canUndo && !client.canRedo && !history.isSure) history.emptied();
    if (!history.isSure) return;
    this.settle();
    const [undo, redo] = [history.done.length > 0, history.undone.length > 0];
    reporter.check(client.canUndo === undo, () => `${undo ? "cannot" : "can"} undo, with ${history.done.length} steps`);
    reporter.check(client.canRedo === redo, () => `${redo ? "cannot" : "can"} redo, of ${history.undone.length}`);
    const [label, naive] = [client.undoLabel, history.done.at(-1)?.label];
    reporter.check(label === naive, () => `would undo ${label}, and not ${naive}`);
    const [again, naiveAgain] = [client.redoLabel, history.undone.at(-1)?.label];
    reporter.check(again === naiveAgain, () => `would redo ${again}, and not ${naiveAgain}`);
  }
}
