import type * as z from "zod/mini";
import type { JsonObject } from "../../protocol/index.ts";

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

export const sagaBounds = {
  /** Steps of a saga. */
  stepsMax: 16,
  /** Attempts of a step after the first one: fewer than `asksMax`, so that a step is given up before its saga fails. */
  retriesMax: 8,
  /** How long an attempt is waited for, in milliseconds: unless the step says it, at least (that of a timer), and at most. */
  timeoutMs: 30_000,
  timeoutMsMin: 1_000,
  timeoutMsMax: 24 * 60 * 60_000,
  /** The pause before a rejected step is attempted again, in milliseconds; it doubles up to the maximum. */
  pauseMs: 1_000,
  pauseMsMax: 10 * 60_000,
  /**
   * How often the result of one attempt is asked for, with pauses that double up to 16 times the timeout: then the saga fails.
   * With a timeout of 30 seconds that takes 64 minutes, with one of 10 minutes most of a day, for which effects are retried.
   */
  asksMax: 12,
  asksDoubleMax: 4,
  /** Sagas of a partition that have not ended: each has a timer, and the other half of `timersMax` is for the application. */
  openMax: 5_000,
  /** The input of a saga, as JSON text in UTF-8 bytes: what is larger belongs into a storage of its own, with its address here. */
  inputBytesMax: 16 * 1024,
  /**
   * What open sagas take in memory as they are charged, in bytes, of the 40 MiB of a state. It is enough for `openMax` sagas
   * with inputs of a dozen short fields.
   */
  openBytesMax: 24 * 1024 * 1024,
  /** Sagas that have ended and that are kept, the newest; and what they take in memory as they are charged, in bytes. */
  endedMax: 1_000,
  endedBytesMax: 4 * 1024 * 1024,
  /**
   * What an open saga takes besides when it goes on: its two problems, and the fields that it does not have at its start. That
   * is left for it in the state, so that it can end.
   */
  progressBytes: 1_800,
  /** Characters of the code and the detail of a problem that are kept in the state; its event has all of them. */
  problemCodeLengthMax: 64,
  problemDetailLengthMax: 256,
  /** What a step sends, as JSON text in UTF-8 bytes: `effectBytesMax` without what is added to it. */
  actionBytesMax: 62 * 1024,
  /** Sagas on a page, and those that are looked at for it: a page with a filter can have fewer, and still a next one. */
  pageMax: 100,
  pageScannedMax: 500,
} as const;

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
  const { stepsMax, retriesMax, timeoutMsMin, timeoutMsMax } = sagaBounds;
  assert(steps.length > 0 && steps.length <= stepsMax, `saga ${name}: it has 1 to ${stepsMax} steps`);
  for (const [at, { timeoutMs = timeoutMsMin, retries = 0 }] of steps.entries()) {
    const step = `saga ${name}: step ${at}`;
    assert(isWhole(retries, 0, retriesMax), `${step}: retries is a whole number up to ${retriesMax}`);
    assert(
      isWhole(timeoutMs, timeoutMsMin, timeoutMsMax),
      `${step}: timeoutMs is a whole number from ${timeoutMsMin} to ${timeoutMsMax}`,
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
