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

/** The client and its user, for the functions of the model. */
export interface ReplicaIdentity {
  clientId: string;
  principal: string;
}

/** A committed event, with the id of its draft if the draft was of this principal. */
export type ConfirmedEvent = NumberedEvent & { draftId?: string | undefined };

/** The result of applying pending entries again. */
export interface Rebased {
  /** Entries that were in the view, and do not fit any more. They stay queued: the server decides. */
  fallen: readonly { key: string; failure: Failure }[];
}

/** An undecided entry of the queue. */
interface Group {
  readonly entry: QueueEntry;
  /** Why it is not in the view, or not completely. */
  failure: Failure | undefined;
  /** Whether it was in the view when the application was last informed. */
  reportedFitting: boolean;
  /** Its events may already be in the confirmed state: it is not shown until it is decided. */
  doubtful: boolean;
}

interface Pending {
  readonly draft: QueuedDraft;
  readonly group: Group;
  /** The position of the journal before the draft. Undefined: the draft is not in the view. */
  before: number | undefined;
  /** Whether the model has read its timestamp: the server will set another one. */
  timed: boolean;
  /** Whether its payload has passed the schema. */
  shaped: boolean;
}

/**
 * The optimistic state of one partition: the confirmed events, and then the pending drafts in the order
 * of the queue. The view always equals a full computation: fold the confirmed events, then apply each
 * pending draft that the model accepts. The cost of a change depends only on the data that it touches:
 * the journal undoes pending drafts, and a draft whose event is confirmed next becomes final in place.
 */
export class Replica<S extends object> {
  readonly #model: AnyModel;
  readonly #identity: ReplicaIdentity;
  #state: State<object>;
  #eventId = 0;
  #pending: Pending[] = [];
  readonly #byDraftId = new Map<string, Pending>();
  readonly #groups = new Map<string, Group>();
  /** Drafts that were matched with events by their content. */
  readonly #guessed = new Set<string>();
  /** Pending drafts from this index on have to be applied. */
  #applyFrom = 0;
  /** How many pending drafts are in the view. */
  #applied = 0;

  constructor(model: AnyModel, identity: ReplicaIdentity) {
    this.#model = model;
    this.#identity = identity;
    this.#state = new State(model.initialState(), { publishes: true });
  }

  /** The id of the last confirmed event. */
  get eventId(): number {
    return this.#eventId;
  }

  /** The undecided entries, in order; with `failure` if an entry does not fit the view. */
  get pending(): readonly { entry: QueueEntry; failure: Failure | undefined }[] {
    return [...this.#groups.values()].map(({ entry, failure }) => ({ entry, failure }));
  }

  has(key: string): boolean {
    return this.#groups.has(key);
  }

  entry(key: string): QueueEntry | undefined {
    return this.#groups.get(key)?.entry;
  }

  /** The number of drafts that are not confirmed. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Whether the confirmed state has no event of an undecided entry. */
  get onlyDecided(): boolean {
    let drafts = 0;
    for (const { entry } of this.#groups.values()) drafts += entry.drafts.length;
    return drafts === this.#pending.length;
  }

  /**
   * The drafts that undo `entry`, as the model declares them, in their order. Undefined if one of its
   * events cannot be undone. Call it before `add`. In a batch, each draft is evaluated on the state after
   * the drafts before it.
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
      // The model fails on it: `add` returns the failure.
      return undefined;
    } finally {
      this.#state.undoTo(before);
    }
    return all.length > draftBounds.batchEventsMax ? undefined : all;
  }

  /** The view as immutable plain data; unchanged parts are the same objects as before. Call `rebase` first. */
  publish(): S {
    this.#assertRebased();
    return this.#state.publish() as S;
  }

  /** Calls `read` with the view itself, without a copy. The result must contain no part of it. Call `rebase` first. */
  read<T>(read: (state: S) => T): T {
    this.#assertRebased();
    return this.#state.read((state) => read(state as S));
  }

  /** The confirmed state alone, as JSON text. All pending drafts have to be applied again after it. */
  confirmedText(): string {
    this.#takeBack(0);
    return this.#state.stringify();
  }

  /**
   * Adds an entry after the others, and applies it. Call `rebase` first. Returns a failure if the entry
   * does not fit the view. It is still pending then; `settle` removes it if it must not be sent.
   */
  add(entry: QueueEntry): Failure | undefined {
    this.#assertRebased();
    const group: Group = { entry, failure: undefined, reportedFitting: true, doubtful: false };
    this.#groups.set(entry.key, group);
    for (const draft of entry.drafts) {
      const pending: Pending = { draft, group, before: undefined, timed: false, shaped: false };
      this.#pending.push(pending);
      this.#byDraftId.set(draft.draftId, pending);
    }
    this.#applyGroup(group);
    group.reportedFitting = group.failure === undefined;
    return group.failure;
  }

  /** The entry is decided or withdrawn: its drafts that are not confirmed leave the view. */
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
   * @throws FoldError if the model cannot fold it.
   */
  confirm({ eventId, event, draftId }: ConfirmedEvent): void {
    if (eventId !== this.#eventId + 1) throw new Error(`event ${eventId} does not follow ${this.#eventId}`);
    const own = this.#ownOf(event, draftId);
    if (own && own === this.#pending[0] && own.before !== undefined && !own.timed && own.group.failure === undefined) {
      // The view already shows this event: it only becomes final.
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
   * The pending draft of an event. If the draft arrived on another connection, or its commit was
   * uncertain, the broadcast has no draft id. Then the first draft with the same content is used. If that
   * was another draft, its own event later uses this one: their contents are equal.
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
   * Starts again from a state of the server. It may contain events of the entries in `doubtful`: they
   * are not shown until they are decided.
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

  /** Applies the drafts that have to be applied, and returns the entries that do not fit any more. */
  rebase(): Rebased {
    if (this.#applyFrom === this.#pending.length) return { fallen: [] };
    const touched = new Set<Group>();
    while (this.#applyFrom < this.#pending.length) {
      const { group } = this.#pending[this.#applyFrom]!;
      touched.add(group);
      this.#applyGroup(group);
    }
    const fallen: { key: string; failure: Failure }[] = [];
    for (const group of touched) {
      const fits = group.failure === undefined;
      if (group.failure && group.reportedFitting) fallen.push({ key: group.entry.key, failure: group.failure });
      group.reportedFitting = fits;
    }
    return { fallen };
  }

  /** Removes the drafts from `index` on from the view. They have to be applied again. */
  #takeBack(index: number): void {
    const first = this.#pending.find(({ before }, at) => at >= index && before !== undefined);
    if (first) this.#state.undoTo(first.before!);
    for (let at = index; at < this.#applyFrom; at++) this.#leave(this.#pending[at]!);
    this.#applyFrom = Math.min(this.#applyFrom, index);
  }

  /** Applies the remaining drafts of a group, from `#applyFrom`: of an atomic batch all or none, of a sequential one those before the first failure. */
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
    if (this.#applyFrom !== this.#pending.length) throw new Error("call rebase first");
  }

  /** Applies one draft, or leaves the view unchanged and returns why. */
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
      // As if the drafts before it were committed: so its result does not change when they are.
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

/** The content of a draft or event: drafts with equal contents are interchangeable. */
function contentOf({ type, version = 1, payload }: Pick<QueuedDraft, "type" | "version" | "payload">): string {
  return canonicalJson({ type, version, payload });
}

function invalid(layer: "schema" | "rule", errors: Violation[]): Failure {
  return { code: "validation_failed", layer, detail: errors[0]!.message, errors };
}
