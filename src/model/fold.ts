import type { Annotations, JsonObject } from "../protocol/index.ts";
import type { AnyModel, EventDefinition, ModelEvent } from "./define.ts";
import type { State } from "./state.ts";

/** An event of the log, as it was submitted: the input of a fold. */
export interface LoggedEvent extends Annotations {
  type: string;
  /** As submitted; absent: 1. */
  version?: number | undefined;
  payload: JsonObject;
  timestamp: number;
  clientId: string;
  /** As `ModelEvent.author`. */
  author?: string | undefined;
}

/** Thrown when the model cannot fold the log: a type or a version is missing, or its reducer throws. */
export class FoldError extends Error {
  override name = "FoldError";
}

/** The newest version of a type's payload that the model knows. */
export function newestVersionOf({ version = 1, anyVersion }: VersionsOf): number {
  return anyVersion ? Infinity : version;
}

type VersionsOf = Pick<EventDefinition<object, never>, "version" | "anyVersion">;

/** Returns the event with its payload upcast to the model's current version. `version` must be one that the type has. */
export function upcast(
  definition: Pick<EventDefinition<object, never>, "version" | "upcast">,
  event: LoggedEvent,
): ModelEvent<JsonObject> {
  let payload = event.payload;
  for (let version = event.version ?? 1; version < (definition.version ?? 1); version++) {
    payload = definition.upcast![version]!(payload);
  }
  const { type, timestamp, clientId, author, label, userId, meta } = event;
  return { type, payload, timestamp, clientId, author, label, userId, meta };
}

/**
 * Folds one committed event into `state`; this cannot be undone.
 *
 * @throws FoldError if the model cannot fold it; the state may then be half changed and must not be used.
 */
export function foldEvent(model: AnyModel, state: Pick<State<object>, "replay" | "context">, event: LoggedEvent): void {
  const definition = model.eventType(event.type);
  if (!definition) throw new FoldError(`the model has no event type "${event.type}"`);
  if ((event.version ?? 1) > newestVersionOf(definition)) {
    throw new FoldError(`the model has no version ${event.version} of "${event.type}"`);
  }
  try {
    const current = upcast(definition, { ...event, clientId: model.shownClientId(event.clientId) });
    state.replay((draft) => definition.reduce(draft, current, state.context));
  } catch (error) {
    throw new FoldError(`the reducer of "${event.type}" failed`, { cause: error });
  }
}
