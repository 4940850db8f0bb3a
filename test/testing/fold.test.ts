import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineModel } from "../../src/model/index.ts";
import { checkUpcasters, foldLog, Impurity, UpcastError } from "../../src/testing/index.ts";
import { notes } from "./models.ts";

/** What is thrown. */
function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

const samples = [
  { type: "title", payload: { name: "A walk" } },
  { type: "title", version: 2, payload: { name: "A walk", language: "en" } },
  { type: "title", version: 3, payload: { title: "A walk", language: "en" } },
];

describe("the fold of a log", () => {
  it("[EC-3] [MD-4] upcasts what earlier versions have stored", () => {
    const log = [...samples, { type: "title", payload: { name: "A run" } }];
    expect(foldLog(notes, log)).toEqual({ titles: { en: "A run" } });
  });

  it("[EC-3] refuses a reducer that reads a clock or randomness, and gives them back", () => {
    for (const read of [() => Date.now(), () => new Date().getTime(), () => Math.random(), () => crypto.randomUUID()]) {
      const model = defineModel({
        name: "impure",
        version: 1,
        initialState: () => ({ at: 0 as unknown }),
        events: { tick: { payload: z.strictObject({}), reduce: (state) => void (state.at = read()) } },
      });
      const error = thrown(() => foldLog(model, [{ type: "tick", payload: {} }])) as Error;
      expect(error.cause).toBeInstanceOf(Impurity);
      expect(() => read()).not.toThrow();
    }
  });
});

describe("checkUpcasters", () => {
  it("[EC-3] [MD-4] accepts a sample of each version", () => {
    expect(() => checkUpcasters(notes, samples)).not.toThrow();
  });

  it("[EC-3] tells everything that is wrong at once", () => {
    const error = thrown(() =>
      checkUpcasters(notes, [
        { type: "title", payload: { title: "A walk" } },
        { type: "title", version: 2, payload: { name: 4, language: "en" } },
        { type: "title", version: 4, payload: {} },
        { type: "subtitle", payload: {} },
      ]),
    ) as UpcastError;
    expect(error).toBeInstanceOf(UpcastError);
    expect(error.problems.map(({ type, version, message }) => `${type} ${version} ${message}`)).toEqual([
      expect.stringMatching(/^title 1 the sample does not fit olderPayloads: payload/),
      expect.stringMatching(/^title 1 the sample does not fit olderPayloads: payload/),
      expect.stringMatching(/^title 2 after the upcast it does not fit the schema: payload.title/),
      "title 4 the model has only versions up to 3",
      expect.stringMatching(/^subtitle 1 the model has no such event type/),
      "title 3 there is no sample",
    ]);
  });

  it("[EC-3] refuses an upcaster that changes the stored event", () => {
    const model = defineModel({
      name: "greedy",
      version: 1,
      initialState: () => ({}),
      events: {
        add: {
          version: 2,
          payload: z.strictObject({ by: z.int() }),
          upcast: { 1: (payload) => Object.assign(payload, { by: 1 }) },
          reduce() {},
        },
      },
    });
    const all = [
      { type: "add", payload: {} },
      { type: "add", version: 2, payload: { by: 2 } },
    ];
    expect(thrown(() => checkUpcasters(model, all))).toMatchObject({
      problems: [{ message: expect.stringMatching(/^the upcaster failed: TypeError/) }],
    });
  });
});
