import type { ChangeDesc, ChangeSet } from "@codemirror/state";

/** How many steps can be undone, as of a client. */
const stepsMax = 200;
/** How long after the last change one beside it belongs to the same step, in milliseconds: as in CodeMirror. */
const groupMs = 500;
/** UTF-16 units that the steps insert, all together: of what was deleted, to bring it back. */
const unitsMax = 4 * 1024 * 1024;

/** Changes of others, one after the other; each is composed of `count` of them. */
type Others = readonly { readonly desc: ChangeDesc; readonly count: number }[];

/** What is undone or redone together. */
interface Step {
  /** Of the text as it is when the steps above it are undone. */
  readonly changes: ChangeSet;
  /** What others have changed since it was made, for the steps below it: they are mapped when they come to the top. */
  readonly others: Others;
  readonly units: number;
}

/**
 * The changes with one more. Two are composed when the later one is as large as the earlier one: so each change is composed
 * about as often as a binary number has digits. With one composition of all, each key of others would cost as much as all
 * places that they have changed before.
 */
function withLater(others: Others, { desc, count }: Others[number]): Others {
  const earlier = others.at(-1);
  if (!earlier || earlier.count > count) return [...others, { desc, count }];
  return withLater(others.slice(0, -1), { desc: earlier.desc.composeDesc(desc), count: earlier.count + count });
}

/** Steps, the newest last. Only the newest is mapped over what others change, so that this costs the same for many. */
class Steps {
  #steps: Step[] = [];
  #units = 0;

  get last(): Step | undefined {
    return this.#steps.at(-1);
  }

  push(changes: ChangeSet, others: Others = []): void {
    const units = insertedBy(changes);
    this.#steps.push({ changes, units, others: this.#steps.length > 0 ? others : [] });
    this.#units += units;
    while (this.#steps.length > stepsMax || (this.#units > unitsMax && this.#steps.length > 1))
      this.#units -= this.#steps.shift()!.units;
  }

  /** Takes the newest one. */
  pop(): Step | undefined {
    const step = this.#steps.pop();
    if (step) this.#units -= step.units;
    return step;
  }

  /** Others have changed the text. Steps that have nothing to undo any more are dropped. */
  map(over: Others): void {
    let others = over;
    for (let step = this.pop(); step; step = this.pop()) {
      let { changes, others: below } = step;
      for (const { desc, count } of others) {
        below = withLater(below, { desc: desc.mapDesc(changes, true), count });
        changes = changes.map(desc);
      }
      if (!changes.empty) return this.push(changes, below);
      others = below;
    }
  }

  clear(): void {
    this.#steps = [];
    this.#units = 0;
  }
}

/** The own changes of a text that can be undone and redone, mapped over those of others. */
export class TextHistory {
  readonly #done = new Steps();
  readonly #undone = new Steps();
  /** When the newest step was changed last; undefined: the next change is a step of its own. */
  #changedAt: number | undefined;

  get canUndo(): boolean {
    return this.#done.last !== undefined;
  }

  get canRedo(): boolean {
    return this.#undone.last !== undefined;
  }

  /** The user has made a change at `now`, which `back` takes back. What is typed without a pause is one step. */
  add(back: ChangeSet, now: number): void {
    this.#undone.clear();
    const last = this.#done.last;
    if (last && this.#changedAt !== undefined && now - this.#changedAt <= groupMs && touch(last.changes, back)) {
      this.#done.pop();
      this.#done.push(back.compose(last.changes), last.others);
    } else this.#done.push(back);
    this.#changedAt = now;
  }

  /** Others have changed the text. */
  map(desc: ChangeDesc): void {
    const others = [{ desc, count: 1 }];
    this.#done.map(others);
    this.#undone.map(others);
  }

  /**
   * Takes the newest step. `apply` makes the change, and returns what takes it back; undefined: it was not made. False: there
   * is no step.
   */
  run(what: "undo" | "redo", apply: (changes: ChangeSet) => ChangeSet | undefined): boolean {
    const [from, to] = what === "undo" ? [this.#done, this.#undone] : [this.#undone, this.#done];
    const step = from.pop();
    if (!step) return false;
    this.#changedAt = undefined;
    from.map(step.others);
    const back = apply(step.changes);
    if (back) to.push(back);
    // Those below it are of a text that does not come about.
    else this.clear();
    return true;
  }

  /** Nothing can be undone any more. */
  clear(): void {
    this.#done.clear();
    this.#undone.clear();
  }
}

function insertedBy(changes: ChangeSet): number {
  let units = 0;
  changes.iterChanges((_, __, ___, ____, inserted) => (units += inserted.length), true);
  return units;
}

/** Whether a change that `back` takes back is beside those that `last` takes back. */
function touch(last: ChangeSet, back: ChangeSet): boolean {
  const ranges: [from: number, to: number][] = [];
  last.iterChangedRanges((from, to) => ranges.push([from, to]));
  let touches = false;
  // `back` leads to the text that `last` is of.
  back.iterChangedRanges((_, __, from, to) => {
    touches ||= ranges.some((range) => to >= range[0] && from <= range[1]);
  });
  return touches;
}
