import {
  type AnyModel,
  foldEvent,
  invariantViolations,
  payloadViolations,
  ruleViolations,
  State,
  upcast,
} from "../model/index.ts";
import { compensationOf } from "../model/compensate.ts";
import type { JsonObject, NumberedEvent } from "../protocol/index.ts";
import { withoutGlobals } from "./globals.ts";

/** What a simulation looks at after each event of the log. */
export interface Step<S> {
  /** The state before and after the event: plain JSON. */
  before: S;
  state: S;
  eventId: number;
  type: string;
  payload: JsonObject;
  author: string | undefined;
}

/** How a log is replayed. */
interface ReplayOptions<S> {
  /** Who has submitted an event; undefined: the server itself. */
  principalOf(event: NumberedEvent): string | undefined;
  /** Throws where something is wrong. */
  check: ((step: Step<S>) => void) | undefined;
}

/**
 * Replays a log from its beginning, and tells the first thing that the model gets wrong. Undefined: nothing. `end`: the state
 * that the log folds to.
 */
export function replay<S extends object>(
  model: AnyModel,
  log: readonly NumberedEvent[],
  { principalOf, check }: ReplayOptions<S>,
): { wrong: string | undefined; end: S } {
  const state = new State(model.initialState() as S);
  const plain = () => JSON.parse(state.stringify()) as S;
  for (const entry of log) {
    const { eventId, event } = entry;
    const at = `event ${eventId} (${event.type})`;
    const before = plain();
    const wrong = wrongWith(model, state, entry, principalOf(entry), at);
    if (wrong !== undefined) return { wrong, end: before };
    try {
      check?.({ before, state: plain(), eventId, type: event.type, payload: event.payload, author: event.author });
    } catch (error) {
      return { wrong: `${at}: ${messageOf(error)}`, end: plain() };
    }
  }
  return { wrong: undefined, end: plain() };
}

/** Applies an event. */
function wrongWith(
  model: AnyModel,
  state: State<object>,
  { eventId, event }: NumberedEvent,
  principal: string | undefined,
  at: string,
): string | undefined {
  const definition = model.eventType(event.type)!;
  try {
    return withoutGlobals(() => {
      const current = upcast(definition, { ...event, clientId: model.shownClientId(event.clientId) });
      const judged = (): string | undefined => {
        const [broken] = ruleViolations(definition as never, state, current, {
          head: eventId - 1,
          principal: principal!,
        });
        return (
          broken &&
          `${at} was accepted, and a replay rejects it: ${broken.message}. validate reads something else than its arguments`
        );
      };
      const wrong = principal === undefined ? undefined : judged();
      if (wrong !== undefined) return wrong;
      const undo = compensationOf(model, state, current);
      foldEvent(model, state, event);
      const [broken] = invariantViolations(model, state);
      if (broken) return `after ${at} it is not true that ${broken.message}`;
      // Nobody undoes what the server itself has done.
      return Array.isArray(undo) && principal !== undefined
        ? undoneBy(model, state, undo, { ...current, eventId, at, principal })
        : undefined;
    });
  } catch (error) {
    const { cause } = error as Error;
    return `${at}: ${messageOf(error)}${cause === undefined ? "" : `: ${messageOf(cause)}`}`;
  }
}

interface Undone {
  eventId: number;
  at: string;
  principal: string;
  timestamp: number;
  clientId: string;
  author?: string | undefined;
}

/** Whether what the model declares as the undo of an event is accepted directly after it. Leaves the state as it was. */
function undoneBy(
  model: AnyModel,
  state: State<object>,
  drafts: readonly { type: string; payload: JsonObject }[],
  { eventId, at, principal, ...by }: Undone,
): string | undefined {
  const { position } = state;
  try {
    for (const { type, payload } of drafts) {
      const what = `the compensation "${type}" of ${at}`;
      const definition = model.eventType(type);
      if (!definition) return `${what} is of a type that the model does not have`;
      const [invalid] = payloadViolations(definition, payload);
      if (invalid) return `${what} does not fit its schema: ${invalid.field}: ${invalid.message}`;
      const event = { ...by, type, payload };
      const [broken] = ruleViolations(definition as never, state, event, { head: eventId, principal });
      if (broken) return `${what} is rejected directly after it: ${broken.message}`;
      state.change((draft) => definition.reduce(draft, event as never, state.context));
    }
    const [broken] = invariantViolations(model, state);
    return broken && `after the compensation of ${at} it is not true that ${broken.message}`;
  } finally {
    state.undoTo(position);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
