import type * as z from "zod/mini";
import { isId, isJsonObject, type JsonObject } from "../protocol/index.ts";
import type { AnyModel, DeepReadonly, Model, ModelEvent, ReduceContext } from "./define.ts";
import { type Destination, destinationFault } from "./destination.ts";

/** Is sent to each endpoint of the tenant whose filter has `type`. */
export interface WebhookEffect {
  readonly kind: "webhook";
  /** What receivers filter by: 1 to 128 characters, as `order.paid`. */
  readonly type: string;
  readonly payload: JsonObject;
  /** Whether what comes later of this partition waits for it, where it is `ordered` too. */
  readonly ordered?: boolean | undefined;
}

/** Is put on a queue of the platform. */
export interface QueueEffect {
  readonly kind: "queue";
  /** The name of the binding. */
  readonly queue: string;
  readonly payload: JsonObject;
}

/**
 * Submits a draft to another partition of the tenant, as `partition:<name of this one>`. What is sent to one partition is
 * decided there in the order of the log here. The model of the receiver must accept it, see `ModelDefinition.accepts`.
 */
export interface SubmitEffect {
  readonly kind: "submit";
  readonly partition: string;
  readonly type: string;
  /** The version of the payload; absent: 1. */
  readonly version?: number | undefined;
  readonly payload: JsonObject;
  /** The internal type of this model by which its acceptance comes back, with a payload of `EffectAccepted`. */
  readonly acceptedAs?: string | undefined;
  /** The internal type of this model by which its rejection comes back, with a payload of `EffectRejected`; absent: it becomes a dead letter. */
  readonly rejectedAs?: string | undefined;
  /** Of a step of a saga, as `sagaEffects` makes it. */
  readonly step?: SubmittedStep | undefined;
}

/**
 * What makes an effect a step of a saga. A refusal comes back as a rejection does, because the saga has to go on; and its
 * answer is no further hop, because a saga has a bounded number of steps.
 */
export interface SubmittedStep {
  /** The key of the draft, in place of the id of the effect: an attempt under the same key gets the verdict of the first one. */
  readonly key: string;
  /** Comes back in the answer, as `about`. */
  readonly about: JsonObject;
}

/** Submits a draft to this partition later, as `timer:<key>`. A timer of the same key is replaced. */
export type ScheduleEffect = {
  readonly kind: "schedule";
  /** 1 to 64 visible ASCII characters. */
  readonly key: string;
  readonly type: string;
  readonly version?: number | undefined;
  readonly payload: JsonObject;
} & (
  | { /** Milliseconds since 1970. */ readonly at: number }
  | {
      /** As of `cron`, with optional seconds. */ readonly cron: string;
      /** Its name in the IANA database. */ readonly timeZone: string;
    }
);

/** Cancels the timer of this key, if there is one. */
export interface CancelEffect {
  readonly kind: "cancel";
  readonly key: string;
}

/** What a commit causes besides its event. */
export type Effect = WebhookEffect | QueueEffect | SubmitEffect | ScheduleEffect | CancelEffect;

/** The payload of an event by which the acceptance of a `SubmitEffect` comes back. */
export type EffectAccepted = {
  /** The id of the effect. */
  effectId: string;
  partition: string;
  /** The event that it became there. */
  eventId: number;
};

/** The payload of an event by which the rejection of a `SubmitEffect` comes back. */
export type EffectRejected = {
  effectId: string;
  partition: string;
  /** The code and the detail of the problem. */
  code: string;
  detail: string;
};

/** What a function of `defineEffects` may use besides the state and the event. */
export interface EffectContext extends ReduceContext {
  /** The name of this partition. */
  readonly partition: string;
  /** The event that causes the effects. */
  readonly eventId: number;
  /** Who submitted it: the verified subject. */
  readonly principal: string;
}

/** The functions of `defineEffects`, by event type. */
export type EffectFunctions<S, Payloads extends Record<string, z.core.$ZodType>> = {
  readonly [Type in keyof Payloads]?: (
    state: DeepReadonly<S>,
    event: ModelEvent<z.core.input<Payloads[Type]>>,
    context: EffectContext,
  ) => readonly Effect[] | Effect | undefined;
};

/** One of them, where its types do not matter. */
export type EffectFunction = (
  state: never,
  event: never,
  context: EffectContext,
) => readonly Effect[] | Effect | undefined;

/** The effects of a model. */
export interface Effects {
  readonly model: AnyModel;
  /** Undefined: events of this type cause none. */
  of(type: string): EffectFunction | undefined;
}

/**
 * Declares what the events of a model cause outside. A function runs when its event is committed, over the state after it,
 * and only then: never in a replay, and never on a client. It is pure and fast, like a reducer; what it returns is stored
 * in the same transaction, and delivered after it. If it throws, the draft fails, and nothing of it is left.
 *
 * Register it in `createAuthority`, in a file that no client imports.
 *
 * @example
 * const effects = defineEffects(shop, {
 *   pay: (state, { payload }) => ({ kind: "webhook", type: "order.paid", payload: { order: payload.order } }),
 * });
 *
 * @throws TypeError if the model has no event type of a name.
 */
export function defineEffects<
  S extends object,
  Payloads extends Record<string, z.core.$ZodType>,
  Internal extends string,
>(model: Model<S, Payloads, Internal>, functions: EffectFunctions<S, Payloads>): Effects {
  const known = new Map(Object.entries(functions) as [string, EffectFunction][]);
  for (const type of known.keys()) {
    if (!model.eventType(type)) throw new TypeError(`effects of ${model.name}: the model has no event type "${type}"`);
  }
  return { model, of: (type) => known.get(type) };
}

/**
 * Effects are found by their model: where that serves no partition, as `inventory` where `{ ...inventory }` is registered,
 * they would never happen.
 *
 * @throws TypeError where a model has several declarations, or serves no partition.
 */
export function assertServed(effects: readonly Effects[], models: readonly AnyModel[]): void {
  const declared = new Set<AnyModel>();
  for (const { model } of effects) {
    if (!models.includes(model)) throw new TypeError(`effects of ${model.name}: no partition is served by this model`);
    if (declared.has(model)) throw new TypeError(`effects of ${model.name}: they are declared twice`);
    declared.add(model);
  }
}

const queueName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const timerKey = /^[\x21-\x7e]{1,64}$/;

/** @throws TypeError where it is no effect that this partition can have. */
export function assertEffect(effect: Effect, from: Pick<Effects, "model"> & { partition: string }): void {
  assert(isJsonObject(effect), "an effect is an object");
  if (effect.kind !== "cancel")
    assert(isJsonObject(effect.payload), `the payload of a "${effect.kind}" is a JSON object`);
  if (effect.kind === "submit" || effect.kind === "schedule") {
    const { version = 1 } = effect;
    assert(Number.isSafeInteger(version) && version > 0, `"${version}" cannot be the version of a payload`);
  }
  switch (effect.kind) {
    case "webhook":
      assertDestination(effect, from.partition);
      return;
    case "queue":
      assert(queueName.test(effect.queue), `"${effect.queue}" cannot be the name of a binding`);
      return;
    case "submit": {
      const { acceptedAs, rejectedAs, step } = effect;
      assertDestination(effect, from.partition);
      if (step) assert(isId(step.key) && isJsonObject(step.about), "a step has a key, and what it is about");
      for (const type of [acceptedAs, rejectedAs]) {
        // Of any other type a client could say what has become of an effect.
        if (type !== undefined)
          assert(from.model.eventType(type)?.internal, `the model has no internal type "${type}"`);
      }
      return;
    }
    case "schedule":
      assert(from.model.eventType(effect.type), `the model has no event type "${effect.type}"`);
      assert(timerKey.test(effect.key), `"${effect.key}" cannot be the key of a timer`);
      return;
    case "cancel":
      assert(timerKey.test(effect.key), `"${effect.key}" cannot be the key of a timer`);
      return;
    default:
      throw new TypeError(`"${(effect as Effect).kind}" is no kind of effect`);
  }
}

/** @throws TypeError where nothing can be sent there from the partition `own`. */
function assertDestination(to: Destination, own: string): void {
  const fault = destinationFault(to, own);
  if (fault !== undefined) throw new TypeError(fault);
}

function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new TypeError(message);
}
