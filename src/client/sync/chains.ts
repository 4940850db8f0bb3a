import type { AnyModel, ModelEvent, State, Transformation } from "../../model/index.ts";
import type { Failure, JsonObject, NumberedEvent } from "../../protocol/index.ts";
import type { QueuedDraft } from "../stores/store.ts";
import type { MergedChange, MergedReplica } from "./merged.ts";
import { type MadeDraft, Past, type PastEvent } from "./past.ts";
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
  base: number;
  /** It was not in the view yet. */
  fresh: boolean;
  /** Of another tab: what else it was made on is not known here, so it is shown when it is decided. */
  readonly foreign: boolean;
  /** See `QueuedDraft`. Undefined: it is new, or was sent by an earlier version. */
  on: readonly string[] | undefined;
}

/** A draft that is mapped over what came since it was made. */
interface Rejoining extends Pick<Link, "type" | "transform" | "entity" | "base" | "on"> {
  readonly draftId: string;
  payload: JsonObject;
}

/** A draft that was made on more drafts than this is not certain at the next start: their ids are stored with each of them. */
const madeOnMax = 256;

/** Why a draft is not shown. */
export const unknown: Failure = { code: "precondition_required", detail: "What it was made on is unknown." };

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
  readonly #past = new Past();
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
    this.#past.begin(replica.eventId);
    replica.rebaseBy(() => this.#restarted());
  }

  apply(group: Group): void {
    const { eventId } = this.replica;
    const links = group.members.flatMap((member) => this.#linked(member) ?? []);
    const isUnknown = links.some(
      (link) =>
        link.foreign || (link.fresh && (link.base !== eventId || (link.on && !isSame(link.on, this.onOf(link))))),
    );
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

  /** The ids of the drafts in the view that a draft is made on. Undefined: too many to be stored. */
  protected onOf(link: Link): readonly string[] | undefined {
    const before = this.#before(link);
    return before.length > madeOnMax ? undefined : before.map(({ pending }) => pending.draft.draftId);
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
    const entity = this.#entityOf({ type, payload });
    const clientId = this.#model.shownClientId(event.clientId);
    this.#past.add({
      eventId: this.replica.eventId + 1,
      type,
      payload,
      entity,
      clientId,
      draftId: own?.draft.draftId,
      made: link && this.#madeOf(link),
    });
    // A draft of another entity may be before it in the queue: its message was lost, and is sent again.
    if (own && link?.here && !this.before(link) && isSame(own.draft.payload, payload)) {
      this.#links.delete(own);
      const [first] = this.replica.drafts.values();
      return own === first && own.undo !== undefined;
    }
    if (link) this.#remove(link.pending.group, [link]);
    // Of one client, the earlier one is first.
    this.#pass(entity, { type, payload }, this.#clientId() < clientId, this.#links.values());
    return false;
  }

  forget(group: Group): void {
    this.#remove(group, this.linksOf(group));
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
    this.#past.begin(this.replica.eventId);
    return this;
  }

  #madeOf(link: Link): MadeDraft {
    const { draft, group } = link.pending;
    return { ...link, ...draft, base: link.fresh ? link.base : -1, tab: group.entry.tab };
  }

  /** Whether drafts of other tabs were made before the last event, and what came since is known: a later start needs it, too. */
  get needsPast(): boolean {
    const { eventId } = this.replica;
    return [...this.#links.values()].some(({ foreign, base }) => foreign && base < eventId && this.#past.knows(base));
  }

  /** Whether all of its drafts are mapped over what has come. */
  protected isMapped(group: Group): boolean {
    const links = this.linksOf(group);
    return links.length > 0 && links.every(({ fresh }) => !fresh);
  }

  /** The entries of this tab that are not in the view, although the events are here that they were made on. */
  protected get left(): readonly Group[] {
    const links = [...this.#links.values()].filter(
      ({ fresh, foreign, base }) => fresh && !foreign && base < this.replica.eventId,
    );
    return [...new Set(links.map(({ pending }) => pending.group))];
  }

  /**
   * Maps the drafts of these entries of one tab over what came since they were made. From now on they are in the view. False: not all of that is known.
   */
  protected rejoin(groups: readonly Group[]): boolean {
    const mapped = this.#mappedLinks(groups);
    if (!mapped) return false;
    const left = new Set(mapped.values());
    const joined: Rejoining[] = [];
    for (const link of this.#links.values()) {
      const { type, entity, transform, pending, here } = link;
      const draft = mapped.get(link);
      if (draft && left.delete(draft)) joined.push(draft);
      if (!here) continue;
      const before = joined.filter((one) => one.entity === entity);
      const after = [...left].filter((one) => one.entity === entity);
      const payload = before.reduce((own, one) => this.#mapped(transform, own, one, false), pending.draft.payload);
      if (!this.#cross(after, { type, payload }, false)) return false;
    }
    for (const [link, { payload }] of mapped) {
      link.pending.draft = { ...link.pending.draft, payload };
      link.base = this.replica.eventId;
      // What is decided of that is in the events that it was mapped over.
      link.on = link.on?.filter((draftId) => this.replica.drafts.has(draftId));
    }
    this.replica.takeBack(groups[0]);
    this.#rebase();
    return true;
  }

  /** The drafts of an entry of another tab, mapped over what came since they were made. Undefined: not all of that is known. */
  protected mappedOf(group: Group): QueuedDraft[] | undefined {
    const mapped = this.#mappedLinks([group]);
    const expectedEventId = this.replica.eventId;
    return (
      mapped &&
      group.entry.drafts.map((given) => {
        const found = [...mapped].find(([, { draftId }]) => draftId === given.draftId);
        return found ? { ...found[0].pending.draft, payload: found[1].payload, expectedEventId, on: [] } : given;
      })
    );
  }

  /** The drafts of these entries that were not in the view, mapped over what came since they were made. */
  #mappedLinks(groups: readonly Group[]): Map<Link, Rejoining> | undefined {
    const members = groups.flatMap((group) => group.members);
    const links = members.flatMap((member) => this.#linked(member) ?? []).filter(({ fresh }) => fresh);
    const mapped = new Map<Link, Rejoining>();
    for (const link of links) mapped.set(link, { ...link, ...link.pending.draft });
    for (const entity of new Set(links.map((link) => link.entity))) {
      const all = links.filter((link) => link.entity === entity);
      if (!this.#passPast(entity, all, mapped)) return undefined;
    }
    return mapped;
  }

  /** Maps drafts of one entity over the events after those that they were made on. False: it is not certain what comes out. */
  #passPast(entity: string, links: readonly Link[], mapped: ReadonlyMap<Link, Rejoining>): boolean {
    const { tab } = links[0]!.pending.group.entry;
    const queued = links.map((link) => mapped.get(link)!);
    let chain = queued;
    let since: readonly PastEvent[] = [];
    let start = Infinity;
    // They were made on drafts that are decided, and those on earlier ones.
    while (oldestOf(chain) < start) {
      start = oldestOf(chain);
      since = this.#past.after(start, entity);
      const decided = since.flatMap(({ made }) => (made && made.tab === tab ? made : []));
      chain = [...Array.from(decided, (made) => ({ ...made })), ...queued];
    }
    if (!this.#past.knows(start) || !isComplete(chain, since)) return false;
    for (const event of since) {
      const there = chain.filter(({ base }) => base < event.eventId);
      const own = there.findIndex(({ draftId }) => draftId === event.draftId);
      // The event says what it has become.
      if (own > 0 || (own === 0 && !isSame(there[0]!.payload, event.payload))) return false;
      if (own === 0) chain.splice(chain.indexOf(there[0]!), 1);
      else if (!this.#cross(there, event, this.#clientId() < event.clientId)) return false;
    }
    return true;
  }

  /** Maps `change` over each of these drafts, and each over what it has become. False: they are not of one text. */
  #cross(drafts: Iterable<Rejoining>, change: Change, first: boolean): boolean {
    let { payload } = change;
    for (const draft of drafts) {
      const { type, payload: before } = draft;
      const own = draft.transform.map(before, { type: change.type, payload }, first);
      const rest = this.#transformOf(change.type).map(payload, { type, payload: before }, !first);
      if (Array.isArray(own) || Array.isArray(rest)) return false;
      draft.payload = own;
      payload = rest;
    }
    return true;
  }

  #transformOf(type: string): Transform {
    return this.#model.eventType(type)!.transform as unknown as Transform;
  }

  protected linksOf({ members }: Group): Link[] {
    return members.flatMap((member) => this.#links.get(member) ?? []);
  }

  /** Whether one of its drafts was made on another one that is not confirmed. */
  protected isBehind(group: Group): boolean {
    return this.linksOf(group).some((link) => this.before(link));
  }

  /** Whether it will be known what its drafts were made on: later events have not come yet. */
  protected awaits(group: Group): boolean {
    return this.linksOf(group).some(({ base }) => base > this.replica.eventId);
  }

  /** Whether it is never known here what its drafts were made on. */
  protected isLost(group: Group): boolean {
    return this.linksOf(group).some(({ fresh }) => fresh) && !this.awaits(group);
  }

  /** The drafts of an entity in the view, in their order: each was made on those before it. */
  pendingOf(type: string, payload: JsonObject): readonly Change[] {
    const entity = this.#entityOf({ type, payload });
    return [...this.#links.values()]
      .filter((link) => link.here && link.entity === entity)
      .map((link) => ({ type: link.type, payload: link.pending.draft.payload }));
  }

  /** The draft that this one was made on. */
  protected before(link: Link): Link | undefined {
    return this.#before(link).at(-1);
  }

  /** The drafts in the view that this one was made on. */
  #before(link: Link): readonly Link[] {
    const all = [...this.#links.values()];
    return all.slice(0, all.indexOf(link)).filter(({ here, entity }) => here && entity === link.entity);
  }

  /** The draft becomes a part of the one before it. */
  protected drop(pending: Pending): void {
    this.#links.delete(pending);
  }

  #entityOf({ type, payload }: Change): string {
    return this.#model.eventType(type)!.entity?.({ type, payload }) ?? "";
  }

  #linked(pending: Pending): Link | undefined {
    const known = this.#links.get(pending);
    if (known) return known;
    const { group } = pending;
    const { draftId } = pending.draft;
    const draft = group.entry.mapped?.find((mapped) => mapped.draftId === draftId) ?? pending.draft;
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
        // What is held without it is never certain.
        on: draft.on ?? (group.entry.held && [""]),
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
    for (const { fresh, foreign, base, pending } of this.#links.values()) {
      if (!fresh || foreign || base !== this.replica.eventId) continue;
      // Those behind it are mapped over it.
      this.replica.takeBack(pending.group);
      joins = true;
    }
    if (joins) this.#rebase();
  }

  /** Takes drafts of an entry out of the view: those after them are mapped over what undoes them. */
  #remove(group: Group, links: readonly Link[]): void {
    if (links.some(({ here }) => here)) {
      this.#rebase();
      this.replica.takeBack(group);
    }
    for (const link of links) {
      const inverse = link.here && this.#inverseOf(link);
      link.here = false;
      if (inverse) this.#passAfter(link, inverse);
      this.#links.delete(link.pending);
    }
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
        payload = this.#mapped(this.#transformOf(change.type), payload, { type, payload: draft.payload }, !first);
      }
      pending.draft = { ...draft, payload: own };
      if (!group.stale) this.replica.takeBack(group);
    }
    // Who reads a view that was replaced has what came after that, too.
    if (this.changes.at(-1) || this.changes.length === 0) this.changes.push({ ...change, payload });
  }

  #mapped(transform: Transform, payload: JsonObject, over: Change, first: boolean): JsonObject {
    const mapped = transform.map(payload, over, first);
    // It was not made on that state: it will not fit, and the server decides.
    return Array.isArray(mapped) ? payload : mapped;
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function oldestOf(chain: readonly Rejoining[]): number {
  return Math.min(...chain.map(({ base }) => base));
}

/** Whether each draft has before it exactly what it was made on, as it was then; `since`: the events since the oldest one. */
function isComplete(chain: readonly Rejoining[], since: readonly PastEvent[]): boolean {
  const eventIds = new Map(since.map(({ draftId, eventId }) => [draftId, eventId]));
  return chain.every(({ base, on }, at) => {
    const before = chain.slice(0, at).filter(({ draftId }) => (eventIds.get(draftId) ?? Infinity) > base);
    return (
      before.every((one) => one.base <= base) &&
      isSame(
        before.map(({ draftId }) => draftId),
        on,
      )
    );
  });
}
