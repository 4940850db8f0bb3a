import { type NaiveEvent, naiveModel, type NaiveUndo } from "../naive.ts";

/** As the guide promises: the number of steps, and the time and the number of changes within which they are one step. */
const stepsMax = 200;
const coalesceMs = 500;
const coalescedMax = 256;
/** A draft as far as undoing is concerned. */
export interface NaiveDraft {
  readonly draftId: string;
  readonly type: string;
  readonly payload: any;
}

/** What a draft that was withdrawn found when that was undone: it is submitted again only on the same. */
interface Found {
  readonly fits: boolean;
  readonly value: unknown;
}

interface Change {
  /** Undefined: the drafts were withdrawn, and undoing that submits them again. */
  readonly key: string | undefined;
  readonly drafts: readonly NaiveDraft[];
  readonly found?: readonly Found[];
}

interface Step {
  readonly label: string | undefined;
  changes: Change[];
}

/** A step that is being undone or redone. */
export interface Running {
  readonly what: "undo" | "redo";
  readonly step: Step;
  /** What undoes that. */
  readonly back: Step;
  readonly epoch: number;
  /** The keys that were undecided. */
  readonly undecided: ReadonlySet<string>;
  /** The keys of what was submitted for it last; undefined: nothing was. */
  submitted: readonly string[] | undefined;
  /** Whether drafts should have been submitted for it, and were not; undefined: it has not ended. */
  isMissing?: boolean;
}

/** What is known of the entries of a client. */
export interface Fates {
  isPending(key: string): boolean;
  /** Whether the draft is in the log that the client has read. */
  isAccepted(draftId: string): boolean;
}

/** What undoing a step has to make of a state. */
export interface Undone {
  readonly state: unknown;
  /** How many drafts it takes back; without any, nothing is submitted for it. */
  readonly drafts: number;
  readonly skipped: number;
}

/**
 * What one client can undo and redo, without any code of the product: which step is next, and what becomes of the state.
 * `isSure` is false where this depends on what only the client knows; then nothing is judged until there is nothing to undo.
 */
export class NaiveHistory {
  readonly #undo: Readonly<Record<string, NaiveUndo>> | undefined;
  readonly #apply: (state: unknown, draft: NaiveDraft) => boolean;
  readonly #clientId: () => string;
  done: Step[] = [];
  undone: Step[] = [];
  /** One after the other. */
  #running: Running[] = [];
  /** Entries that can never be undone. */
  readonly #dead = new Set<string>();
  readonly #rejected = new Set<string>();
  /** Those of them that were rejected because others were faster. */
  readonly #conflicts = new Set<string>();
  #epoch = 0;
  #group: Step | undefined;
  #last: { step: Step; places: ReadonlySet<string>; types: string; queuedAt: number } | undefined;
  #isSure = true;

  constructor(model: string, author: () => Pick<NaiveEvent, "clientId" | "principal" | "author">) {
    const { undo, apply } = naiveModel(model);
    this.#undo = undo;
    this.#clientId = () => author().clientId;
    // None of the types that can be undone depends on the time or on the head.
    this.#apply = (state, { type, payload }) => apply(state, { type, payload, timestamp: 1, head: 1, ...author() });
  }

  get isSure(): boolean {
    return this.#isSure && this.#undo !== undefined;
  }

  get idle(): boolean {
    return this.#running.length === 0;
  }

  /** From here on only the client knows what is one step. */
  lose(): void {
    this.#isSure = false;
  }

  /** The client has nothing to undo and to redo. */
  emptied(): void {
    if (!this.idle) return;
    this.done = [];
    this.undone = [];
    this.#last = undefined;
    this.#isSure = true;
  }

  /** What `run` submits is one step. */
  group(label: string, run: () => void): void {
    this.#group = { label, changes: [] };
    run();
    this.#group = this.#last = undefined;
  }

  /** The confirmed state was replaced: what was written before is not the same place as what is written from now on. */
  reset(): void {
    this.#last = undefined;
  }

  /** The log was replaced: what was decided before may not be in it. */
  logReplaced({ isPending }: Fates): void {
    // What of it is undone just now is not judged.
    if (!this.idle) this.lose();
    for (const step of [...this.done, ...this.undone])
      step.changes = step.changes.filter(({ key }) => key !== undefined && isPending(key));
    this.done = this.done.filter(({ changes }) => changes.length > 0);
    this.undone = this.undone.filter(({ changes }) => changes.length > 0);
  }

  /** An entry was submitted, and is in the view. */
  submitted({ key, drafts, queuedAt }: { key: string; drafts: readonly NaiveDraft[]; queuedAt: number }): void {
    const undo = this.#undo;
    if (!undo || !drafts.some(({ type }) => undo[type]?.back)) return;
    const places = new Set(drafts.map(({ type, payload }) => undo[type]!.place(payload)));
    const types = drafts.map(({ type }) => type).join();
    const last = this.#last;
    const continues =
      last !== undefined &&
      last.step === this.done.at(-1) &&
      last.step.changes.length < coalescedMax &&
      Math.abs(queuedAt - last.queuedAt) <= coalesceMs &&
      types === last.types &&
      [...places].every((place) => last.places.has(place));
    const step = this.#group ?? (continues ? last.step : { label: undefined, changes: [] });
    this.#last = { step, places, types, queuedAt };
    if (this.done.at(-1) !== step) this.done.push(step);
    step.changes.push({ key, drafts });
    this.done = this.done.slice(-stepsMax);
    this.undone = [];
    this.#epoch++;
  }

  /** The server has rejected the entry, or at least one of its drafts. `isConflict`: because others were faster. */
  rejected(key: string, isConflict: boolean): void {
    this.#rejected.add(key);
    if (isConflict) this.#conflicts.add(key);
  }

  /** The entry has no verdict: it cannot be undone, whatever becomes of it. */
  died(key: string): void {
    this.#dead.add(key);
  }

  /** Forgets what was decided, and cannot be undone. */
  settle(fates: Fates): void {
    for (const steps of [this.done, this.undone]) {
      for (const step of steps)
        step.changes = step.changes.filter(
          (change) =>
            change.key === undefined || fates.isPending(change.key) || this.#accepted(change, fates).length > 0,
        );
    }
    this.done = this.done.filter(({ changes }) => changes.length > 0);
    this.undone = this.undone.filter(({ changes }) => changes.length > 0);
  }

  /** Takes the step that is undone or redone now, or after those that are. */
  begin(what: "undo" | "redo", fates: Fates): Running {
    this.settle(fates);
    this.#last = undefined;
    // What is running may add to where this is taken from.
    if (this.#running.some((other) => other.what !== what)) this.lose();
    const step = (what === "undo" ? this.done : this.undone).pop() ?? { label: undefined, changes: [] };
    const undecided = new Set(
      step.changes.flatMap(({ key }) => (key !== undefined && fates.isPending(key) ? [key] : [])),
    );
    const back: Step = { label: step.label, changes: [] };
    const running: Running = { what, step, back, epoch: this.#epoch, undecided, submitted: undefined };
    this.#running.push(running);
    return running;
  }

  /** The step for which drafts are submitted now: the first one that `isIt`. Those before it have ended. */
  turnOf(isIt: (running: Running) => boolean, state: unknown, fates: Fates): Running | undefined {
    // It is tried again only where something of it was in conflict.
    const isOver = ({ submitted }: Running) =>
      submitted?.every((key) => !fates.isPending(key) && !this.#conflicts.has(key)) === true;
    while (this.#running[0] && isOver(this.#running[0])) this.#end(this.#running[0], state, fates);
    const turn = this.#running.find(isIt);
    if (turn) while (this.#running[0] !== turn) this.#end(this.#running[0]!, state, fates);
    return turn;
  }

  /** What a step has to make of `state` when it is undone. */
  expects({ step }: Running, state: unknown, fates: Fates): Undone {
    let drafts = 0;
    let skipped = 0;
    let after = structuredClone(state);
    for (const change of step.changes.toReversed()) {
      for (const { draft, isAsLeft } of this.#backs(change, fates, this.#undo!)) {
        drafts++;
        const next = structuredClone(after);
        if (!this.#apply(next, draft) || !isAsLeft(after)) skipped++;
        else after = next;
      }
    }
    return { state: after, drafts, skipped };
  }

  /** These entries were submitted for a step. */
  submittedFor(
    running: Running,
    entries: readonly { key: string; drafts: readonly NaiveDraft[] }[],
    state: unknown,
    fates: Fates,
  ): void {
    if (!running.submitted) this.#keepWithdrawn(running, state, fates);
    running.submitted = entries.map(({ key }) => key);
    for (const { key, drafts } of entries) running.back.changes.push({ key, drafts });
    this.#keep(running, running.back);
  }

  /** An undo or redo has ended, and those before it. Returns whether drafts should have been submitted for it, and were not. */
  end(running: Running, state: unknown, fates: Fates): boolean {
    while (running.isMissing === undefined) this.#end(this.#running[0]!, state, fates);
    return running.isMissing;
  }

  #end(running: Running, state: unknown, fates: Fates): void {
    const { step, submitted, back } = running;
    if (!submitted) this.#keepWithdrawn(running, state, fates);
    this.#keep(running, back);
    running.isMissing = !submitted && step.changes.some((change) => this.#accepted(change, fates).length > 0);
    this.#running = this.#running.filter((other) => other !== running);
  }

  /** What a draft makes of a state; false: the rules reject it. */
  apply(state: unknown, draft: NaiveDraft): boolean {
    return this.#apply(state, draft);
  }

  #accepted({ key, drafts }: Change, { isAccepted }: Fates): readonly NaiveDraft[] {
    if (key === undefined) return drafts;
    if (this.#dead.has(key)) return [];
    return drafts.filter(({ draftId, type }) => isAccepted(draftId) && this.#undo?.[type]?.back);
  }

  #backs(change: Change, fates: Fates, undo: Readonly<Record<string, NaiveUndo>>) {
    const { key, drafts, found = [] } = change;
    if (key === undefined) {
      return drafts.map((draft, at) => {
        const { fits, value } = found[at]!;
        const { value: valueIn } = undo[draft.type]!;
        const isAsLeft = (state: unknown) => (fits || draft.type !== "add") && valueIn(state, draft.payload) === value;
        return { draft, isAsLeft };
      });
    }
    return this.#accepted(change, fates)
      .toReversed()
      .map(({ type, payload, draftId }) => {
        const { back, value, left } = undo[type]!;
        const isAsLeft = (state: unknown) => value(state, payload) === left(payload, this.#clientId());
        return { draft: { ...back!(payload), draftId }, isAsLeft };
      });
  }

  /** What was withdrawn for an undo comes back with its redo. */
  #keepWithdrawn({ step, back, undecided }: Running, state: unknown, fates: Fates): void {
    const undo = this.#undo;
    if (!undo) return;
    for (const change of step.changes.toReversed()) {
      const { key, drafts } = change;
      if (key === undefined || !undecided.has(key) || this.#dead.has(key) || this.#rejected.has(key)) continue;
      if (drafts.some(({ draftId }) => fates.isAccepted(draftId))) continue;
      // Where they also write what is not undone, what they find there is not judged.
      if (drafts.some(({ type }) => !undo[type]!.back)) this.lose();
      const after = structuredClone(state);
      const found = drafts.map((draft): Found => {
        const value = undo[draft.type]!.value(after, draft.payload);
        const fits = this.#apply(after, draft);
        return { fits, value: fits ? value : undefined };
      });
      back.changes.push({ key: undefined, drafts, found });
    }
  }

  #keep({ what, epoch }: Running, back: Step): void {
    if (back.changes.length === 0) return;
    if (what === "redo") {
      if (!this.done.includes(back)) this.done.push(back);
    } else if (epoch === this.#epoch && !this.undone.includes(back)) this.undone.push(back);
  }
}
