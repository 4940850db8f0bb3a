import type { AnyModel, Compensation, State } from "../../model/index.ts";
import { type Writes, writesOf } from "../../model/writes.ts";
import { bytesIn, compensationBytesMax } from "../../model/compensate.ts";
import type { Failure } from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry } from "../stores/store.ts";
import type { StatusReport } from "../sync/status.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import type { Ports } from "../transport/ports.ts";
import type { Emitter } from "./emitter.ts";
import type { ClientEvents } from "./events.ts";
import type { Change, History, Step } from "./history.ts";
import { type Taken, takenBy, textOfJson } from "./reversal.ts";
import type { UndoResult } from "./undo-result.ts";
import type { View } from "./view.ts";

/** How often an undo is made again because others were faster: each time it loses against an event within one round trip. */
const triesMax = 8;
/** Drafts of a batch, and bytes, without what its message has around them and around each. */
const batchDraftsMax = 256;
const batchBytesMax = compensationBytesMax;
const bytesAroundDraft = 192;

type AnyVerdict = Verdict | BatchVerdict;
type AnyResult = UndoResult<any>;
type Apply = (draft: QueuedDraft, queuedAt: number) => Failure | (() => void);
type AnySkipped = AnyResult["skipped"][number];

/** What undoing needs of its client. */
export interface UndoHost {
  readonly model: AnyModel;
  readonly ports: Pick<Ports, "now">;
  readonly client: { readonly status: StatusReport };
  readonly view: View<any>;
  readonly entries: {
    withdraw(key: string): void | Promise<unknown>;
    changed(): void;
    removal: Promise<void> | undefined;
  };
  readonly emitter: Pick<Emitter<ClientEvents>, "emit" | "on">;
  /** Submits drafts, which can be undone with `step`. */
  enter(mode: QueueEntry["mode"], drafts: readonly any[], signal: undefined, step: Step): Promise<AnyVerdict>;
}

/** A draft that undoes something. */
interface Back {
  readonly draft: Compensation;
  /** What it would have taken out of the state when that was as this client has left it. */
  readonly taken: readonly Taken[];
  /** The state of `taken`. */
  readonly state: State<object> | undefined;
}

/** A draft to submit. */
interface Kept {
  readonly back: Back;
  /** Whether another change of the same data would make it wrong. */
  readonly guarded: boolean;
}

interface Judged {
  readonly kept: readonly Kept[];
  readonly skipped: readonly AnySkipped[];
  /** What was judged, where `kept` is not a part of it. */
  readonly sources?: readonly Back[];
}

/** Undoes and redoes the steps of one client. */
export class Undoer {
  readonly #history: History;
  readonly #host: UndoHost;
  #running = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(history: History, host: UndoHost) {
    this.#host = host;
    this.#history = history;
  }

  /** Undoes or redoes the newest step; undefined: there is none that can be. One after the other. */
  run(what: "undo" | "redo"): Promise<AnyResult | undefined> {
    const from = what === "undo" ? "done" : "undone";
    const step = this.#history.take(from);
    if (!step) return Promise.resolve(undefined);
    // At once, so that the state shows it when the call returns.
    const changes = step.changes.toReversed();
    const withdrawals = this.#withdraw(changes);
    const { epoch } = this.#history;
    const undo = () => this.#undo(step, changes, what, withdrawals, epoch);
    const result = this.#running === 0 ? undo() : this.#last.then(undo);
    this.#running++;
    this.#last = result.then(
      () => this.#running--,
      () => this.#running--,
    );
    return result;
  }

  /** What is undecided is not shown any more, and withdrawn if it was not sent. */
  #withdraw(changes: readonly Change[]): Promise<unknown>[] {
    const { view, entries } = this.#host;
    const undecided = changes.filter(({ verdict }) => verdict === undefined);
    for (const { entry } of undecided) view.replica.hide(entry.key);
    if (undecided.length > 0) this.#host.entries.changed();
    return undecided.map(({ entry }) => entries.withdraw(entry.key)).filter((asked) => asked !== undefined);
  }

  async #undo(
    step: Step,
    changes: readonly Change[],
    what: "undo" | "redo",
    withdrawals: readonly Promise<unknown>[],
    epoch: number,
  ): Promise<AnyResult> {
    const { view, emitter } = this.#host;
    const history = this.#history;
    const { label } = step;
    const back: Step = { label, changes: [] };
    const keep = () => history.keep(what === "undo" ? "undone" : "done", back, epoch);

    const waiting = changes.filter(({ verdict }) => verdict === undefined);
    if (waiting.length > 0) {
      if (withdrawals.length > 0) await Promise.all(withdrawals);
      const decided = waiting.map((change) => change.verdict ?? new Promise<void>((done) => (change.decided = done)));
      await Promise.all(decided);
    }

    const verdicts: AnyVerdict[] = [];
    const skipped: AnySkipped[] = [];
    let status: AnyResult["status"] = "nothing";
    const backs: Back[] = [];
    for (const change of changes) {
      const { verdict } = change;
      if (verdict!.status === "withdrawn") {
        status = "withdrawn";
        back.changes.push(this.#again(change, back));
      } else if (verdict!.status === "undecided") return { status: "undecided", label, skipped, verdicts };
      else backs.push(...backsOf(change));
    }

    const final: AnyVerdict[] = [];
    let left: readonly Back[] = backs;
    for (let tries = 0; left.length > 0 && tries < triesMax; tries++) {
      if (history.closed) return { status: "undecided", label, skipped, verdicts };
      const { kept, skipped: these, sources } = this.#judge(left, step);
      skipped.push(...these);
      const batches = batchesOf(kept);
      const expectedEventId = view.replica.eventId;
      const submitted = batches.map((batch) =>
        this.#submit(
          batch.map(({ back: { draft }, guarded }) => ({ ...draft, ...(guarded ? { expectedEventId } : {}) })),
          back,
        ),
      );
      keep();
      const [drafts, entries] = [kept.length, batches.length];
      emitter.emit("undo", { what, label, drafts, entries, skipped: skipped.length });
      const decided = await Promise.all(submitted);
      const conflicts = decided.map((verdict) => conflictIn(verdict));
      const lost = batches.flatMap((batch, at) => (conflicts[at] === undefined ? [] : batch.map(({ back }) => back)));
      left = lost.length > 0 ? (sources ?? lost) : [];
      verdicts.push(...decided);
      const isAgain =
        left.length > 0 &&
        tries + 1 < triesMax &&
        (await this.#caughtUpTo(Math.max(...conflicts.map((id) => id ?? 0))));
      final.push(...decided.filter((_, at) => conflicts[at] === undefined || !isAgain));
      if (!isAgain) break;
    }
    keep();
    // Before that a crash could bring it back.
    if (status === "withdrawn") await this.#host.entries.removal;
    return { status: statusOf(final) ?? status, label, skipped, verdicts };
  }

  /** Which of the drafts fit the state and find what they take back as this client has left it. */
  #judge(backs: readonly Back[], step: Step): Judged {
    const whole = this.#attempt(backs, true);
    if (whole.skipped.length > 0 || step.changes.length < 2) return whole;
    // As in typing: where the drafts of the oldest change alone have the same result, the others are not needed.
    const oldest = step.changes.find(({ verdict }) => verdict!.status === "accepted");
    const alone = oldest && this.#attempt(backsOf(oldest), false);
    if (!alone || alone.skipped.length > 0 || !sameResult(whole.results, alone.results)) return whole;
    return { kept: alone.kept.map(({ back }) => ({ back, guarded: true })), skipped: [], sources: backs };
  }

  /** Resolves when the state has this event, or the client is closed. False: it will not have it, because it stands still. */
  async #caughtUpTo(eventId: number): Promise<boolean> {
    const { view, emitter, client } = this.#host;
    const isThere = () => view.replica.eventId >= eventId || this.#history.closed;
    await new Promise<void>((resolve) => {
      const next = () => {
        if (!isThere() && client.status.waiting !== "reload") return;
        for (const off of offs) off();
        resolve();
      };
      const offs = [emitter.on("confirmed", next), emitter.on("reset", next), emitter.on("status", next)];
      next();
    });
    return isThere();
  }

  async #submit(drafts: readonly object[], step: Step): Promise<AnyVerdict> {
    return this.#host.enter(drafts.length === 1 ? "single" : "atomic", drafts, undefined, step);
  }

  /** Calls `run` with the state and a function that applies a draft to it. Nothing of it is left afterwards. */
  #trial<T>(run: (state: State<object>, apply: Apply) => T): T {
    const { view } = this.#host;
    const keys: string[] = [];
    const undo = () => view.replica.settle(keys.pop()!);
    try {
      return run(view.rebased().live, (draft, queuedAt) => {
        const key = `trial ${keys.length}`;
        const drafts = [{ ...draft, draftId: key }];
        keys.push(key);
        const failure = view.rebased().add({ key, mode: "single", drafts, queuedAt });
        if (!failure) return undo;
        undo();
        return failure;
      });
    } finally {
      while (keys.length > 0) undo();
    }
  }

  #attempt(backs: readonly Back[], compares: boolean) {
    return this.#trial((state, apply) => {
      const kept: Kept[] = [];
      const skipped: AnySkipped[] = [];
      const results: Results = new Map();
      for (const back of backs) {
        const { draft } = back;
        let applied!: ReturnType<Apply>;
        const writes = writesOf(state, () => (applied = apply(this.#queued(draft), this.#host.ports.now())));
        if (typeof applied !== "function") {
          skipped.push({ draft, why: "rejected", failure: applied });
          continue;
        }
        const now = takenBy(writes);
        const isThere = (list: object) => back.state === state && holds(state, list);
        const asLeft = compares ? compare(back.taken, now, isThere) : "same";
        if (asLeft === "changed") {
          applied();
          skipped.push({ draft, why: "changed" });
        } else if (now.length > 0) {
          kept.push({ back, guarded: asLeft !== "relative" });
          addResults(results, writes);
        }
      }
      return { kept, skipped, results };
    });
  }

  /** A change that undoes the withdrawal of another one: it submits the same drafts again. */
  #again({ entry }: Change, step: Step): Change {
    const again = this.#history.recorder(entry);
    const drafts = entry.drafts.map(({ type, payload }) => ({ type, payload }));
    again.reversals[0] = { drafts, taken: this.#takenBy(entry), state: undefined };
    again.verdict = { status: "accepted", results: [] };
    again.step = step;
    return again;
  }

  /** What the drafts of an entry would take out of the state now. */
  #takenBy(entry: QueueEntry): Taken[][] {
    return this.#trial((state, apply) =>
      entry.drafts.map((draft) => {
        let applied!: ReturnType<Apply>;
        const writes = writesOf(state, () => (applied = apply(draft, entry.queuedAt)));
        return typeof applied === "function" ? takenBy(writes) : [];
      }),
    );
  }

  #queued({ type, payload }: Compensation): QueuedDraft {
    return { draftId: "", type, payload, version: this.#host.model.eventType(type)?.version ?? 1 };
  }
}

/** The drafts that undo an accepted change, the newest first. */
function backsOf({ reversals }: Change): Back[] {
  return reversals.toReversed().flatMap((reversal) => {
    if (typeof reversal !== "object") return [];
    const { drafts, taken, state } = reversal;
    return drafts.map((draft, at) => ({ draft, taken: taken[at] ?? [], state }));
  });
}

/** How what a draft takes out of the state now compares with what it would have taken when this client had left it so. */
function compare(
  left: readonly Taken[],
  now: readonly Taken[],
  isThere: (list: object) => boolean,
): "same" | "relative" | "changed" {
  const known = left.filter(({ own }) => own);
  const beside = new Set(left.filter(({ own }) => !own).map(({ write: { key } }) => key));
  let relative = known.length > 0;
  for (const taken of now) {
    const at = known.findIndex((one) => isSame(one, taken, isThere));
    if (at >= 0) {
      const [one] = known.splice(at, 1);
      relative &&= taken.text.startsWith("+") && one!.write.value !== taken.write.value;
    } else if (taken.text !== "" && !beside.has(taken.write.key)) return "changed";
  }
  if (known.length > 0) return "changed";
  return relative ? "relative" : "same";
}

function isSame(left: Taken, now: Taken, isThere: (list: object) => boolean): boolean {
  const [one, other] = [left.write, now.write];
  if (left.text !== now.text || one.key !== other.key) return false;
  if (one.key !== undefined) return true;
  // Of an item: in the same list, and where it was only moved, beside one of the items that were beside it. A list that is
  // not there any more, as after a deletion that was undone, or in a state that was fetched again, cannot be compared.
  if (one.container !== other.container) return !isThere(one.container);
  return left.text !== "moved" || one.beside.some((item, at) => isSameItem(item, other.beside[at]));
}

/** Whether this list or object is in the state. It looks at all of it: once for an undo, and seldom. */
function holds(state: State<object>, sought: object): boolean {
  return state.read((root) => {
    const open: unknown[] = [state.seams.host.unwrap(root)];
    for (const value of open) {
      if (value === sought) return true;
      if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) open.push(inner);
    }
    return false;
  });
}

function isSameItem(one: unknown, other: unknown): boolean {
  return one === other || (idOf(one) !== undefined && idOf(one) === idOf(other));
}

function idOf(item: unknown): unknown {
  return typeof item === "object" && item !== null ? (item as { id?: unknown }).id : undefined;
}

/** The values that drafts have written, by container and key; of arrays the items. */
type Results = Map<object, Map<string | undefined, { old: string; value: string }>>;

function addResults(results: Results, { all }: Writes): void {
  for (const { container, key, old, value } of all) {
    const ofContainer = results.get(container) ?? new Map<string | undefined, { old: string; value: string }>();
    results.set(container, ofContainer);
    const before = ofContainer.get(key)?.old ?? (key === undefined ? "?" : textOfJson(old));
    ofContainer.set(key, { old: before, value: textOfJson(key === undefined ? container : value) });
  }
}

/** Whether two attempts on the same state have the same result. */
function sameResult(one: Results, other: Results): boolean {
  const within = (these: Results, those: Results) =>
    [...these].every(([container, keys]) =>
      [...keys].every(([key, { old, value }]) => {
        const there = those.get(container)?.get(key);
        return value === (there ? there.value : old);
      }),
    );
  return within(one, other) && within(other, one);
}

/** Divides drafts into batches, in their order. */
function batchesOf(kept: readonly Kept[]): Kept[][] {
  const batches: Kept[][] = [];
  let bytes = Infinity;
  for (const one of kept) {
    const size = bytesIn(JSON.stringify(one.back.draft)) + bytesAroundDraft;
    if (bytes + size > batchBytesMax || batches.at(-1)!.length === batchDraftsMax) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(one);
    bytes += size;
  }
  return batches;
}

/** The newest event with which a verdict is in conflict; undefined: with none. */
function conflictIn(verdict: AnyVerdict): number | undefined {
  if (verdict.status !== "rejected") return undefined;
  const problems =
    "results" in verdict
      ? verdict.results.map((result) => ("problem" in result ? result.problem : undefined))
      : [verdict.problem];
  const problem = problems.find((one) => one?.code === "conflict");
  return problem && Math.max(0, ...(problem.conflictingEventIds ?? []));
}

function statusOf(verdicts: readonly AnyVerdict[]): AnyResult["status"] | undefined {
  const order: AnyVerdict["status"][] = ["undecided", "parked", "expired", "rejected", "withdrawn", "accepted"];
  return order.find((status) => verdicts.some((verdict) => verdict.status === status));
}
