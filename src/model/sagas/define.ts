import type * as z from "zod/mini";
import type { JsonObject } from "../../protocol/index.ts";
import { sagaBounds } from "./bounds.ts";

/** A draft for another partition of the tenant, whose model accepts it from this one, see `ModelDefinition.accepts`. */
export interface SagaCall {
  readonly partition: string;
  readonly type: string;
  /** The version of the payload; absent: 1. */
  readonly version?: number | undefined;
  readonly payload: JsonObject;
}

/** A webhook to the endpoints of the tenant. Who receives it submits a `<saga>.report` when it knows its result. */
export interface SagaMessage {
  /** The type of the webhook. */
  readonly webhook: string;
  readonly payload: JsonObject;
}

/** What a step, or its compensation, sends. */
export type SagaAction = SagaCall | SagaMessage;

/** What a step may use besides the input. */
export interface SagaContext {
  /** The id of the saga. */
  readonly saga: string;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Who started it, as the model shows its authors; undefined: it shows nobody. */
  readonly author: string | undefined;
}

/** One step of a saga. */
export interface SagaStep<Input> {
  /** What the step does. Pure: it is computed again for each attempt. */
  readonly do: (input: Input, context: SagaContext) => SagaAction;
  /** What undoes it; absent: there is nothing to undo. */
  readonly compensate?: ((input: Input, context: SagaContext) => SagaAction) | undefined;
  /** How long an attempt is waited for, in milliseconds: at least 1,000; absent: 30,000. Then the next attempt takes over. */
  readonly timeoutMs?: number | undefined;
  /** Attempts after the first one, up to 8: of the step, and of its compensation; absent: 0. */
  readonly retries?: number | undefined;
}

/** A checked saga. */
export interface Saga<Name extends string = string, Input extends z.core.$ZodType = z.core.$ZodType> {
  readonly name: Name;
  readonly input: Input;
  readonly steps: readonly SagaStep<z.core.input<Input>>[];
}

/** Any saga, where its types do not matter. */
export type AnySaga = Saga<any, any>;

/** It is a part of the names of event types. */
const sagaName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/**
 * Declares a saga: steps in other partitions and outside, each with what undoes it. Spread `sagaEvents` of it into the
 * model of the partition in which it runs, and `sagaEffects` into the effects of that model.
 *
 * @example
 * const transfer = defineSaga("transfer", {
 *   input: z.strictObject({ from: z.string(), to: z.string(), amount: z.int() }),
 *   steps: [
 *     {
 *       do: ({ from, amount }, { saga }) => ({ partition: from, type: "withdraw", payload: { saga, amount } }),
 *       compensate: ({ from, amount }, { saga }) => ({ partition: from, type: "refund", payload: { saga, amount } }),
 *     },
 *     { do: ({ to, amount }, { saga }) => ({ partition: to, type: "deposit", payload: { saga, amount } }) },
 *   ],
 * });
 *
 * @throws TypeError where the name, the number of steps, a timeout or a number of retries cannot be.
 */
export function defineSaga<const Name extends string, Input extends z.core.$ZodType>(
  name: Name,
  { input, steps }: { input: Input; steps: readonly SagaStep<z.core.input<Input>>[] },
): Saga<Name, Input> {
  assert(sagaName.test(name), `"${name}" cannot name a saga`);
  assert(
    steps.length > 0 && steps.length <= sagaBounds.stepsMax,
    `saga ${name}: it has 1 to ${sagaBounds.stepsMax} steps`,
  );
  for (const [at, { timeoutMs = sagaBounds.timeoutMsMin, retries = 0 }] of steps.entries()) {
    const step = `saga ${name}: step ${at}`;
    assert(
      isWhole(retries, 0, sagaBounds.retriesMax),
      `${step}: retries is a whole number up to ${sagaBounds.retriesMax}`,
    );
    assert(
      isWhole(timeoutMs, sagaBounds.timeoutMsMin, sagaBounds.timeoutMsMax),
      `${step}: timeoutMs is a whole number from ${sagaBounds.timeoutMsMin} to ${sagaBounds.timeoutMsMax}`,
    );
  }
  return { name, input, steps };
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new TypeError(message);
}
