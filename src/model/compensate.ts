import { draftBounds, utf8Length } from "../protocol/index.ts";
import type { AnyModel, Compensation, ModelEvent } from "./define.ts";
import type { State } from "./state.ts";

/**
 * The drafts that undo `event`, computed from the state before it, as plain JSON that shares nothing with the
 * state. `event` is one that the model accepts, its payload of the current version. An empty list: it changes
 * nothing. Undefined: the model declares no compensation, or one that is larger than a batch may be, in events or
 * in bytes. Throws what the model throws.
 */
export function compensationOf(
  model: AnyModel,
  state: State<object>,
  event: ModelEvent<unknown>,
): Compensation[] | undefined {
  const definition = model.eventType(event.type);
  if (!definition?.compensate) return undefined;
  const text = state.read((view) => {
    const declared = definition.compensate!(view as never, event as never, state.context);
    if (declared === undefined) return undefined;
    const list = [declared].flat();
    // As text, because the result may contain parts of the view.
    return list.length > draftBounds.batchEventsMax ? undefined : JSON.stringify(list);
  });
  // A larger one could not be sent; and the bytes that a client stores for undo stay bounded.
  if (text === undefined || utf8Length(text) > draftBounds.frameBytesMax) return undefined;
  return JSON.parse(text) as Compensation[];
}
