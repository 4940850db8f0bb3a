import type { PendingEntry } from "../../../src/client/index.ts";
import {
  type AnyModel,
  invariantViolations,
  payloadViolations,
  ruleViolations,
  State,
  upcast,
} from "../../../src/model/index.ts";

/** The author of the drafts, and the confirmed state below them. */
export interface ViewBase {
  readonly model: AnyModel;
  readonly clientId: string;
  readonly principal: string;
  /** The state after event `eventId`, as JSON text. */
  readonly confirmed: string;
  readonly eventId: number;
}

/**
 * Computes the view of a client without a journal: the confirmed state, and then each pending draft that
 * the model accepts. `isShown` selects the drafts: confirmed ones are left out.
 */
export function viewFromScratch(
  ground: ViewBase,
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

/** Applies one draft to a state; undefined if the model rejects it. */
function applied(
  { model, clientId, principal }: ViewBase,
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
