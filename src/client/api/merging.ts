import type { AnyModel } from "../../model/index.ts";
import type { Failure, Problem } from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry, QueueStore } from "../stores/store.ts";
import { Chains, unknown, type Upcast } from "../sync/chains.ts";
import type { OwnTab } from "../sync/backend.ts";
import type { MergedReplica } from "../sync/merged.ts";
import type { Group, Pending } from "../sync/rebaser.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import type { Emitter } from "./emitter.ts";
import type { ClientEvents } from "./events.ts";

/** UTF-16 units of the JSON of a draft to which others are added: it is stored again with each of them. */
const composedUnitsMax = 8 * 1024;

function problem(code: "precondition_required" | "too_stale" | "payload_too_large", detail: string): Problem {
  const title = code.replaceAll("_", " ");
  return {
    type: `/problems/${code}`,
    title,
    status: 409,
    code,
    detail,
    retryable: false,
    traceId: "",
    timestamp: 0,
    instance: "",
  };
}

/** Why an earlier version of this library does not send what is held. */
const waits = problem("precondition_required", "It waits for another entry.");
/** Why an entry is parked. */
const lost = problem("too_stale", unknown.detail);

/** What merging needs of its client. */
export interface MergingHost {
  readonly model: AnyModel;
  readonly client: { readonly loaded: boolean; readonly clientId: string };
  readonly view: { readonly replica: MergedReplica; rebased(): unknown };
  readonly entries: {
    /** Resolve the promises of verdicts, by key. */
    readonly waiting: Map<string, (verdict: Verdict | BatchVerdict) => void>;
    append(entry: QueueEntry): void;
    /** What `flushed` waits for. */
    appended: Promise<unknown>;
    send(entry: QueueEntry, sent?: boolean): void;
    settle(key: string, verdict: Verdict): void;
  };
  readonly emitter: Pick<Emitter<ClientEvents>, "emit">;
  /** The entry, or why the server would not take its message: what is mapped can be larger than what was submitted. */
  fitting(entry: QueueEntry): QueueEntry | Failure;
}

// It must not import modules of the main bundle: bundlers would move those into a third file.
/**
 * Sends the drafts of types that are merged, one of an entity at a time. Those behind it are held: they become one draft,
 * which is mapped over what comes, until it is sent. What is behind a held entry is held, too, so that the order stays.
 */
export class Merging extends Chains {
  readonly #host: MergingHost;
  readonly #store: QueueStore;
  /** The keys of entries that are not sent yet, in their order. */
  readonly #held = new Set<string>();
  /** Those of them that are being stored as sent: they do not change any more. */
  readonly #leaving = new Set<string>();
  /** Undefined: there are no other tabs. */
  readonly #tabs: OwnTab | undefined;
  /** The tab that this one is, or goes on with. */
  #tab: string | undefined;
  /** The other tabs that this one waits for, to go on with what they leave. */
  readonly #others = new Set<string>();
  /** Those of them that have ended. */
  readonly #left = new Set<string>();
  /** What is called when it ends. */
  readonly #ends: (() => void)[] = [];
  #ended = false;
  /** Whether an entry has left the queue: those behind it are stored as made on it. */
  #hasLeft = false;
  /** Called at the next change. */
  #waiting: (() => void)[] = [];
  /** What the `undo` of a composed draft calls, the oldest first. */
  readonly #undos = new WeakMap<() => void, (() => void)[]>();

  constructor(host: MergingHost, store: QueueStore, upcast: Upcast, tabs: OwnTab | undefined) {
    super(
      host.model,
      () => host.model.shownClientId(host.client.clientId),
      () => host.view.rebased(),
      upcast,
    );
    this.#host = host;
    this.#store = store;
    this.#tabs = tabs;
  }

  /** The store is closed: another tab goes on with what this one leaves. */
  end(): void {
    this.#ended = true;
    for (const end of [...this.#ends, ...this.#waiting]) end();
  }

  override apply(group: Group): void {
    super.apply(group);
    const { key, held } = group.entry;
    // It was parked, and is tried again: it is mapped, if that is certain now, or parked again.
    if (held && !this.foreign.has(key)) this.#held.add(key);
    const links = this.linksOf(group);
    const layer = "schema";
    if (links.length > 0 && !this.#host.client.loaded) {
      group.failure = { code: "precondition_required", layer, detail: "There is no state yet to change." };
    } else if (new Set(links.map(({ entity }) => entity)).size < links.length) {
      group.failure = { code: "bad_request", layer, detail: "A batch can change one entity once: compose the drafts." };
    }
  }

  override forget(group: Group): void {
    super.forget(group);
    this.#hasLeft = true;
  }

  /** The last entry, as it is sent now, or held; or the one that it has become a part of. */
  place(entry: QueueEntry, composes: boolean): QueueEntry {
    const group = this.replica.groups.get(entry.key)!;
    const isFree = this.#held.size === 0 && !this.isBehind(group);
    const into = !isFree && composes && this.#compose(group);
    if (into) return into;
    const tab = this.#tab !== undefined && { tab: this.#tab };
    const placed = { ...entry, ...tab, drafts: this.#made(group) };
    if (isFree) return (group.entry = placed);
    this.#held.add(entry.key);
    return (group.entry = { ...placed, parked: waits, held: true });
  }

  /** Finds out which tab it goes on with, by the entries of the store: one that has ended. Returns the entries as they are then. */
  async begin(stored: readonly QueueEntry[]): Promise<readonly QueueEntry[]> {
    const tabs = this.#tabs;
    if (!tabs) return stored;
    for (const id of new Set(stored.flatMap(({ tab }) => tab ?? []).toReversed())) {
      // One after the other: only one of them is needed.
      const release = await tabs.hold(id, false);
      if (!release) continue;
      this.#ends.push(release);
      this.#tab = id;
      return (await this.#store.load()).entries;
    }
    const release = await tabs.hold(tabs.id, true);
    if (release) this.#ends.push(release);
    this.#tab = tabs.id;
    return stored;
  }

  /** The entries of the store that are shown or sent here, those first that are not held. */
  restored(stored: readonly QueueEntry[]): QueueEntry[] {
    const replaced = stored.flatMap(({ again }) => again ?? []);
    if (replaced.length > 0) void this.#store.remove(replaced);
    const left = stored.filter((entry) => {
      const isOther = this.share(entry);
      if (this.held(entry) && !isOther) this.#held.add(entry.key);
      return !replaced.includes(entry.key) && !(this.held(entry) && isOther);
    });
    return heldLast(left);
  }

  /** Whether it waits for another entry. What is parked stays parked: at a later start even less is known. */
  held({ held, parked }: QueueEntry): boolean | undefined {
    return held && parked?.code !== lost.code;
  }

  /** An entry of the store, or that another tab has sent. Returns whether it was made in another tab. */
  share({ key, tab }: QueueEntry): boolean {
    if (tab === undefined || this.#tab === undefined || tab === this.#tab) return false;
    this.foreign.add(key);
    if (!this.#others.has(tab)) {
      this.#others.add(tab);
      void this.#goOn(tab);
    }
    return true;
  }

  /** When another tab has ended, sends what it has left. It is shown when it is decided. */
  async #goOn(tab: string): Promise<void> {
    const release = await this.#tabs!.hold(tab, true);
    this.#left.add(tab);
    try {
      const { entries } = await this.#store.load();
      const left = entries.filter((entry) => entry.tab === tab && (this.held(entry) || !entry.parked));
      for (const entry of heldLast(left)) {
        if (this.#ended) return;
        const { key } = entry;
        if (!this.replica.groups.has(key)) {
          this.foreign.add(key);
          this.#host.view.rebased();
          this.replica.add(entry);
        }
        const group = this.replica.groups.get(key)!;
        if (entry.held) await this.#sendOf(tab, group);
        else this.#host.entries.send(entry, entry.sentAt !== 0);
      }
      this.#others.delete(tab);
      this.#left.delete(tab);
    } catch {
      // The store is closed.
    } finally {
      release?.();
    }
  }

  /** Sends a held entry of another tab when nothing of that is before it. */
  async #sendOf(tab: string, group: Group): Promise<void> {
    const { key } = group.entry;
    const isBehind = () => {
      const first = [...this.replica.groups.values()].find(({ entry }) => entry.tab === tab);
      return first !== group || this.awaits(group);
    };
    while (isBehind()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (this.#ended || !this.replica.groups.has(key)) return;
    }
    const drafts = this.mappedOf(group);
    if (drafts) await this.#release(group, drafts);
    else this.#lose(group);
  }

  /** Submits again, under a new key, what the server could not map over all that has come since. Returns whether it does. */
  again(key: string, verdict: Verdict | BatchVerdict): boolean {
    const group = this.replica.groups.get(key);
    if (!group || !isTooStale(verdict) || group.entry.mode === "sequential") return false;
    const { tab } = group.entry;
    const isForeign = this.foreign.delete(key);
    if (isForeign && !this.#left.has(tab!)) {
      // Its own tab does that.
      this.replica.settle(key);
      return true;
    }
    const made = isForeign ? this.mappedOf(group) : !this.isLost(group) && this.#made(group);
    if (!made) return false;
    // The server has rejected it more than 1,000 events ago the next time, so that each id is new.
    const newId = (id: string) => `${id.slice(0, 36)}.${this.replica.eventId}`;
    const drafts = Array.from(made, (draft) => ({ ...draft, draftId: newId(draft.draftId) }));
    const entry = { ...group.entry, key: newId(key), drafts, sentAt: 0, again: key, mapped: undefined };
    // It would be cut by the server for ever, and all that is behind it would wait.
    if (this.#misfit(entry)) return false;
    group.entry = entry;
    if (isForeign) this.foreign.add(entry.key);
    for (const [at, member] of group.members.entries()) {
      const { draftId } = drafts[at]!;
      rename(this.replica.drafts, member.draft.draftId, draftId);
      member.draft = { ...member.draft, draftId };
    }
    rename(this.replica.groups, key, entry.key);
    const { entries } = this.#host;
    rename(entries.waiting, key, entry.key);
    entries.append(entry);
    entries.appended = Promise.all([entries.appended, this.#store.remove([key])]);
    entries.send(entry);
    return true;
  }

  /** Something has changed: sends what is not behind another one any more, and reports how the view has changed. */
  flush(): void {
    const { view, emitter } = this.#host;
    view.rebased();
    if (this.left.length > 0) this.rejoin(this.left);
    for (const resolve of this.#waiting.splice(0)) resolve();
    for (const key of this.#held) {
      if (this.#leaving.has(key)) continue;
      const group = this.replica.groups.get(key);
      if (group && (this.isBehind(group) || this.awaits(group))) break;
      if (!group || this.isLost(group)) this.#held.delete(key);
      if (!group) continue;
      if (this.isLost(group)) this.#lose(group);
      else void this.#release(group, this.#made(group));
    }
    if (this.#hasLeft && this.#held.size > this.#leaving.size) this.keep();
    this.#hasLeft = false;
    const { changes } = this;
    this.changes = [];
    for (const change of changes) emitter.emit("merged", change);
  }

  /** Sends a held entry with these drafts. They are stored before: so a tab that goes on with it sends the same. */
  async #release(group: Group, drafts: readonly QueuedDraft[]): Promise<void> {
    const { parked: _, held: __, ...entry } = group.entry;
    const { key } = entry;
    const misfit = this.#misfit({ ...entry, drafts });
    if (misfit) {
      this.#held.delete(key);
      this.#lose(group, misfit);
      return;
    }
    // Those behind it were made on it as it was.
    group.entry = { mapped: entry.drafts, ...entry, drafts, sentAt: 0 };
    this.#leaving.add(key);
    // What cannot be stored is sent, too.
    await this.#store.update(group.entry).catch(() => {});
    this.#leaving.delete(key);
    this.#held.delete(key);
    if (this.replica.groups.has(key)) this.#host.entries.send(group.entry);
    this.flush();
  }

  #misfit(entry: QueueEntry): Problem | undefined {
    const fits = this.#host.fitting(entry);
    return "code" in fits ? problem("payload_too_large", fits.detail) : undefined;
  }

  #lose({ entry }: Group, problem: Problem = { ...lost, timestamp: entry.queuedAt }): void {
    this.#host.entries.settle(entry.key, { status: "parked", problem });
  }

  /** Stores the drafts as they are on the confirmed state, before that is stored. The last first: each needs those before it. */
  keep(): void {
    for (const group of [...this.replica.groups.values()].toReversed()) {
      const { entry } = group;
      if (this.foreign.has(entry.key) || !this.isMapped(group)) continue;
      const drafts = this.#made(group);
      group.entry = entry.held ? { ...entry, drafts } : { ...entry, mapped: drafts };
      this.#store.update(group.entry).catch(() => {});
    }
  }

  /** The drafts of an entry as they are in the view. */
  #made(group: Group): QueuedDraft[] {
    const expectedEventId = this.replica.eventId;
    const links = this.linksOf(group);
    return group.entry.drafts.map((given) => {
      const link = links.find(({ pending }) => pending.draft.draftId === given.draftId);
      return link ? { ...link.pending.draft, expectedEventId, on: this.onOf(link) } : given;
    });
  }

  /** Undoing `before` undoes `later` first. A list, because a draft may be composed of thousands of keys. */
  #composeUndos(before: Pending, later: () => void): void {
    let undos = this.#undos.get(before.undo!);
    if (!undos) {
      const all = (undos = [before.undo!]);
      before.undo = () => {
        for (const undo of all.toReversed()) undo();
      };
      this.#undos.set(before.undo, undos);
    }
    undos.push(later);
  }

  /** Adds the draft of the last entry to that of the one before it. Returns that one. */
  #compose(group: Group): QueueEntry | undefined {
    const last = this.replica.groups.get([...this.#held].at(-1) ?? "");
    if (!last?.entry.held || last.entry.mode !== "single" || group.entry.mode !== "single") return undefined;
    const [[one], [other]] = [this.linksOf(last), this.linksOf(group)];
    if (!one?.here || !other?.here || one.type !== other.type || this.before(other) !== one) return undefined;
    const payload = one.transform.compose(one.pending.draft.payload, other.pending.draft.payload);
    if (JSON.stringify(payload).length > composedUnitsMax) return undefined;
    const [before, after] = [one.pending, other.pending];
    this.#composeUndos(before, after.undo!);
    before.draft = { ...before.draft, payload, expectedEventId: this.replica.eventId, on: this.onOf(one) };
    last.entry = { ...last.entry, drafts: [before.draft] };
    this.drop(after);
    this.replica.groups.delete(group.entry.key);
    this.replica.drafts.delete(after.draft.draftId);
    const { entries } = this.#host;
    entries.appended = Promise.all([entries.appended, this.#store.update(last.entry)]);
    return last.entry;
  }
}

function heldLast(entries: readonly QueueEntry[]): QueueEntry[] {
  return [...entries.filter(({ held }) => !held), ...entries.filter(({ held }) => held)];
}

function isTooStale(verdict: Verdict | BatchVerdict): boolean {
  if (verdict.status !== "rejected") return false;
  const decided = "results" in verdict ? verdict.results : [verdict];
  return decided.some((one) => "problem" in one && one.problem?.code === lost.code);
}

/** Gives an entry of a map another key, in its place. */
function rename<V>(map: Map<string, V>, from: string, to: string): void {
  const all = [...map];
  map.clear();
  for (const [key, value] of all) map.set(key === from ? to : key, value);
}
