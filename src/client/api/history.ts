import type { AnyModel, ModelEvent, State, UndoBlock } from "../../model/index.ts";
import type { Writes } from "../../model/writes.ts";
import type { QueuedDraft, QueueEntry } from "../stores/store.ts";
import type { Recorder } from "../sync/recorder.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import { type Reversal, reversalOf } from "./reversal.ts";

/** How many own changes can be undone. */
const stepsMax = 200;
/** How long after the last one a change of the same place belongs to the same step, in milliseconds: as in Yjs and ProseMirror. */
const coalesceMs = 500;
/** How many changes belong to a step by that: an undo of them fits one batch. */
const coalescedMax = 256;

/** One submission of this client, as long as it can be undone. */
export class Change implements Recorder {
  readonly entry: QueueEntry;
  /** For each draft: how it is undone. Undefined: it was not applied, or not accepted. */
  readonly reversals: (Reversal | UndoBlock | undefined)[] = [];
  step: Step | undefined;
  wanted = true;
  /** Undefined: it is undecided. */
  verdict: Verdict | BatchVerdict | undefined;
  /** Called when it is decided. */
  decided = (): void => {};
  /** What it writes; undefined after it was compared with the change before it. */
  #writes: Writes[] | undefined = [];

  readonly #model: AnyModel;

  constructor(model: AnyModel, entry: QueueEntry) {
    this.#model = model;
    this.entry = entry;
  }

  record(state: State<object>, event: ModelEvent<unknown>, apply: () => unknown, draft: QueuedDraft): void {
    if (!this.wanted) {
      apply();
      return;
    }
    const { reversal, writes } = reversalOf(this.#model, state, event, apply);
    const index = this.entry.drafts.findIndex(({ draftId }) => draftId === draft.draftId);
    this.reversals[index] = reversal;
    this.#writes?.push(writes);
  }

  /** Whether there is something to undo, or it was not applied yet. */
  get undoable(): boolean {
    return (
      this.reversals.length === 0 ||
      this.reversals.some((one) => one && (typeof one === "string" || one.drafts.length > 0))
    );
  }

  /** The places that it writes: keys of objects, and items of arrays. */
  places(): Map<unknown, Set<string | undefined>> {
    const places = new Map<unknown, Set<string | undefined>>();
    for (const { container, key, old, value } of (this.#writes ?? []).flatMap(({ all }) => all)) {
      const item = value ?? old;
      const place = key === undefined && typeof item === "object" ? item : container;
      places.set(place, (places.get(place) ?? new Set()).add(key));
    }
    this.#writes = undefined;
    return places;
  }
}

/** What is undone together. */
export interface Step {
  readonly label: string | undefined;
  readonly changes: Change[];
}

/** The own changes that can be undone and redone, the newest last. */
export class History {
  readonly #model: AnyModel;
  done: Step[] = [];
  undone: Step[] = [];
  /** Changes when `undone` is emptied by a new change. */
  epoch = 0;
  /** No change is undone any more. */
  closed = false;
  readonly #undecided = new Map<string, Change>();
  #group: Step | undefined;
  #last: { places: ReturnType<Change["places"]>; entry: QueueEntry; step: Step } | undefined;

  constructor(model: AnyModel) {
    this.#model = model;
  }

  /** Changes that `run` submits are one step. */
  group<T>(label: string, run: () => T): T {
    if (this.#group) return run();
    this.#group = { label, changes: [] };
    try {
      return run();
    } finally {
      this.#group = this.#last = undefined;
    }
  }

  get undoLabel(): string | undefined {
    return this.done.at(-1)?.label;
  }

  get redoLabel(): string | undefined {
    return this.undone.at(-1)?.label;
  }

  /** Why the newest step cannot be undone. */
  get block(): UndoBlock | undefined {
    return blockOf(this.done.at(-1));
  }

  /** What records the entry while it is applied: for `add`. */
  recorder(entry: QueueEntry): Change {
    return new Change(this.#model, entry);
  }

  /** A change was submitted; `step`: it undoes or redoes another one, and can be undone with this step. */
  add(change: Change, step?: Step): void {
    const { entry } = change;
    if (!change.undoable) {
      change.wanted = false;
      return;
    }
    this.#undecided.set(entry.key, change);
    if (!step) {
      const places = change.places();
      step = this.#group ?? (this.#coalesces(entry, places) ? this.done.at(-1)! : { label: undefined, changes: [] });
      this.#last = { places, entry, step };
      if (this.done.at(-1) !== step) this.done.push(step);
      for (const old of [...this.undone, ...this.done.slice(0, -stepsMax)]) drop(old);
      this.undone = [];
      this.epoch++;
      this.done = this.done.slice(-stepsMax);
    }
    step.changes.push(change);
    change.step = step;
  }

  can(what: "done" | "undone"): boolean {
    const step = this[what].at(-1);
    return step !== undefined && blockOf(step) === undefined;
  }

  /** Takes the newest step, to undo or to redo it. */
  take(what: "done" | "undone"): Step | undefined {
    this.#last = undefined;
    return this.can(what) ? this[what].pop() : undefined;
  }

  /** Keeps a step that undoes or redoes another one, if it has changes; of those to redo, if there was no new change after `epoch`. */
  keep(where: "done" | "undone", step: Step, epoch: number): void {
    const isLate = this.closed || (where === "undone" && epoch !== this.epoch);
    if (step.changes.length > 0 && !isLate && !this[where].includes(step)) this[where].push(step);
  }

  settle(key: string, verdict: Verdict | BatchVerdict): void {
    const change = this.#undecided.get(key);
    if (!change) return;
    this.#undecided.delete(key);
    change.verdict = verdict;
    const results = "results" in verdict ? verdict.results : [];
    for (const index of change.entry.drafts.keys()) {
      if ((results[index] ?? verdict).status !== "accepted") change.reversals[index] = undefined;
    }
    if (!change.undoable) this.#remove(change);
    change.decided();
  }

  /** The log was replaced: nothing shows whether what was decided in the other one is in it. */
  logReplaced(): void {
    for (const { changes } of [...this.done, ...this.undone])
      for (const change of changes.toReversed()) if (change.verdict) this.#remove(change);
  }

  /** Nothing can be undone any more. */
  forget(): void {
    this.closed = true;
    for (const step of [...this.done, ...this.undone]) drop(step);
    this.done = [];
    this.undone = [];
    for (const key of this.#undecided.keys()) this.settle(key, { status: "undecided" });
  }

  #remove(change: Change): void {
    change.wanted = false;
    const { step } = change;
    step!.changes.splice(step!.changes.indexOf(change), 1);
    if (step!.changes.length > 0) return;
    this.done = this.done.filter((other) => other !== step);
    this.undone = this.undone.filter((other) => other !== step);
  }

  /** Whether the change continues the last one, as in typing and dragging: it writes the same places, soon after it. */
  #coalesces({ drafts, queuedAt }: QueueEntry, places: ReturnType<Change["places"]>): boolean {
    const last = this.#last;
    // Its step is gone if it was rejected or withdrawn: then the newest step is an older one.
    if (!last || last.step !== this.done.at(-1) || last.step.changes.length === coalescedMax) return false;
    if (Math.abs(queuedAt - last.entry.queuedAt) > coalesceMs || typesOf(drafts) !== typesOf(last.entry.drafts))
      return false;
    for (const [place, keys] of places) for (const key of keys) if (!last.places.get(place)?.has(key)) return false;
    return true;
  }
}

/** Why a step cannot be undone; undefined: it can. */
function blockOf(step: Step | undefined): UndoBlock | undefined {
  for (const { reversals } of step?.changes ?? []) {
    for (const reversal of reversals) if (typeof reversal === "string") return reversal;
  }
  return undefined;
}

function drop({ changes }: Step): void {
  for (const change of changes) change.wanted = false;
}

function typesOf(drafts: QueueEntry["drafts"]): string {
  return drafts.map(({ type }) => type).join();
}
