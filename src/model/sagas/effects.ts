import type { JsonObject } from "../../protocol/index.ts";
import type { DeepReadonly } from "../define.ts";
import type { Effect, EffectContext } from "../effects.ts";
import { actionOf, effectOf } from "./actions.ts";
import type { AnySaga, Saga } from "./define.ts";
import { isGoing, type SagaRun, type WithSagas } from "./state.ts";

/** The event types of a saga that have effects. */
export type SagaMoving = "start" | "accepted" | "rejected" | "overdue" | "report" | "resume" | "retry" | "skip";

/** The effects of a saga, by event type. */
export type SagaEffects<Name extends string> = {
  readonly [Type in `${Name}.${SagaMoving}`]: (
    state: DeepReadonly<WithSagas>,
    event: { readonly type: string; readonly timestamp: number },
    context: EffectContext,
  ) => readonly Effect[] | undefined;
};

const moving: readonly SagaMoving[] = ["start", "accepted", "rejected", "overdue", "report", "resume", "retry", "skip"];

/**
 * What the events of a saga cause, to be spread into `defineEffects` of the model in which it runs: the drafts and webhooks of
 * its steps, and the timer of the present one.
 *
 * @example
 * const effects = defineEffects(bank, { ...sagaEffects(transfer) });
 */
export function sagaEffects<const Name extends string>(saga: Saga<Name, any>): SagaEffects<Name> {
  const caused = ({ sagas }: DeepReadonly<WithSagas>): readonly Effect[] | undefined => {
    const { moved } = sagas;
    if (moved === undefined) return undefined;
    const run = sagas.runs[moved] as SagaRun;
    const key = `saga:${moved}`;
    if (!isGoing(run)) return [{ kind: "cancel", key }];
    const { fence, until } = run;
    const timer: Effect = {
      kind: "schedule",
      key,
      type: `${saga.name}.overdue`,
      payload: { saga: moved, fence },
      at: until!,
    };
    return run.pauses ? [timer] : [sending(saga, moved, run), timer];
  };
  return Object.fromEntries(moving.map((each) => [`${saga.name}.${each}`, caused])) as unknown as SagaEffects<Name>;
}

/** The key of the present action: the same as long as its result is not known, and of no other action. */
function keyOf(id: string, { startedAt, step, undo, attempt }: SagaRun): string {
  // An id can be used again when its saga is forgotten: the time makes the difference.
  return `saga:${id}:${startedAt.toString(36)}:${step}:${undo ? "undo" : "do"}:${attempt}`;
}

/** What sends the present action. */
function sending(saga: AnySaga, id: string, run: SagaRun): Effect {
  const key = keyOf(id, run);
  const about = { saga: id, fence: run.fence };
  const effect = effectOf(actionOf(saga, id, run));
  if (effect.kind === "submit") {
    return {
      ...effect,
      acceptedAs: `${saga.name}.accepted`,
      rejectedAs: `${saga.name}.rejected`,
      step: { key, about },
    };
  }
  const report: JsonObject = { type: `${saga.name}.report`, payload: about };
  return { ...effect, payload: { key, report, payload: effect.payload } };
}
