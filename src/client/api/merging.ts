import type { AnyModel } from "../../model/index.ts";
import type { Problem } from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry, QueueStore } from "../stores/store.ts";
import { Chains, type Upcast } from "../sync/chains.ts";
import type { MergedReplica } from "../sync/merged.ts";
import type { Group } from "../sync/rebaser.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import type { Emitter } from "./emitter.ts";
import type { ClientEvents } from "./events.ts";

/** UTF-16 units of the JSON of a draft to which others are added: it is stored again with each of them. */
const composedUnitsMax = 8 * 1024;

function problem(code: "precondition_required" | "too_stale", detail: string): Problem {
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
const lost = problem("too_stale", "The events are not known any more that have come since it was made.");

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
    send(entry: QueueEntry): void;
    settle(key: string, verdict: Verdict): void;
  };
  readonly emitter: Pick<Emitter<ClientEvents>, "emit">;
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

  constructor(host: MergingHost, store: QueueStore, upcast: Upcast) {
    super(
      host.model,
      () => host.model.shownClientId(host.client.clientId),
      () => host.view.rebased(),
      upcast,
    );
    this.#host = host;
    this.#store = store;
    this.attach(host.view.replica);
  }

  override apply(group: Group): void {
    super.apply(group);
    const links = group.members.flatMap((member) => this.linkOf(member) ?? []);
    const layer = "schema";
    if (links.length > 0 && !this.#host.client.loaded) {
      group.failure = { code: "precondition_required", layer, detail: "There is no state yet to change." };
    } else if (new Set(links.map(({ entity }) => entity)).size < links.length) {
      group.failure = { code: "bad_request", layer, detail: "A batch can change one entity once: compose the drafts." };
    }
  }

  /** The last entry, as it is sent now, or held; or the one that it has become a part of. */
  place(entry: QueueEntry, composes: boolean): QueueEntry {
    const group = this.replica.groups.get(entry.key)!;
    const isFree = this.#held.size === 0 && !this.isBehind(group);
    const into = !isFree && composes && this.#compose(group);
    if (into) return into;
    const drafts = this.#made(group);
    if (isFree) return (group.entry = { ...entry, drafts });
    this.#held.add(entry.key);
    return (group.entry = { ...entry, drafts, parked: waits, held: true });
  }

  /** The entries of the store, those first that are not held. */
  restored(stored: readonly QueueEntry[]): QueueEntry[] {
    const replaced = stored.flatMap(({ again }) => again ?? []);
    if (replaced.length > 0) void this.#store.remove(replaced);
    const left = stored.filter(({ key }) => !replaced.includes(key));
    for (const { key, held } of left) if (held) this.#held.add(key);
    return [...left.filter(({ held }) => !held), ...left.filter(({ held }) => held)];
  }

  /** Submits again, under a new key, what the server could not map over all that has come since. Returns whether it does. */
  again(key: string, verdict: Verdict | BatchVerdict): boolean {
    const group = this.replica.groups.get(key);
    if (!group || this.foreign.has(key) || !isTooStale(verdict) || group.entry.mode === "sequential") return false;
    // The server has rejected it more than 1,000 events ago the next time, so that each id is new.
    const newId = (id: string) => `${id.slice(0, 36)}.${this.replica.eventId}`;
    const drafts = Array.from(this.#made(group), (draft) => ({ ...draft, draftId: newId(draft.draftId) }));
    group.entry = { ...group.entry, key: newId(key), drafts, sentAt: 0, again: key };
    for (const [at, member] of group.members.entries()) {
      const { draftId } = drafts[at]!;
      rename(this.replica.drafts, member.draft.draftId, draftId);
      member.draft = { ...member.draft, draftId };
    }
    rename(this.replica.groups, key, group.entry.key);
    const { entries } = this.#host;
    rename(entries.waiting, key, group.entry.key);
    entries.append(group.entry);
    entries.appended = Promise.all([entries.appended, this.#store.remove([key])]);
    entries.send(group.entry);
    return true;
  }

  /** Something has changed: sends what is not behind another one any more, and reports how the view has changed. */
  flush(): void {
    const { view, entries, emitter } = this.#host;
    view.rebased();
    for (const key of this.#held) {
      const group = this.replica.groups.get(key);
      if (group && (this.isBehind(group) || this.awaits(group))) break;
      this.#held.delete(key);
      if (!group) continue;
      if (this.isLost(group)) {
        entries.settle(key, { status: "parked", problem: { ...lost, timestamp: group.entry.queuedAt } });
        continue;
      }
      const { parked: _, held: __, ...entry } = group.entry;
      group.entry = { ...entry, drafts: this.#made(group), sentAt: 0 };
      void this.#store.update(group.entry);
      entries.send(group.entry);
    }
    const { changes } = this;
    this.changes = [];
    for (const change of changes) emitter.emit("merged", change);
  }

  /** The drafts of an entry as they are in the view. */
  #made({ entry, members }: Group): QueuedDraft[] {
    const expectedEventId = this.replica.eventId;
    return entry.drafts.map((given) => {
      const member = members.find(({ draft }) => draft.draftId === given.draftId);
      return member && this.linkOf(member) ? { ...member.draft, expectedEventId } : given;
    });
  }

  /** Adds the draft of the last entry to that of the one before it. Returns that one. */
  #compose(group: Group): QueueEntry | undefined {
    const last = this.replica.groups.get([...this.#held].at(-1) ?? "");
    if (!last || last.entry.mode !== "single" || group.entry.mode !== "single") return undefined;
    const [one, other] = [this.linkOf(last.members[0]!), this.linkOf(group.members[0]!)];
    if (!one?.here || !other?.here || one.type !== other.type || one.entity !== other.entity) return undefined;
    const payload = one.transform.compose(one.pending.draft.payload, other.pending.draft.payload);
    if (JSON.stringify(payload).length > composedUnitsMax) return undefined;
    const [before, after] = [one.pending, other.pending];
    const undos = [after.undo!, before.undo!];
    before.undo = () => undos.forEach((undo) => undo());
    before.draft = { ...before.draft, payload, expectedEventId: this.replica.eventId };
    last.entry = { ...last.entry, drafts: [before.draft] };
    this.drop(after);
    this.replica.groups.delete(group.entry.key);
    this.replica.drafts.delete(after.draft.draftId);
    const { entries } = this.#host;
    entries.appended = Promise.all([entries.appended, this.#store.update(last.entry)]);
    return last.entry;
  }
}

function isTooStale(verdict: Verdict | BatchVerdict): boolean {
  if (verdict.status !== "rejected") return false;
  const problems =
    "results" in verdict ? verdict.results.map((one) => "problem" in one && one.problem) : [verdict.problem];
  return problems.some((problem) => problem && problem.code === "too_stale");
}

/** Gives an entry of a map another key, in its place. */
function rename<V>(map: Map<string, V>, from: string, to: string): void {
  const all = [...map];
  map.clear();
  for (const [key, value] of all) map.set(key === from ? to : key, value);
}
