import type { PendingEntry } from "../../../src/client/index.ts";
import {
  type AnyModel,
  invariantViolations,
  payloadViolations,
  ruleViolations,
  State,
  upcast,
} from "../../../src/model/index.ts";

/** Who the drafts are of, and the confirmed state that they stand on. */
export interface Ground {
  readonly model: AnyModel;
  readonly clientId: string;
  readonly principal: string;
  /** As JSON text, after event `eventId`. */
  readonly confirmed: string;
  readonly eventId: number;
}

/**
 * What a client shows, from scratch and without a journal: the confirmed state, and on it each
 * pending draft that the model does not object to. `isShown` says which drafts count: what is
 * confirmed already does not.
 */
export function viewFromScratch(
  ground: Ground,
  entries: readonly PendingEntry[],
  isShown: (draftId: string) => boolean,
): string {
  let text = ground.confirmed;
  let head = ground.eventId;
  for (const { mode, drafts, queuedAt } of entries) {
    const before = { text, head };
    for (const draft of drafts) {
      if (!isShown(draft.draftId)) continue;
      const next = applied(ground, text, draft, queuedAt, head);
      if (next === undefined) {
        if (mode === "atomic") ({ text, head } = before);
        break;
      }
      text = next;
      head++;
    }
  }
  return text;
}

/** What one draft makes of a state; undefined where the model objects. */
function applied(
  { model, clientId, principal }: Ground,
  text: string,
  draft: PendingEntry["drafts"][number],
  timestamp: number,
  head: number,
): string | undefined {
  const definition = model.eventType(draft.type);
  if (!definition) return undefined;
  const state = new State<object>(JSON.parse(text) as object);
  try {
    const event = upcast(definition, { ...draft, timestamp, clientId });
    if (payloadViolations(definition, event.payload).length > 0) return undefined;
    if (ruleViolations(definition as never, state, event, { head, principal }).length > 0) return undefined;
    state.replay((root) => definition.reduce(root, event as never, state.context));
    return invariantViolations(model, state).length > 0 ? undefined : state.stringify();
  } catch {
    return undefined;
  }
}
