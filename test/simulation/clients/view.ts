import type { PendingEntry } from "../../../src/client/index.ts";
import { naiveModel } from "../naive.ts";

/** The author of the drafts, and the confirmed state below them. */
export interface ViewBase {
  /** The name of the model. */
  readonly model: string;
  readonly clientId: string;
  readonly principal: string;
  readonly author: string | undefined;
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
  const { model, clientId, principal, author } = ground;
  const { apply, unshown } = naiveModel(model);
  let text = ground.confirmed;
  let head = ground.eventId;
  for (const { mode, drafts, queuedAt: timestamp } of entries) {
    const before = { text, head };
    for (const { draftId, type, version, payload } of drafts) {
      if (!isShown(draftId)) continue;
      if (unshown?.includes(type)) {
        head++;
        continue;
      }
      const state: unknown = JSON.parse(text);
      if (!apply(state, { type, version, payload, clientId, principal, author, timestamp, head })) {
        if (mode === "atomic") ({ text, head } = before);
        break;
      }
      text = JSON.stringify(state);
      head++;
    }
  }
  return text;
}
