import { draftBounds, utf8Length } from "../protocol/index.ts";
import type { AnyModel, Compensation, ModelEvent } from "./define.ts";
import type { State } from "./state.ts";

/**
 * The drafts that would take `event` back, judged on the state before it, as plain JSON that shares
 * nothing with the state. `event` is one that the model would take, its payload of the current version.
 * An empty list: it changes nothing. Undefined: the model declares nothing, or more than one batch
 * may hold, in events or in bytes. Throws what the model throws.
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
    // As text, because what the model gives may hold parts of the view.
    return list.length > draftBounds.batchEventsMax ? undefined : JSON.stringify(list);
  });
  // Nobody could send it; and whoever keeps compensations keeps a bounded number of bytes.
  if (text === undefined || utf8Length(text) > draftBounds.frameBytesMax) return undefined;
  return JSON.parse(text) as Compensation[];
}
