// Judges a replica: random operations, compared with a full computation that shares only the model with it.
import fc from "fast-check";
import { expect } from "vitest";
import { Replica } from "../../src/client/sync/replica.ts";
import { selective as rebaser } from "../../src/client/sync/selective.ts";
import type { QueuedDraft, QueueEntry } from "../../src/client/stores/store.ts";
import {
  type AnyModel,
  foldEvent,
  invariantViolations,
  payloadViolations,
  ruleViolations,
  State,
  upcast,
} from "../../src/model/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json, JsonObject, WireEvent } from "../../src/protocol/index.ts";

const identity = { clientId: "me", principal: "dev:me", author: undefined };

/**
 * Applies one draft to a state; undefined if the model rejects it. A second implementation, without a journal. `shown`: as
 * a client does it before the draft is decided.
 */
function applied(
  model: AnyModel,
  text: string,
  draft: QueuedDraft,
  at: number,
  head: number,
  shown = false,
): string | undefined {
  const state = new State<object>(JSON.parse(text) as object);
  const definition = model.eventType(draft.type);
  if (!definition) return undefined;
  try {
    const event = upcast(definition, { ...draft, timestamp: at, clientId: identity.clientId });
    if (payloadViolations(definition, event.payload).length > 0) return undefined;
    if (shown && definition.optimistic === false) return text;
    if (ruleViolations(definition as never, state, event, { head, principal: identity.principal }).length > 0) {
      return undefined;
    }
    state.replay((root) => definition.reduce(root, event as never, state.context));
    return invariantViolations(model, state).length > 0 ? undefined : state.stringify();
  } catch {
    return undefined;
  }
}

/** Computes the optimistic state from the confirmed state and each undecided entry in order. */
function fromScratch(model: AnyModel, confirmed: string, eventId: number, entries: QueueEntry[], gone: Set<string>) {
  let text = confirmed;
  let head = eventId;
  const fallen: string[] = [];
  for (const entry of entries) {
    const before = { text, head };
    for (const draft of entry.drafts) {
      if (gone.has(draft.draftId)) continue;
      const next = applied(model, text, draft, entry.queuedAt, head, true);
      if (next === undefined) {
        if (entry.mode === "atomic") ({ text, head } = before);
        fallen.push(entry.key);
        break;
      }
      text = next;
      head++;
    }
  }
  return { text, fallen };
}

const freeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
};

const canonical = (text: string) => canonicalJson(JSON.parse(text) as Json);

export type Operation =
  | { kind: "submit"; mode: QueueEntry["mode"]; seeds: number[] }
  | { kind: "foreign"; seed: number }
  | { kind: "accept"; which: number; late: boolean }
  | { kind: "page"; which: number }
  | { kind: "reject"; which: number }
  | { kind: "rebase" }
  | { kind: "reset" };

export const operations = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("submit" as const),
        mode: fc.constantFrom("single" as const, "single" as const, "atomic" as const, "sequential" as const),
        seeds: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("foreign" as const), seed: fc.nat() }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("accept" as const),
        which: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat()),
        late: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("page" as const), which: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("reject" as const), which: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("rebase" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const) }) },
  ),
  { minLength: 1, maxLength: 40 },
);

/**
 * Runs operations on a replica and on a server that only folds, and compares them. `selective`: only what a change
 * affects is applied again.
 */
export function judgeReplica(
  model: AnyModel,
  propose: (seed: number) => { type: string; payload: JsonObject },
  list: readonly Operation[],
  { selective }: { selective: boolean },
): void {
  const replica = new Replica<object>(model, identity);
  replica.reset(model.initialState() as object, 0, []);
  if (selective) replica.rebaseBy(rebaser);
  const server = new State<object>(model.initialState());
  let eventId = 0;
  let entries: QueueEntry[] = [];
  const gone = new Set<string>();
  let keys = 0;
  const views: { view: object; text: string }[] = [];

  const commit = (draft: { type: string; payload: JsonObject }, clientId: string, timestamp: number) => {
    const text = server.stringify();
    if (applied(model, text, { draftId: "x", ...draft }, timestamp, eventId) === undefined) return undefined;
    const event: WireEvent = {
      ...draft,
      partition: "p",
      id: `evt-${eventId + 1}`,
      timestamp,
      clientId,
    };
    foldEvent(model, server, event);
    return { eventId: ++eventId, event };
  };
  const check = () => {
    replica.rebase();
    const { text, fallen } = fromScratch(model, server.stringify(), eventId, entries, gone);
    const expected = canonical(text);
    expect(replica.pending.flatMap(({ entry, failure }) => (failure ? [entry.key] : []))).toEqual(fallen);
    // The keys of objects come in the order in which a model sees them, too.
    expect(replica.read((state) => JSON.stringify(state))).toBe(
      new State<object>(JSON.parse(text) as object).read((state) => JSON.stringify(state)),
    );
    const view = replica.publish();
    expect(canonicalJson(view as Json)).toBe(expected);
    expect(replica.read((state) => canonicalJson(state as Json))).toBe(expected);
    expect(replica.eventId).toBe(eventId);
    // A published state never changes.
    freeze(view);
    views.push({ view, text: expected });
    for (const past of views.slice(-5)) expect(canonicalJson(past.view as Json)).toBe(past.text);
  };

  for (const operation of list) {
    switch (operation.kind) {
      case "submit": {
        const drafts = operation.seeds
          .slice(0, operation.mode === "single" ? 1 : undefined)
          .map((seed): QueuedDraft => {
            const { type, payload } = propose(seed);
            return { draftId: `d${++keys}`, type, payload };
          });
        const entry: QueueEntry = { key: `k${++keys}`, mode: operation.mode, drafts, queuedAt: 1_000 + keys };
        replica.rebase();
        replica.add(entry);
        entries.push(entry);
        break;
      }
      case "foreign": {
        const committed = commit(propose(operation.seed), "other", 500_000 + eventId);
        if (committed) replica.confirm(committed);
        break;
      }
      case "accept":
      case "page": {
        const entry = entries[operation.which % Math.max(entries.length, 1)];
        if (!entry) break;
        for (const draft of entry.drafts) {
          if (gone.has(draft.draftId)) continue;
          const { type, payload } = draft;
          const committed = commit({ type, payload }, identity.clientId, 500_000 + eventId);
          if (!committed) break;
          gone.add(draft.draftId);
          replica.confirm({ ...committed, draftId: draft.draftId });
          if (operation.kind === "page") break;
        }
        // The verdict may arrive after the events, for example after a page.
        if (operation.kind === "page" || operation.late) break;
        entries = entries.filter(({ key }) => key !== entry.key);
        replica.settle(entry.key);
        break;
      }
      case "reject": {
        const entry = entries[operation.which % Math.max(entries.length, 1)];
        if (!entry) break;
        entries = entries.filter(({ key }) => key !== entry.key);
        replica.settle(entry.key);
        break;
      }
      case "reset":
        replica.reset(JSON.parse(server.stringify()) as object, eventId, []);
        break;
      case "rebase":
        check();
    }
  }
  check();
}
