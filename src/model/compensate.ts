import type { AnyModel, Compensation, ModelEvent, UndoBlock } from "./define.ts";
import type { State } from "./state.ts";

/**
 * UTF-16 units of all drafts that undo one draft, as JSON: a deleted tree of 20,000 nodes. A client keeps them in memory,
 * and makes them again when the draft is applied again.
 */
const compensationsLengthMax = 4 * 1024 * 1024;
/** Bytes of one of them: so that it fits its message (`draftBounds.frameBytesMax`), with what is around it there. */
export const compensationBytesMax = 63 * 1_024;

/**
 * The drafts that undo `event`, computed from the state before it, as plain JSON that shares nothing with the
 * state. `event` is one that the model accepts, its payload of the current version. An empty list: it changes
 * nothing. Undefined: events of this type are not undone. "irreversible": also where only the server itself submits one of them. Throws what the model throws.
 */
export function compensationOf(
  model: AnyModel,
  state: State<object>,
  event: ModelEvent<unknown>,
): Compensation[] | UndoBlock | undefined {
  const definition = model.eventType(event.type);
  if (!definition?.compensate) return undefined;
  return state.read((view) => {
    const declared = definition.compensate!(view as never, event as never, state.context);
    if (declared === undefined) return "irreversible";
    let length = 0;
    const drafts: Compensation[] = [];
    for (const draft of [declared].flat()) {
      if (model.eventType(draft.type)?.internal) return "irreversible";
      // As text, because the result may contain parts of the view.
      const text = JSON.stringify(draft);
      length += text.length;
      if (length > compensationsLengthMax || bytesIn(text) > compensationBytesMax) return "too_large";
      drafts.push(JSON.parse(text) as Compensation);
    }
    return drafts;
  });
}

/** The UTF-8 bytes of a well-formed text. Counted here, because what this file would import from the core of a client would split that. */
export function bytesIn(text: string): number {
  const count = (units: RegExp) => text.match(units)?.length ?? 0;
  return text.length + count(/[\u0080-\u07ff\ud800-\udfff]/g) + 2 * count(/[\u0800-\ud7ff\ue000-\uffff]/g);
}
