import { type AnyModel, upcast } from "../../model/index.ts";
import type { ConfirmedEvent } from "../sync/replica.ts";

/** A confirmed event with its payload of the current version, as the application knows it. */
export function currentOf(model: AnyModel, confirmed: ConfirmedEvent): ConfirmedEvent {
  const { event } = confirmed;
  // It was folded: the model has its type.
  const definition = model.eventType(event.type)!;
  const { version = 1 } = definition;
  if (definition.anyVersion || (event.version ?? 1) === version) return confirmed;
  return { ...confirmed, event: { ...event, version, payload: upcast(definition, event).payload } };
}
