import {
  type AnyModel,
  type Compensation,
  compensationOf,
  foldEvent,
  invariantViolations,
  type ModelEvent,
  payloadViolations,
  ruleViolations,
  State,
  upcast,
} from "../../model/index.ts";
import {
  canonicalJson,
  type Failure,
  type JsonObject,
  draftBounds,
  type NumberedEvent,
  type Violation,
} from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry } from "../stores/store.ts";

/** Who this is, as the model's functions are told. */
export interface ReplicaIdentity {
  clientId: string;
  principal: string;
}

/** A committed event, with the draft's id where it was one of this principal's. */
export type ConfirmedEvent = NumberedEvent & { draftId?: string | undefined };

/** What became of pending entries when they were applied anew. */
export interface Rebased {
  /** Entries that were in the view, and fit no more. They stay queued: the server decides. */
  fallen: readonly { key: string; failure: Failure }[];
  /** Entries that had not fitted, and do now. */
  restored: readonly string[];
}

/** An entry of the queue, as far as it is undecided. */
interface Group {
  readonly entry: QueueEntry;
  /** Why it is not in the view, or not all of it. */
  failure: Failure | undefined;
  /** The same as the application was told last. */
  told: boolean;
  /** Its outcome may be in the confirmed state already: it is not shown until it is decided. */
  doubtful: boolean;
}

interface Pending {
  readonly draft: QueuedDraft;
  readonly group: Group;
  /** Where the journal was before it; undefined: it is not in the view. */
  before: number | undefined;
  /** Whether the model looked at its time: the server's will be another one. */
  timed: boolean;
  /** Whether its payload was found to have the right shape. */
  shaped: boolean;
}

/**
 * The optimistic state of one partition: the confirmed events, and over them the pending drafts, in
 * the order of the queue. What it shows is always what this would give from scratch: fold what is
 * confirmed, then apply each pending draft that the model does not object to. What a change costs
 * is what it touches: the journal takes pending drafts back, and a draft whose event comes next is
 * made final where it stands.
 */
export class Replica<S extends object> {
  readonly #model: AnyModel;
  readonly #identity: ReplicaIdentity;
  #state: State<object>;
  #eventId = 0;
  #pending: Pending[] = [];
  readonly #byDraftId = new Map<string, Pending>();
  readonly #groups = new Map<string, Group>();
  /** Drafts that were taken for those of events, by what is in them. */
  readonly #guessed = new Set<string>();
  /** Pending drafts from here on have to be applied (again). */
  #applyFrom = 0;
  /** How many pending drafts are in the view. */
  #applied = 0;

  constructor(model: AnyModel, identity: ReplicaIdentity) {
    this.#model = model;
    this.#identity = identity;
    this.#state = new State(model.initialState(), { publishes: true });
  }

  /** The last confirmed event. */
  get eventId(): number {
    return this.#eventId;
  }

  /** The undecided entries, in order; `failure` where one does not fit the view. */
  get pending(): readonly { entry: QueueEntry; failure: Failure | undefined }[] {
    return [...this.#groups.values()].map(({ entry, failure }) => ({ entry, failure }));
  }

  has(key: string): boolean {
    return this.#groups.has(key);
  }

  entry(key: string): QueueEntry | undefined {
    return this.#groups.get(key)?.entry;
  }

  /** Drafts that are not confirmed. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Whether no event of an undecided entry is in the confirmed state. */
  get whole(): boolean {
    let drafts = 0;
    for (const { entry } of this.#groups.values()) drafts += entry.drafts.length;
    return drafts === this.#pending.length;
  }

  /**
   * The drafts that would take `entry` back, as its model declares them, in their order; undefined
   * where one of its events cannot be taken back. Before `add`; for a batch each draft is looked at
   * on the state that those before it leave.
   */
  compensationsOf(entry: QueueEntry): Compensation[] | undefined {
    this.#assertRebased();
    const before = this.#state.position;
    const all: Compensation[] = [];
    try {
      for (const { type, payload, version } of entry.drafts) {
        const definition = this.#model.eventType(type);
        if (!definition?.compensate) return undefined;
        const { clientId } = this.#identity;
        const event = upcast(definition, {
          type,
          payload,
          ...(version === undefined ? {} : { version }),
          timestamp: entry.queuedAt,
          clientId,
        });
        const compensations = compensationOf(this.#model, this.#state, event);
        if (!compensations) return undefined;
        all.unshift(...compensations);
        if (entry.drafts.length > 1) {
          this.#state.change((state) => definition.reduce(state, event as never, this.#state.context));
        }
      }
    } catch {
      // The model fails on it: `add` will tell.
      return undefined;
    } finally {
      this.#state.undoTo(before);
    }
    return all.length > draftBounds.batchEventsMax ? undefined : all;
  }

  /** The view as plain data that never changes; unchanged parts are the same objects as before. `rebase` first. */
  publish(): S {
    this.#assertRebased();
    return this.#state.publish() as S;
  }

  /** Runs `read` on the view itself, without a copy. What it returns must hold no part of it. `rebase` first. */
  read<T>(read: (state: S) => T): T {
    this.#assertRebased();
    return this.#state.read((state) => read(state as S));
  }

  /** The confirmed state alone, as JSON text. Costs all pending drafts, and the state. */
  confirmedText(): string {
    this.#takeBack(0);
    return this.#state.stringify();
  }

  /**
   * Puts an entry behind the others, and applies it; `rebase` first. Returns what speaks against it in
   * the present view; it is then pending all the same, to be dropped by `settle` where it shall not be sent.
   */
  add(entry: QueueEntry): Failure | undefined {
    this.#assertRebased();
    const group: Group = { entry, failure: undefined, told: true, doubtful: false };
    this.#groups.set(entry.key, group);
    for (const draft of entry.drafts) {
      const pending: Pending = { draft, group, before: undefined, timed: false, shaped: false };
      this.#pending.push(pending);
      this.#byDraftId.set(draft.draftId, pending);
    }
    this.#applyGroup(group);
    group.told = group.failure === undefined;
    return group.failure;
  }

  /** The entry is decided, or given up: what of it is not confirmed by now is taken out of the view. */
  settle(key: string): void {
    const group = this.#groups.get(key);
    if (!group) return;
    this.#groups.delete(key);
    for (const { draftId } of group.entry.drafts) this.#guessed.delete(draftId);
    const first = this.#pending.findIndex(({ group }) => group.entry.key === key);
    if (first < 0) return;
    if (this.#pending.some(({ group, before }) => group.entry.key === key && before !== undefined)) {
      this.#takeBack(first);
    }
    let left = 0;
    this.#pending = this.#pending.filter((pending, at) => {
      if (pending.group.entry.key !== key) return true;
      this.#byDraftId.delete(pending.draft.draftId);
      if (at < this.#applyFrom) left++;
      return false;
    });
    this.#applyFrom -= left;
  }

  /**
   * Folds the next event of the log.
   *
   * @throws FoldError where the model cannot.
   */
  confirm({ eventId, event, draftId }: ConfirmedEvent): void {
    if (eventId !== this.#eventId + 1) throw new Error(`event ${eventId} does not follow ${this.#eventId}`);
    const own = this.#ownOf(event, draftId);
    if (own && own === this.#pending[0] && own.before !== undefined && !own.timed && own.group.failure === undefined) {
      // What was shown is what has happened: nothing changes but that it is final.
      this.#state.forgetTo(
        this.#pending.find(({ before }, at) => at > 0 && before !== undefined)?.before ?? this.#state.position,
      );
      this.#pending.shift();
      this.#applyFrom--;
      this.#applied--;
    } else {
      this.#takeBack(0);
      foldEvent(this.#model, this.#state, event);
      this.#state.forget();
      if (own) this.#pending.splice(this.#pending.indexOf(own), 1);
    }
    if (own) this.#byDraftId.delete(own.draft.draftId);
    this.#eventId = eventId;
  }

  /**
   * The pending draft that an event is of. One of this client that came by another connection, or
   * whose commit was in doubt, is broadcast without its draft: then it is the first one like it. If
   * that turns out to be another one, this is the next: alike, they stand for one another.
   */
  #ownOf(event: ConfirmedEvent["event"], draftId: string | undefined): Pending | undefined {
    if (draftId !== undefined && !this.#guessed.delete(draftId)) return this.#byDraftId.get(draftId);
    if (event.clientId !== this.#identity.clientId) return undefined;
    const content = contentOf(event);
    const own = this.#pending.find(({ draft }) => draft.type === event.type && contentOf(draft) === content);
    if (own) this.#guessed.add(own.draft.draftId);
    return own;
  }

  /**
   * Begins anew from a state of the server. Entries of `doubtful` may be in it already: they are not
   * shown until they are decided.
   */
  reset(state: object, eventId: number, doubtful: readonly string[]): void {
    this.#state = new State(state, { publishes: true });
    this.#eventId = eventId;
    this.#applyFrom = 0;
    this.#applied = 0;
    for (const pending of this.#pending) pending.before = undefined;
    const doubted = new Set(doubtful);
    for (const group of this.#groups.values()) group.doubtful = doubted.has(group.entry.key);
  }

  /** Applies what has to be applied again, and says what does not fit any more, or fits again. */
  rebase(): Rebased {
    if (this.#applyFrom === this.#pending.length) return { fallen: [], restored: [] };
    const touched = new Set<Group>();
    while (this.#applyFrom < this.#pending.length) {
      const { group } = this.#pending[this.#applyFrom]!;
      touched.add(group);
      this.#applyGroup(group);
    }
    const fallen: { key: string; failure: Failure }[] = [];
    const restored: string[] = [];
    for (const group of touched) {
      const fits = group.failure === undefined;
      if (fits === group.told) continue;
      group.told = fits;
      if (group.failure) fallen.push({ key: group.entry.key, failure: group.failure });
      else restored.push(group.entry.key);
    }
    return { fallen, restored };
  }

  /** Takes the drafts from `index` on out of the view, to be applied again. */
  #takeBack(index: number): void {
    const first = this.#pending.find(({ before }, at) => at >= index && before !== undefined);
    if (first) this.#state.undoTo(first.before!);
    for (let at = index; at < this.#applyFrom; at++) this.#leave(this.#pending[at]!);
    this.#applyFrom = Math.min(this.#applyFrom, index);
  }

  /** Applies the drafts of a group that are left, at `#applyFrom`: an atomic batch whole or not, a sequential one as far as it goes. */
  #applyGroup(group: Group): void {
    const from = this.#applyFrom;
    group.failure = undefined;
    for (let at = from; this.#pending[at]?.group === group; at++) {
      this.#applyFrom = at + 1;
      const pending = this.#pending[at]!;
      if (group.doubtful || group.failure) continue;
      const before = this.#state.position;
      group.failure = this.#apply(pending);
      if (!group.failure) {
        pending.before = before;
        this.#applied++;
      } else if (group.entry.mode === "atomic") {
        this.#state.undoTo(this.#pending[from]!.before ?? before);
        for (let of = from; of < at; of++) this.#leave(this.#pending[of]!);
      }
    }
  }

  #leave(pending: Pending): void {
    if (pending.before !== undefined) this.#applied--;
    pending.before = undefined;
  }

  #assertRebased(): void {
    if (this.#applyFrom !== this.#pending.length) throw new Error("pending drafts have to be applied first: rebase");
  }

  /** Applies one draft, or leaves the view as it was and says why. */
  #apply(pending: Pending): Failure | undefined {
    const { draft, group } = pending;
    const definition = this.#model.eventType(draft.type);
    if (!definition) return { code: "unknown_event_type", layer: "schema", detail: `There is no "${draft.type}".` };
    const before = this.#state.position;
    try {
      const current = upcast(definition, {
        ...draft,
        timestamp: group.entry.queuedAt,
        clientId: this.#identity.clientId,
      });
      const shape = pending.shaped ? [] : payloadViolations(definition, current.payload);
      if (shape.length > 0) return invalid("schema", shape);
      pending.shaped = true;
      const event: ModelEvent<JsonObject> = {
        ...current,
        get timestamp() {
          pending.timed = true;
          return current.timestamp;
        },
      };
      // As if those before it were committed, so that nothing changes for it when they are.
      const at = { head: this.#eventId + this.#applied, principal: this.#identity.principal };
      const rules = ruleViolations(definition as never, this.#state, event, at);
      if (rules.length > 0) return invalid("rule", rules);
      this.#state.change((state) => definition.reduce(state, event as never, this.#state.context));
      const broken = invariantViolations(this.#model, this.#state);
      if (broken.length === 0) return undefined;
      this.#state.undoTo(before);
      return { code: "invariant_violated", layer: "invariant", detail: broken[0]!.message, errors: broken };
    } catch (error) {
      this.#state.undoTo(before);
      return { code: "draft_failed", detail: `The model failed on "${draft.type}": ${String(error)}` };
    }
  }
}

/** What two drafts have to have in common to stand for one another. */
function contentOf({ type, version = 1, payload }: Pick<QueuedDraft, "type" | "version" | "payload">): string {
  return canonicalJson({ type, version, payload });
}

function invalid(layer: "schema" | "rule", errors: Violation[]): Failure {
  return { code: "validation_failed", layer, detail: errors[0]!.message, errors };
}
