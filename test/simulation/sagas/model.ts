import * as z from "zod/mini";
import { defineEffects, type Effects } from "../../../src/model/effects.ts";
import { type AnyModel, defineModel, defineSaga, noSagas, sagaEvents } from "../../../src/model/index.ts";
import { sagaEffects } from "../../../src/model/sagas/effects.ts";

/** How a partition is named. */
export const houseName = (at: number): string => `house-${at}`;

/** What each house has at the start. */
export const startAmount = 100;

const text = z.string();
const route = z.strictObject({ from: text, by: text, to: text, amount: z.int() });
const parcel = z.strictObject({ saga: text, amount: z.int() });
const named = z.strictObject({ saga: text });

interface House {
  amount: number;
  /** Whether it takes nothing, and gives nothing back. */
  closed: boolean;
  /** What has happened here to each saga, in order. */
  done: Record<string, string>;
}

const objection = (code: string) => ({ field: "payload", code, message: code });

/** Amounts from one house to another; a third one is informed of each. */
const move = defineSaga("move", {
  input: route,
  steps: [
    {
      do: ({ from, amount }, { saga }) => ({ partition: from, type: "take", payload: { saga, amount } }),
      compensate: ({ from, amount }, { saga }) => ({ partition: from, type: "refund", payload: { saga, amount } }),
      timeoutMs: 1_000,
      retries: 1,
    },
    {
      do: ({ by }, { saga }) => ({ partition: by, type: "stamp", payload: { saga } }),
      compensate: ({ by }, { saga }) => ({ partition: by, type: "unstamp", payload: { saga } }),
      timeoutMs: 1_500,
    },
    {
      do: ({ to, amount }, { saga }) => ({ partition: to, type: "give", payload: { saga, amount } }),
      timeoutMs: 1_000,
      retries: 2,
    },
  ],
});

/** A step, or its compensation: it happens only where `before` is what has happened here to its saga. */
const event = <P extends z.ZodMiniObject>(payload: P, name: string, before: string | undefined, by: number) => ({
  payload,
  validate(state: House, { payload: given }: { payload: Record<string, unknown> }) {
    const { saga, amount = 0 } = given as { saga: string; amount?: number };
    if (state.done[saga] !== before) return objection("OTHER");
    if (state.closed && name !== "take") return objection("CLOSED");
    return state.amount + by * amount < 0 ? objection("POOR") : undefined;
  },
  reduce(state: House, { payload: given }: { payload: Record<string, unknown> }) {
    const { saga, amount = 0 } = given as { saga: string; amount?: number };
    state.done[saga] = name;
    state.amount += by * amount;
  },
});

/** What a world is made of; `faulty`: in a variant with a planted fault. */
export interface Houses {
  readonly model: AnyModel;
  readonly effects: Effects;
}

export type SagaFault = "key without its saga" | "undone forwards" | "not fenced";

/** Houses that move amounts between each other. */
export function houses(fault?: SagaFault): Houses {
  const saga = fault === "undone forwards" ? undoneForwards(move) : move;
  const events = { ...sagaEvents<House & ReturnType<typeof noSagas>, "move", typeof route>(saga) };
  if (fault === "not fenced") {
    events["move.accepted"] = unfenced(events["move.accepted"]);
    events["move.rejected"] = unfenced(events["move.rejected"]);
  }
  const model = defineModel({
    name: "houses",
    version: 1,
    initialState: () => ({ amount: startAmount, closed: false, done: {} as Record<string, string>, ...noSagas() }),
    accepts: [{ from: "house-*", types: ["take", "refund", "stamp", "unstamp", "give"] }],
    events: {
      ...events,
      take: event(parcel, "take", undefined, -1),
      refund: event(parcel, "refund", "take", 1),
      stamp: event(named, "stamp", undefined, 0),
      unstamp: event(named, "unstamp", "stamp", 0),
      give: event(parcel, "give", undefined, 1),
      shut: {
        payload: z.strictObject({ closed: z.boolean() }),
        reduce: (state, { payload }) => void (state.closed = payload.closed),
      },
    },
  });
  const effects = sagaEffects(saga);
  return {
    model,
    effects: defineEffects(model, fault === "key without its saga" ? withShortKeys(effects) : effects),
  };
}

type Move = typeof move;

/** The compensations of the first two steps, in the other order. */
function undoneForwards(given: Move): Move {
  const [first, second, third] = given.steps;
  const steps = [{ ...first!, compensate: second!.compensate }, { ...second!, compensate: first!.compensate }, third!];
  return { ...given, steps };
}

/** An answer, of whatever attempt, counts as one of the last. */
function unfenced<E extends { reduce(...given: never[]): void }>(definition: E): E {
  const reduce = definition.reduce as unknown as (...given: unknown[]) => void;
  const reduceAsLast = (state: ReturnType<typeof noSagas>, given: any, context: unknown): void => {
    const { saga } = given.payload.about;
    const fence = state.sagas.runs[saga]?.fence ?? 0;
    reduce.call(definition, state, { ...given, payload: { ...given.payload, about: { saga, fence } } }, context);
  };
  return { ...definition, reduce: reduceAsLast } as unknown as E;
}

/** The keys of steps say which step it is, and not of which saga. */
function withShortKeys(effects: ReturnType<typeof sagaEffects<"move">>): typeof effects {
  const shortened = Object.entries(effects).map(([type, caused]) => [
    type,
    (...given: Parameters<typeof caused>) =>
      caused(...given)?.map((effect) => {
        if (effect.kind !== "submit" || !effect.step) return effect;
        const { key, about } = effect.step;
        return Object.assign({}, effect, { step: { key: key.split(":").slice(3).join(":"), about } });
      }),
  ]);
  return Object.fromEntries(shortened) as typeof effects;
}
