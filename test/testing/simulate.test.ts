import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel, type EventDefinition } from "../../src/model/index.ts";
import { inventory } from "../../src/models/inventory/index.ts";
import { ledger } from "../../src/models/ledger/index.ts";
import { simulate, SimulationError, type SimulationOptions } from "../../src/testing/index.ts";
import { seats } from "../support/seats.ts";
import { shop, shopEffects } from "./models.ts";

const seat = z.strictObject({ seat: z.string().check(z.minLength(1)) });
interface Hall {
  taken: Record<string, string>;
  count: number;
}

type Rules = Partial<Pick<EventDefinition<Hall, typeof seat>, "validate" | "reduce">>;
interface Wrong {
  book?: Rules & { compensate?: () => { type: "release"; payload: { seat: string } } };
}

/** A hall with seats, with what is `wrong` in it. */
function hall(wrong: Wrong = {}) {
  return defineModel({
    name: "hall",
    version: 1,
    initialState: (): Hall => ({ taken: {}, count: 0 }),
    events: {
      book: {
        payload: seat,
        validate: (state, { payload }) =>
          payload.seat in state.taken ? { field: "payload.seat", code: "TAKEN", message: "It is taken." } : undefined,
        reduce(state, { payload, clientId }) {
          state.taken[payload.seat] = clientId;
          state.count++;
        },
        compensate: (_, { payload }) => ({ type: "release" as const, payload }),
        ...wrong.book,
      },
      release: {
        payload: seat,
        validate: (state, { payload }) =>
          payload.seat in state.taken ? undefined : { field: "payload.seat", code: "FREE", message: "It is free." },
        reduce(state, { payload }) {
          delete state.taken[payload.seat];
          state.count--;
        },
      },
    },
    invariants: { "what is counted is taken": ({ taken, count }) => Object.keys(taken).length === count },
  });
}

/** The failure of a simulation. */
async function failureOf(
  model: ReturnType<typeof hall>,
  options: SimulationOptions<Hall, any> = {},
): Promise<SimulationError> {
  const failure = await simulate(model, options).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SimulationError);
  return failure as SimulationError;
}

describe("the simulation of an application's model", () => {
  it("[EC-3] [LC-14] finds nothing in models that are right, and accepts drafts of each type", async () => {
    const report = await simulate(hall(), { seeds: 25 });
    expect(report.runs).toBe(25);
    expect(Object.keys(report.accepted).toSorted()).toEqual(["book", "release"]);
    expect(report.rejected["validation_failed"]).toBeGreaterThan(0);
    await simulate(seats, { seeds: 10 });
    await simulate(inventory, { seeds: 10 });
    // The schema of a currency has a condition of its own.
    const money = await simulate(ledger, {
      seeds: 10,
      drafts: { open: (fc) => fc.record({ account: fc.constantFrom("a", "b", "c"), currency: fc.constant("EUR") }) },
    });
    expect(money.accepted["open"]).toBeGreaterThan(0);
    const { accepted } = await simulate(shop, { seeds: 10, effects: shopEffects });
    expect(accepted["pay"]).toBeGreaterThan(0);
  });

  it("[EC-3] [TX-12] counts what timers submit among what was accepted", async () => {
    const events = {
      hold: { payload: z.strictObject({}), reduce: (state: { held: number }) => void state.held++ },
      expire: {
        internal: true,
        payload: z.strictObject({}),
        reduce: (state: { held: number }) => void state.held--,
      },
    } as const;
    const model = defineModel({ name: "holds", version: 1, initialState: () => ({ held: 0 }), events });
    const effects = defineEffects(model, {
      hold: (_, { timestamp }) => ({ kind: "schedule", key: "k", at: timestamp + 60_000, type: "expire", payload: {} }),
    });
    const { accepted } = await simulate(model, { seeds: 10, effects });
    expect(accepted["expire"]).toBeGreaterThan(0);
    expect(accepted["hold"]).toBeGreaterThanOrEqual(accepted["expire"]!);
  });

  it("[EC-3] finds a reducer that reads a clock, with the smallest run", async () => {
    const failure = await failureOf(hall({ book: { reduce: (state) => void (state.taken[`${Date.now()}`] = "") } }));
    expect(failure.message).toContain("a model asks for Date.now");
    expect(failure.trace).toEqual([
      expect.stringMatching(/^\w+: submit book .* → rejected: The model failed on "book": Impurity/),
    ]);
  });

  it("[EC-3] finds a reducer that throws, and one that breaks on a user's word", async () => {
    const failure = await failureOf(
      hall({
        book: {
          reduce(state, { payload }) {
            if (payload.seat === "toString") throw new Error("an unlucky seat");
            state.taken[payload.seat] = "";
            state.count++;
          },
        },
      }),
    );
    expect(failure.message).toContain("an unlucky seat");
    expect(failure.trace).toHaveLength(1);
  });

  it("[EC-3] finds a validator that does not hold what the invariants say only by rejections", async () => {
    // Booked twice, it is taken once: the invariant rejects it, so nothing is wrong with the log.
    await simulate(hall({ book: { validate: () => undefined } }), { seeds: 10 });
  });

  it("[EC-3] finds what `check` says, and shrinks it", async () => {
    const failure = await failureOf(hall(), {
      check: ({ state }) => {
        if (state.count > 2) throw new Error("more than two seats are taken");
      },
    });
    expect(failure.message).toContain("more than two seats are taken");
    expect(failure.trace.length).toBeLessThanOrEqual(3);
  });

  it("[EC-3] [MD-12] finds a compensation that is rejected, or is of no type", async () => {
    const other = hall({
      book: { compensate: () => ({ type: "release" as const, payload: { seat: "another one" } }) },
    });
    expect((await failureOf(other)).message).toContain(
      'the compensation "release" of event 1 (book) is rejected directly after it: It is free.',
    );
    const unknown = hall({ book: { compensate: () => ({ type: "free" as "release", payload: { seat: "a" } }) } });
    expect((await failureOf(unknown)).message).toContain("is of a type that the model does not have");
  });

  it("[EC-3] finds a validator that remembers something itself", async () => {
    let asked = 0;
    const failure = await failureOf(
      hall({
        book: {
          validate: () =>
            ++asked % 3 === 0
              ? { field: "payload.seat", code: "THIRD", message: "Each third is rejected." }
              : undefined,
        },
      }),
    );
    expect(failure.message).toMatch(/Each third is rejected/);
  });

  it("[EC-3] repeats a failure by its seed and path", async () => {
    const model = hall({ book: { reduce: (state) => void (state.count += Math.random()) } });
    const { seed, path, trace } = await failureOf(model, { seed: 7 });
    expect((await failureOf(model, { seed, path })).trace).toEqual(trace);
  });

  it("[EC-3] takes payloads from the test, made for the state that a device shows", async () => {
    const { accepted } = await simulate(hall(), {
      seeds: 10,
      drafts: {
        book: (fc) => fc.record({ seat: fc.constantFrom("A1", "A2") }),
        release: (fc, state) => fc.record({ seat: fc.constantFrom(...Object.keys(state.taken), "A1") }),
      },
    });
    expect(accepted["release"]).toBeGreaterThan(10);
    const { accepted: booked } = await simulate(hall(), { seeds: 5, drafts: { release: false } });
    expect(booked["release"]).toBeUndefined();
  });

  it("[EC-3] says for which type it has no payloads", async () => {
    const model = defineModel({
      name: "strange",
      version: 1,
      initialState: () => ({}),
      events: {
        add: {
          payload: z.object({ n: z.custom<string>((value) => value === "a word that nobody guesses") }),
          reduce() {},
        },
      },
    });
    await expect(simulate(model)).rejects.toThrow(/none of \d+ payloads of "add" fits its schema: give them/);
  });
});
