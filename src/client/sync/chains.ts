import type { AnyModel, ModelEvent, State, Transformation } from "../../model/index.ts";
import type { Failure, JsonObject, NumberedEvent } from "../../protocol/index.ts";
import type { MergedChange, MergedReplica } from "./merged.ts";
import type { Group, Pending, Rebaser } from "./rebaser.ts";

type Transform = Transformation<object, JsonObject>;
type Change = Pick<ModelEvent<JsonObject>, "type" | "payload">;

export type Upcast = typeof import("../../model/index.ts").upcast;

/** A pending draft of a type that is merged. */
interface Link {
  readonly pending: Pending;
  readonly type: string;
  readonly transform: Transform;
  readonly entity: string;
  /** Whether it is in the view. Those after it in the queue were made on a view that has it, or were mapped so. */
  here: boolean;
  /** The event that it was made on. */
  readonly base: number;
  /** It was not in the view yet. */
  fresh: boolean;
  /** Of another tab: what else it was made on is not known here, so it is shown when it is decided. */
  readonly foreign: boolean;
}

/** Why a draft is not shown. */
const unknown: Failure = { code: "precondition_required", detail: "What it was made on is not here." };

// It must not import modules of the main bundle: bundlers would move those into a third file.
/**
 * The chain of the pending drafts of each entity: each is made on the confirmed state and those before it. A change that
 * comes under the chain is mapped over it, draft by draft, and each draft over the change: so at its verdict a draft
 * is exactly what the server commits (docs/PROTOCOL.md, 4.17).
 */
export class Chains implements Rebaser {
  readonly #model: AnyModel;
  readonly #clientId: () => string;
  readonly #rebase: () => void;
  readonly #upcast: Upcast;
  protected replica!: MergedReplica;
  /** The state of the replica when it was replaced last. */
  #state!: State<object>;
  /** In the order of the queue. */
  readonly #links = new Map<Pending, Link>();
  /** How the view has changed since they were taken; undefined in it: it was replaced. */
  protected changes: (MergedChange | undefined)[] = [];
  /** The keys of entries of other tabs. */
  readonly foreign = new Set<string>();

  /** `rebase`: applies what has to be applied. */
  constructor(model: AnyModel, clientId: () => string, rebase: () => void, upcast: Upcast) {
    this.#model = model;
    this.#clientId = clientId;
    this.#rebase = rebase;
    this.#upcast = upcast;
  }

  /** Works for this replica from now on. */
  attach(replica: MergedReplica): void {
    this.#links.clear();
    this.replica = replica;
    this.#state = replica.live;
    replica.rebaseBy(() => this.#restarted());
  }

  apply(group: Group): void {
    const { eventId } = this.replica;
    const links = group.members.flatMap((member) => this.#linked(member) ?? []);
    const isUnknown = links.some(({ foreign, base, fresh }) => foreign || (fresh && base !== eventId));
    if (isUnknown) {
      group.stale = false;
      group.failure = unknown;
      return;
    }
    this.replica.evaluate(group);
    for (const link of links) {
      const shown = link.pending.undo !== undefined;
      // The server may commit it as something else.
      link.pending.differs = true;
      if (shown === link.here) continue;
      const payload = shown ? link.pending.draft.payload : this.#inverseOf(link);
      link.here = shown;
      if (payload) this.#passAfter(link, payload, shown && link.fresh);
      if (shown) link.fresh = false;
    }
  }

  takeBack(): boolean {
    return false;
  }

  fold(_: unknown, __: unknown, event: NumberedEvent["event"], own: Pending | undefined): boolean {
    this.#join();
    const definition = this.#model.eventType(event.type);
    if (!definition?.transform) return false;
    const { type, payload } = this.#upcast(definition, event);
    const link = own && this.#links.get(own);
    const [first] = this.replica.drafts.values();
    if (own && link?.here && own === first && JSON.stringify(own.draft.payload) === JSON.stringify(payload)) {
      this.#links.delete(own);
      return own.undo !== undefined;
    }
    if (link) this.#remove(link);
    // Of one client, the earlier one is first.
    const isFirst = this.#clientId() < this.#model.shownClientId(event.clientId);
    this.#pass(this.#entityOf({ type, payload }), { type, payload }, isFirst, this.#links.values());
    return false;
  }

  forget(group: Group): void {
    for (const member of group.members) {
      const link = this.#links.get(member);
      if (link) this.#remove(link);
    }
    this.foreign.delete(group.entry.key);
  }

  /** Everything was taken back. Where the state was replaced, by unknown events, drafts are mapped over what that changes. */
  #restarted(): this {
    const before = this.#state;
    const after = (this.#state = this.replica.live);
    if (before === after) return this;
    const chains = new Map<string, Link[]>();
    for (const link of this.#links.values()) {
      if (link.here) chains.set(link.entity, [...(chains.get(link.entity) ?? []), link]);
    }
    for (const [entity, links] of chains) {
      const [{ type, transform, pending }] = links as [Link];
      // `before` has the drafts, too: what leads to it is a part of what leads from their base to the new state.
      const { payload: own } = pending.draft;
      const rest = before.read((old) => after.read((now) => transform.between(old, now, own)));
      const drafts = links.map((link) => link.pending.draft.payload);
      const payload = [...drafts, rest].reduce((one, other) => transform.compose(one, other));
      this.#pass(entity, { type, payload }, false, links);
    }
    this.changes = [undefined];
    return this;
  }

  protected linkOf(pending: Pending): Link | undefined {
    return this.#links.get(pending);
  }

  /** Whether one of its drafts was made on another one that is not confirmed. */
  protected isBehind(group: Group): boolean {
    const entities = new Set(group.members.map((member) => this.#links.get(member)?.entity));
    for (const { entity, pending, here } of this.#links.values()) {
      if (pending.group === group) return false;
      if (here && entities.has(entity)) return true;
    }
    return false;
  }

  /** Whether it will be known what its drafts were made on: later events have not come yet. */
  protected awaits(group: Group): boolean {
    return group.members.some((member) => (this.#links.get(member)?.base ?? 0) > this.replica.eventId);
  }

  /** Whether it is never known here what its drafts were made on. */
  protected isLost(group: Group): boolean {
    return group.members.some((member) => this.#links.get(member)?.fresh && !this.awaits(group));
  }

  /** The drafts of an entity in the view, in their order: each was made on those before it. */
  pendingOf(type: string, payload: JsonObject): readonly Change[] {
    const entity = this.#entityOf({ type, payload });
    return [...this.#links.values()]
      .filter((link) => link.here && link.entity === entity)
      .map((link) => ({ type: link.type, payload: link.pending.draft.payload }));
  }

  /** The draft becomes a part of the one before it. */
  protected drop(pending: Pending): void {
    this.#links.delete(pending);
  }

  protected entityOf(change: Change): string | undefined {
    return this.#model.eventType(change.type)?.transform && this.#entityOf(change);
  }

  #entityOf({ type, payload }: Change): string {
    return this.#model.eventType(type)!.entity?.({ type, payload }) ?? "";
  }

  #linked(pending: Pending): Link | undefined {
    const known = this.#links.get(pending);
    if (known) return known;
    const { draft, group } = pending;
    const definition = this.#model.eventType(draft.type);
    if (!definition?.transform) return undefined;
    try {
      const { type, payload } = this.#upcast(definition, { ...draft, timestamp: 0, clientId: "" });
      // A new one is made on the view.
      const base = draft.expectedEventId ?? this.replica.eventId;
      const link: Link = {
        pending,
        type,
        transform: definition.transform as unknown as Transform,
        entity: this.#entityOf({ type, payload }),
        here: false,
        base,
        fresh: true,
        foreign: this.foreign.has(group.entry.key),
      };
      pending.draft = { ...draft, payload, ...(definition.version && { version: definition.version }) };
      this.#links.set(pending, link);
      return link;
    } catch {
      // It does not have the shape of its type, which is found when it is applied.
      return undefined;
    }
  }

  /** Drafts that were made on the event that was confirmed last come into the view, before the next one is folded. */
  #join(): void {
    let joins = false;
    for (const { fresh, base, pending } of this.#links.values()) {
      if (!fresh || base < this.replica.eventId) continue;
      this.replica.setAside(pending.group);
      joins ||= base === this.replica.eventId;
    }
    if (joins) this.#rebase();
  }

  #remove(link: Link): void {
    if (link.here) this.#takeOut(link);
    this.#links.delete(link.pending);
  }

  /** Takes a draft out of the view: those after it are mapped over what undoes it. */
  #takeOut(link: Link): void {
    this.#rebase();
    this.replica.takeBack(link.pending.group);
    const inverse = link.here && this.#inverseOf(link);
    link.here = false;
    if (inverse) this.#passAfter(link, inverse);
  }

  /** What undoes a draft, while the view is as before it. */
  #inverseOf({ transform, pending }: Link): JsonObject | undefined {
    try {
      return this.replica.live.read((state) => transform.invert(state, pending.draft.payload));
    } catch {
      // It does not fit this state: neither do those that were made on it.
      return undefined;
    }
  }

  #passAfter(link: Link, payload: JsonObject, isNew = false): void {
    const all = [...this.#links.values()];
    const { type, entity } = link;
    const draftId = isNew ? link.pending.draft.draftId : undefined;
    this.#pass(entity, { type, payload, draftId }, false, all.slice(all.indexOf(link) + 1));
  }

  /**
   * Maps `change`, which comes before these drafts, over each of them, and each over what it has become. `first`: where
   * both claim one place, the draft is first. The result has changed the view.
   */
  #pass(entity: string, change: MergedChange, first: boolean, links: Iterable<Link>): void {
    let { payload } = change;
    for (const link of links) {
      if (link.entity !== entity || link.fresh) continue;
      const { pending, transform, here, type } = link;
      const { draft, group } = pending;
      const over = { type: change.type, payload };
      const own = this.#mapped(transform, draft.payload, over, first);
      if (here) {
        const of = this.#model.eventType(change.type)!.transform as unknown as Transform;
        payload = this.#mapped(of, payload, { type, payload: draft.payload }, !first);
      }
      pending.draft = { ...draft, payload: own };
      if (!group.stale) this.replica.takeBack(group);
    }
    this.changes.push({ ...change, payload });
  }

  #mapped(transform: Transform, payload: JsonObject, over: Change, first: boolean): JsonObject {
    const mapped = transform.map(payload, over, first);
    // It was not made on that state: it will not fit, and the server decides.
    return Array.isArray(mapped) ? payload : mapped;
  }
}
