import {
  type AnyModel,
  foldEvent,
  invariantViolations,
  keyViolation,
  type ModelEvent,
  payloadViolations,
  ruleViolations,
  State,
  upcast,
} from "../../model/index.ts";
import { type Failure, type JsonObject, type NumberedEvent, type Violation } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";
import { messageOf } from "./issue-message.ts";
import type { Group, NewRebaser, Pending, Rebaser } from "./rebaser.ts";
import type { Recorder } from "./recorder.ts";

/** With more undecided drafts than this, only what a change affects is applied again: applying 64 takes 0.3 ms. */
const promptDraftsMax = 64;

/** The client and its user, for the functions of the model. */
export interface ReplicaIdentity {
  /** As reducers get it: empty if the model hides its authors. */
  clientId: string;
  principal: string;
  /** What events say of the user; undefined: nothing, or it is not known yet. */
  author: string | undefined;
}

/** A committed event, with the id of its draft if the draft was of this principal. */
export interface ConfirmedEvent<Event = NumberedEvent["event"]> extends NumberedEvent<Event> {
  draftId?: string | undefined;
}

/** The result of applying pending entries again. */
export interface Rebased {
  /** Entries that were in the view, and do not fit any more. They stay queued: the server decides. */
  fallen: readonly { key: string; failure: Failure }[];
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
  /** @internal The drafts that are not confirmed, by their ids, in the order of the queue. */
  readonly drafts = new Map<string, Pending>();
  /** @internal The undecided entries, by key, in the order of the queue. */
  readonly groups = new Map<string, Group>();
  /** Whether an entry has to be applied. */
  #stale = false;
  /** How many entries are doubtful; one more while there is no confirmed state. */
  #doubts = 1;
  #newRebaser: NewRebaser | undefined;
  #rebaser: Rebaser | undefined;
  #selective: Promise<void> | undefined;
  /** The number of entries that were added. */
  #added = 0;

  constructor(model: AnyModel, identity: ReplicaIdentity) {
    this.#model = model;
    this.#identity = { ...identity };
    this.#state = new State(model.initialState(), { publishes: true });
  }

  /** Pending drafts are applied again, by this author. */
  introduce(author: string | undefined): void {
    if (author === this.author) return;
    this.takeBack();
    this.#identity.author = author;
  }

  /** The id of the last confirmed event. */
  get eventId(): number {
    return this.#eventId;
  }

  /**
   * Whether it can judge drafts: the confirmed state is here, it is known of each pending entry whether it is in it, and
   * what events will say of their author.
   */
  get judges(): boolean {
    return this.#doubts === 0 && !this.#unnamed;
  }

  /** What events say of the user; undefined: nothing, or the server has to say it first. */
  get author(): string | undefined {
    return this.#identity.author;
  }

  /** Drafts are not applied yet: the model may use their author, and only the server can say it. */
  get #unnamed(): boolean {
    return this.#model.authors === "pseudonym" && this.author === undefined;
  }

  /** The undecided entries, in order; with `failure` if an entry does not fit the view. `waiting`: that is not known yet. */
  get pending(): readonly { entry: QueueEntry; failure: Failure | undefined; waiting: boolean; undoing: boolean }[] {
    const undecided = [...this.groups.values()].filter(({ decided }) => !decided);
    return undecided.map(({ entry, failure, doubtful, undoing = false }) => {
      const waiting = doubtful || (failure !== undefined && !this.judges);
      return { entry, failure: waiting ? undefined : failure, waiting, undoing };
    });
  }

  /** The view itself. Call `rebase` first. */
  get live(): State<object> {
    return this.#state;
  }

  has(key: string): boolean {
    return this.groups.has(key);
  }

  entry(key: string): QueueEntry | undefined {
    return this.groups.get(key)?.entry;
  }

  /** The number of drafts that are not confirmed. */
  get pendingCount(): number {
    return this.drafts.size;
  }

  /** Whether the confirmed state has no event of an undecided entry. */
  get onlyDecided(): boolean {
    return [...this.groups.values()].flatMap(({ entry }) => entry.drafts).length === this.drafts.size;
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

  /** The confirmed state alone. All pending drafts have to be applied again after it. */
  confirmed(): State<object> {
    this.takeBack();
    return this.#state;
  }

  /**
   * Adds an entry after the others, and applies it. Call `rebase` first. Returns a failure if the entry
   * does not fit the view. It is still pending then; `settle` removes it if it must not be sent. `doubtful`: its events
   * may be in the confirmed state, so that it is not shown until it is decided. `recorder`: records how it can be undone.
   */
  add(entry: QueueEntry, doubtful = false, recorder?: Recorder): Failure | undefined {
    this.#assertRebased();
    const group: Group = { entry, order: this.#added++, members: [], reportedFitting: true, doubtful, recorder };
    if (doubtful) this.#doubts++;
    this.groups.set(entry.key, group);
    for (const draft of entry.drafts) {
      const pending: Pending = { draft, group };
      group.members.push(pending);
      this.drafts.set(draft.draftId, pending);
    }
    this.#apply(group);
    this.#stale = false;
    group.reportedFitting = group.failure === undefined || !this.judges;
    return group.failure;
  }

  /** Whether an entry is shown: not if it will be undone, or while it may be replaced. Call `rebase` after it. */
  hide(key: string, hidden = true): void {
    const group = this.groups.get(key);
    if (!group) return;
    group.undoing = hidden;
    if (!this.#rebaser?.takeBack(group)) this.takeBack(group);
  }

  /** The entry is decided or withdrawn: its drafts that are not confirmed leave the view, unless it `stays`. */
  settle(key: string, stays = false): void {
    const group = this.groups.get(key);
    if (group) group.decided = stays;
    if (!group || stays) return;
    if (group.members.some(({ undo }) => undo) && !this.#rebaser?.takeBack(group)) this.takeBack(group);
    this.#rebaser?.forget(group);
    this.groups.delete(key);
    // Entries that did not fit may have needed this one.
    if (group.doubtful && --this.#doubts === 0) this.takeBack();
    for (const { draft } of group.members) this.drafts.delete(draft.draftId);
  }

  /**
   * Folds the next event of the log.
   *
   * @throws FoldError if the model cannot fold it.
   */
  confirm({ eventId, event, draftId }: ConfirmedEvent): void {
    if (eventId !== this.#eventId + 1) throw new Error("not next");
    const own = this.drafts.get(draftId!);
    const [first] = this.drafts.values();
    // The view may already show this event: then it only becomes final.
    if (!own?.undo || own !== first || own.differs || own.group.failure) {
      const fold = (state: Pick<State<object>, "replay" | "context">) =>
        this.#record(own, event, () => foldEvent(this.#model, state, event));
      if (!this.#rebaser?.fold(fold, own?.group, event, own)) {
        this.takeBack();
        fold(this.#state);
      }
    }
    if (own) {
      const { members } = own.group;
      members.splice(members.indexOf(own), 1);
      this.drafts.delete(own.draft.draftId);
      if (members.length === 0) this.#rebaser?.forget(own.group);
    }
    this.#eventId = eventId;
  }

  /**
   * Starts again from a state of the server. It may contain events of the entries in `doubtful`: they
   * are not shown until they are decided.
   */
  reset(state: object, eventId: number, doubtful: readonly string[]): void {
    this.#state = new State(state, { publishes: true });
    this.#eventId = eventId;
    for (const pending of this.drafts.values()) pending.undo = undefined;
    const doubted = new Set(doubtful);
    this.#doubts = 0;
    for (const group of this.groups.values()) {
      group.doubtful = doubted.has(group.entry.key);
      if (group.doubtful) this.#doubts++;
    }
    this.takeBack();
  }

  /** From now on only what a change affects is applied again. */
  rebaseBy(newRebaser: NewRebaser): void {
    this.#newRebaser = newRebaser;
    this.takeBack();
  }

  /** Applies the entries that have to be applied, and returns those that do not fit any more. */
  rebase(): Rebased {
    const fallen: { key: string; failure: Failure }[] = [];
    if (this.drafts.size > promptDraftsMax && !(this.#selective ?? this.#newRebaser)) {
      this.#selective = import("./selective.ts").then(
        ({ selective }) => this.rebaseBy(selective),
        // Without it everything is applied again.
        () => {},
      );
    }
    if (!this.#stale) return { fallen };
    for (const group of this.groups.values()) {
      if (!group.stale) continue;
      this.#apply(group);
      const { failure } = group;
      if (!this.judges) continue;
      if (failure && group.reportedFitting) fallen.push({ key: group.entry.key, failure });
      group.reportedFitting = !failure;
    }
    this.#stale = false;
    return { fallen };
  }

  /** Removes the entries from `first` on, or all, from the view. They have to be applied again. */
  takeBack(first?: Group): void {
    for (const group of [...this.groups.values()].toReversed()) {
      this.setAside(group);
      if (group === first) return;
    }
    this.#rebaser = this.#newRebaser?.(this);
  }

  /** Removes one entry from the view. It has to be applied again. */
  setAside(group: Group): void {
    this.#stale = true;
    group.stale = true;
    this.#remove(group);
  }

  #remove(group: Group): void {
    for (const member of group.members.toReversed()) {
      member.undo?.();
      member.undo = undefined;
    }
  }

  #apply(group: Group): void {
    if (this.#rebaser) this.#rebaser.apply(group);
    else this.evaluate(group);
  }

  /** Applies the drafts of a group that are not confirmed: of an atomic batch all or none, of a sequential one those before the first failure. */
  evaluate(group: Group): void {
    group.stale = false;
    group.failure = undefined;
    if (group.doubtful || group.undoing) return;
    for (const member of group.members) {
      group.failure = this.#applyDraft(member);
      if (group.failure) {
        if (group.entry.mode === "atomic") this.#remove(group);
        return;
      }
      member.undo = this.#state.takeUndo();
    }
  }

  /** The head for a draft of `of`, as if the drafts in the view before it were committed: so it stays when they are. */
  #headFor(of: Group): number {
    of.headed = true;
    let head = this.#eventId;
    for (const { undo, group } of this.drafts.values()) if (undo && group.order <= of.order) head++;
    return head;
  }

  #assertRebased(): void {
    if (this.#stale) throw new Error("call rebase first");
  }

  /** Runs `apply`, which applies `event`, and records how to undo it, if that is needed. */
  #record(own: Pending | undefined, event: ModelEvent<JsonObject>, apply: () => unknown): void {
    const recorder = own?.group.recorder;
    if (recorder) recorder.record(this.#state, event, apply, own!.draft);
    else apply();
  }

  /** Applies one draft, or leaves the view unchanged and returns why. */
  #applyDraft(pending: Pending): Failure | undefined {
    const { draft, group } = pending;
    const definition = this.#model.submittable(draft.type);
    if ("code" in definition) return definition;
    try {
      const current = upcast(definition, {
        ...draft,
        ...this.#identity,
        timestamp: group.entry.queuedAt,
      });
      const shape = pending.shaped ? [] : payloadViolations(definition, current.payload, messageOf);
      if (shape.length > 0) return invalid("schema", shape);
      pending.shaped = true;
      if (definition.transform && !this.#newRebaser)
        return { code: "precondition_required", layer: "schema", detail: "What merges it is not loaded." };
      // It waits: nobody sees this failure.
      if (this.#unnamed) return { code: "forbidden", detail: "" };
      if (definition.optimistic === false) {
        pending.differs = true;
        return undefined;
      }
      const forbidden = this.#state.read((state) => this.#model.forbids(state, this.#identity, draft.type));
      if (forbidden) return forbidden;
      const event: ModelEvent<JsonObject> = {
        ...current,
        get timestamp() {
          pending.differs = true;
          return current.timestamp;
        },
      };
      const head = () => this.#headFor(group);
      const at = {
        principal: this.#identity.principal,
        get head() {
          return head();
        },
      };
      const rules = ruleViolations(definition as never, this.#state, event, at);
      if (rules.length > 0) return invalid("rule", rules);
      this.#record(pending, current, () =>
        this.#state.change((state) => definition.reduce(state, event as never, this.#state.context)),
      );
      const broken = invariantViolations(this.#model, this.#state);
      if (broken.length === 0) return undefined;
      this.#state.undoTo(0);
      return { code: "invariant_violated", layer: "invariant", detail: broken[0]!.message, errors: broken };
    } catch (error) {
      this.#state.undoTo(0);
      const violation = keyViolation(error, draft.payload);
      if (violation) return invalid("rule", [violation]);
      return { code: "draft_failed", detail: `The model failed on "${draft.type}": ${String(error)}` };
    }
  }
}

function invalid(layer: "schema" | "rule", errors: Violation[]): Failure {
  const [{ field, message }] = errors as [Violation];
  const detail = layer === "rule" ? message : `This cannot be sent: ${field}: ${message}`;
  return { code: "validation_failed", layer, detail, errors };
}
