/**
 * The model of a project that brings types of its own: it accepts every type of event, and counts.
 *
 * @module partita/models/open-types
 */
import * as z from "zod/mini";
import {
  type DeepReadonly,
  defineModel,
  type EventDefinition,
  type Model,
  type ModelEvent,
  type Objection,
  type ValidationContext,
} from "../../model/index.ts";
import { bounds, forbiddenKeys, isJsonObject, type JsonObject } from "../../protocol/index.ts";

/** The state: how many events each label has. */
export interface OpenState {
  /** By label; events without one are counted under the empty text. */
  counts: Record<string, number>;
}

/** What an application says of the types that it does not declare. */
export interface OpenTypesOptions {
  /**
   * Why an event is rejected; undefined or an empty list: it is accepted. Called on the server, and before that on clients of
   * this project; it may look at the event, and at how many events each label has.
   */
  validate?(
    event: ModelEvent<JsonObject>,
    state: DeepReadonly<OpenState>,
    context: ValidationContext,
  ): readonly Objection[] | Objection | undefined;
}

type OpenPayloads = Record<string, typeof anyPayload>;

const anyPayload = z.custom<JsonObject>(isJsonObject, { error: "Invalid input: expected object" });

/**
 * A model for projects that bring types of their own, as those of the package `insieme`: a payload is any JSON object, of any
 * version, and the state is a counter for each label. Submitting a type needs the permission `submit:<type>`. A project that
 * later has a model of its own keeps its log: docs/guide/insieme.md says how.
 *
 * @example
 * export const models: ModelRegistry = { "*": openTypes() };
 */
export function openTypes({ validate }: OpenTypesOptions = {}): Model<OpenState, OpenPayloads> {
  const open: EventDefinition<OpenState, typeof anyPayload> = {
    payload: anyPayload,
    anyVersion: true,
    validate(state, event, context) {
      const { label } = event;
      if (label !== undefined && forbiddenKeys.has(label)) {
        return { field: "label", code: "forbidden_key", message: `"${label}" cannot be a label.` };
      }
      return validate?.(event, state, context);
    },
    reduce(state, { label = "" }) {
      state.counts[label] = (state.counts[label] ?? 0) + 1;
    },
  };
  const model = defineModel<OpenState, OpenPayloads, OpenPayloads>({
    name: "open-types",
    version: 1,
    initialState: () => ({ counts: {} }),
    events: {},
  });
  return {
    ...model,
    eventType: (type) => (isTypeName(type) ? open : undefined),
  };
}

/** Whether a type of an event can have this name: 1 to 128 characters. */
function isTypeName(type: string): boolean {
  return type !== "" && type.length <= bounds.typeLengthMax && type.isWellFormed();
}
