import { exceedsUtf8, isJsonObject, type JsonObject } from "../../protocol/index.ts";
import type { Objection } from "../define.ts";
import { destinationFault } from "../destination.ts";
import type { SubmitEffect, WebhookEffect } from "../effects.ts";
import { sagaBounds } from "./bounds.ts";
import type { AnySaga, SagaAction, SagaContext } from "./define.ts";
import type { SagaRun } from "./state.ts";

/** The present action of a saga. */
export function actionOf(saga: AnySaga, id: string, { step, undo, input, startedAt, author }: SagaRun): SagaAction {
  const { do: act, compensate } = saga.steps[step]!;
  return (undo ? compensate! : act)(input, { saga: id, startedAt, author });
}

/** What sends an action. */
export function effectOf(action: SagaAction): SubmitEffect | WebhookEffect {
  if ("webhook" in action) return { kind: "webhook", type: action.webhook, payload: action.payload };
  const { partition, type, version, payload } = action;
  return { kind: "submit", partition, type, ...(version === undefined ? {} : { version }), payload };
}

/**
 * Why a saga cannot start with this input, if something that it may send cannot be sent. All of that is computed when it
 * starts: what cannot be sent is refused to who starts it, and does not come up in the middle. `own`: the partition in which it runs.
 */
export function objectionToActions(
  saga: AnySaga,
  input: JsonObject,
  context: SagaContext,
  own: string | undefined,
): Objection | undefined {
  for (const [at, { do: act, compensate }] of saga.steps.entries()) {
    const fault = faultOf(act(input, context), own) ?? (compensate && faultOf(compensate(input, context), own));
    if (fault) return { field: "payload.input", code: "CANNOT_BE_SENT", message: `Step ${at}: ${fault}.` };
  }
  return undefined;
}

function faultOf(action: SagaAction, own: string | undefined): string | undefined {
  const fault = destinationFault(effectOf(action), own);
  if (fault) return fault;
  if (!isJsonObject(action.payload)) return "its payload is no JSON object";
  return exceedsUtf8(JSON.stringify(action), sagaBounds.actionBytesMax)
    ? `what it sends has at most ${sagaBounds.actionBytesMax} bytes of JSON`
    : undefined;
}
