import type { State } from "../../model/index.ts";
import { type Follower, keys, type Part, type Reader, Tracker, whole } from "../../model/tracking.ts";
import type { Group, NewRebaser, RebasedReplica, Rebaser } from "./rebaser.ts";

/**
 * How many parts of the state may be remembered for all entries together, each once for each entry that uses it. With
 * more, all entries are applied again after a change. Measured: 210 bytes each, so at most 28 MB; 5,000 updates of
 * different nodes have 35,000.
 */
const usesMax = 131_072;

/** A part of the state that entries in the view use. */
interface Cell {
  readonly of: object;
  readonly part: Part;
  readers: Slot;
  writers: Slot;
}

/** No group, one, or several: most parts have one user only. */
type Slot = Group | Set<Group> | undefined;

/** What an entry has used. */
interface Footprint {
  readonly read: Cell[];
  readonly written: Cell[];
  /** `whole` of each object of which it has written a key. */
  readonly around: Cell[];
}

/** Parts by their objects; true: it was written. */
type Uses = Map<object, Map<Part, boolean>>;

/**
 * Decides which entries a change affects: those that have read or written what is written now, or have written what is
 * read now. Only these are taken back, with those that depend on them, and applied again; the others stay in the view.
 *
 * Invariant: of two entries in the view of which one has written what the other has read or written, the later one in
 * the queue was applied later. So the view is the same as if all had been applied in the order of the queue, and each
 * entry can be undone when the later ones that used what it has written are.
 */
class Selective implements Rebaser, Reader, Follower {
  readonly #replica: RebasedReplica;
  readonly #state: State<object>;
  readonly #tracker: Tracker;
  readonly #cells = new Map<object, Map<Part, Cell>>();
  readonly #footprints = new Map<Group, Footprint>();
  /** The entries that have read the head. */
  readonly #headed = new Set<Group>();
  #uses = 0;
  /** What runs now has used. */
  #recorded: Uses | undefined;
  #recordedUses = 0;
  /** There are more uses than may be remembered: each change affects all. */
  #overflown = false;
  /** With how many entries at most it is tried again. */
  #entriesMax = Infinity;

  constructor(replica: RebasedReplica) {
    this.#replica = replica;
    this.#state = replica.live;
    this.#tracker = Tracker.of(this.#state);
    this.#tracker.follow(this);
  }

  apply(group: Group): void {
    for (;;) {
      group.headed = false;
      const uses = this.#record(() => this.#replica.evaluate(group));
      if (this.#overflown) {
        if (uses) this.#replica.takeBack(group);
        if (group.stale) this.#replica.evaluate(group);
        return;
      }
      // Then what it has written was undone.
      if (!isShown(group)) for (const parts of uses!.values()) for (const part of parts.keys()) parts.set(part, false);
      const later = this.#usersOf(uses!, group.order);
      if (later.size === 0) {
        this.#remember(group, uses!);
        return;
      }
      this.#replica.setAside(group);
      this.#setAside(later);
    }
  }

  takeBack(group: Group): boolean {
    if (this.#overflown) return false;
    // It counts for the heads after it.
    const headed = [...this.#headed].filter(({ order }) => order > group.order);
    this.#setAside([group, ...headed]);
    return true;
  }

  fold(change: (state: Pick<State<object>, "replay" | "context">) => void, own: Group | undefined): boolean {
    if (this.#overflown) return false;
    // The head grows.
    this.#setAside([...(own ? [own] : []), ...this.#headed]);
    const state = this.#state;
    const journaling = { context: state.context, replay: (run: (root: object) => void) => void state.change(run) };
    for (;;) {
      let failed = false;
      let failure: unknown;
      const uses = this.#record(() => {
        try {
          change(journaling);
        } catch (error) {
          failed = true;
          failure = error;
        }
      });
      const affected = uses && !this.#overflown ? this.#usersOf(uses, -1) : undefined;
      if (affected?.size === 0) {
        if (failed) throw failure;
        state.forget();
        return true;
      }
      state.undoTo(0);
      if (!affected) return false;
      this.#setAside(affected);
    }
  }

  forget(group: Group): void {
    this.#headed.delete(group);
    const footprint = this.#footprints.get(group);
    if (!footprint) return;
    this.#footprints.delete(group);
    const { read, written, around } = footprint;
    this.#uses -= read.length + written.length + around.length;
    for (const cell of read) cell.readers = without(cell.readers, group);
    for (const cell of [...written, ...around]) cell.writers = without(cell.writers, group);
    for (const cell of [...read, ...written, ...around]) {
      if (cell.readers || cell.writers) continue;
      const cells = this.#cells.get(cell.of);
      if (cells?.delete(cell.part) && cells.size === 0) this.#cells.delete(cell.of);
    }
  }

  /** Forgets all entries. False: the replica has another state. */
  restart(): boolean {
    this.#clear();
    this.#overflown = this.#replica.groups.size > this.#entriesMax;
    return this.#state === this.#replica.live;
  }

  read(of: object, part: Part): void {
    if (!this.#recorded) return;
    // What is in an array moves, so that its parts say nothing.
    this.#use(of, part === keys || Array.isArray(of) ? whole : part, false);
  }

  property(container: object, key: string): void {
    if (this.#recorded) this.#use(container, key, true);
  }

  splice(array: object): void {
    if (this.#recorded) this.#use(array, whole, true);
  }

  structure(of: object, part: Part): void {
    if (this.#recorded) this.#use(of, part, true);
  }

  #use(of: object, part: Part, writes: boolean): void {
    let parts = this.#recorded!.get(of);
    if (!parts) this.#recorded!.set(of, (parts = new Map()));
    if (!writes && (parts.has(part) || parts.has(whole))) return;
    if (!parts.has(part) && ++this.#recordedUses + this.#uses > usesMax) this.#overflow();
    else parts.set(part, writes);
  }

  /** Runs `body`, and returns what it has used; undefined if that is not recorded. */
  #record(body: () => void): Uses | undefined {
    if (this.#overflown) {
      body();
      return undefined;
    }
    const uses: Uses = new Map();
    this.#recorded = uses;
    this.#recordedUses = 0;
    try {
      this.#tracker.tell(this, body);
    } finally {
      this.#recorded = undefined;
    }
    return uses;
  }

  #overflow(): void {
    this.#overflown = true;
    this.#entriesMax = this.#replica.groups.size >> 1;
    this.#clear();
  }

  #clear(): void {
    this.#recorded = undefined;
    this.#cells.clear();
    this.#footprints.clear();
    this.#headed.clear();
    this.#uses = 0;
  }

  /** The entries after `order` with which these uses cannot change places. */
  #usersOf(uses: Uses, order: number): Set<Group> {
    const users = new Set<Group>();
    for (const [of, parts] of uses) {
      const cells = this.#cells.get(of);
      if (!cells) continue;
      for (const [part, written] of parts) {
        const cell = cells.get(part);
        addLater(cell?.writers, order, users);
        if (!written) continue;
        addLater(cell?.readers, order, users);
        addLater(cells.get(whole)?.readers, order, users);
      }
    }
    return users;
  }

  /** Takes entries back, with the later ones that have used what these have written. They have to be applied again. */
  #setAside(groups: Iterable<Group>): void {
    const all = new Set(groups);
    // The set grows during the iteration.
    for (const group of all) {
      for (const { of, readers, writers } of this.#footprints.get(group)?.written ?? []) {
        addLater(writers, group.order, all);
        addLater(readers, group.order, all);
        addLater(this.#cells.get(of)?.get(whole)?.readers, group.order, all);
      }
    }
    for (const group of [...all].sort((one, other) => other.order - one.order)) {
      this.#replica.setAside(group);
      this.forget(group);
    }
  }

  #remember(group: Group, uses: Uses): void {
    const footprint: Footprint = { read: [], written: [], around: [] };
    for (const [of, parts] of uses) {
      let writes = false;
      for (const [part, written] of parts) {
        const cell = this.#cellOf(of, part);
        if (written) {
          cell.writers = withOne(cell.writers, group);
          footprint.written.push(cell);
          writes ||= part !== whole;
        } else {
          cell.readers = withOne(cell.readers, group);
          footprint.read.push(cell);
        }
      }
      if (!writes) continue;
      const around = this.#cellOf(of, whole);
      around.writers = withOne(around.writers, group);
      footprint.around.push(around);
    }
    this.#footprints.set(group, footprint);
    this.#uses += footprint.read.length + footprint.written.length + footprint.around.length;
    if (group.headed) this.#headed.add(group);
  }

  #cellOf(of: object, part: Part): Cell {
    let cells = this.#cells.get(of);
    if (!cells) this.#cells.set(of, (cells = new Map()));
    let cell = cells.get(part);
    if (!cell) cells.set(part, (cell = { of, part, readers: undefined, writers: undefined }));
    return cell;
  }
}

const known = new WeakMap<object, Selective>();

export const selective: NewRebaser = (replica) => {
  const before = known.get(replica);
  if (before?.restart()) return before;
  const made = new Selective(replica);
  known.set(replica, made);
  return made;
};

function isShown({ members }: Group): boolean {
  return members.some(({ undo }) => undo);
}

function addLater(slot: Slot, order: number, to: Set<Group>): void {
  if (!slot) return;
  if (!(slot instanceof Set)) {
    if (slot.order > order) to.add(slot);
    return;
  }
  for (const group of slot) if (group.order > order) to.add(group);
}

function withOne(slot: Slot, group: Group): Slot {
  if (!slot || slot === group) return group;
  return slot instanceof Set ? slot.add(group) : new Set([slot, group]);
}

function without(slot: Slot, group: Group): Slot {
  if (!(slot instanceof Set)) return slot === group ? undefined : slot;
  slot.delete(group);
  return slot.size === 0 ? undefined : slot;
}
