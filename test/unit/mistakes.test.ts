import { describe, expect, it } from "vitest";
import * as zod from "zod";
import * as z from "zod/mini";
import { defineModel } from "../../src/model/index.ts";
import { assertSound, mistakesIn } from "../../src/model/mistakes.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { inventory } from "../../src/models/inventory/index.ts";
import { ledger } from "../../src/models/ledger/index.ts";
import { seats } from "../support/seats.ts";

const reduce = () => {};

/** The mistakes of a model with one event of this payload. */
function ofPayload(payload: zod.core.$ZodType, more: object = {}): string[] {
  return mistakesIn(
    defineModel({ name: "m", version: 1, initialState: () => ({}), events: { set: { payload, reduce, ...more } } }),
  );
}

/** The mistakes of a model without events that begins with this state. */
function ofState(initialState: () => object): string[] {
  return mistakesIn(defineModel({ name: "m", version: 1, initialState, events: {} }));
}

describe("mistakes of a model", () => {
  it("[MD-1] finds none in the models of this project", () => {
    for (const model of [insieme, inventory, ledger, seats]) expect(mistakesIn(model)).toEqual([]);
  });

  it("[MD-1] names a schema that changes what is stored, by its path", () => {
    const stored = "the payload is stored as it was submitted";
    expect(ofPayload(zod.object({ title: zod.string().trim() }))).toEqual([
      `set: the schema of payload.title changes it: ${stored}`,
    ]);
    expect(ofPayload(zod.object({ tags: zod.array(zod.object({ at: zod.coerce.number() })) }))).toEqual([
      `set: the schema of payload.tags.*.at converts it: ${stored}`,
    ]);
    expect(ofPayload(zod.strictObject({ by: zod.int().default(1).optional() }))).toEqual([
      `set: the schema of payload.by fills in a default: ${stored}`,
    ]);
    expect(ofPayload(zod.object({ id: zod.union([zod.string().transform(Number), zod.null()]) }))).toEqual([
      `set: the schema of payload.id transforms it: ${stored}`,
    ]);
    expect(ofPayload(zod.object({ n: zod.number().catch(0) }))).toEqual([
      `set: the schema of payload.n replaces what does not fit: ${stored}`,
    ]);
    expect(ofPayload(zod.object({ when: zod.record(zod.string(), zod.date()) }))).toEqual([
      "set: no JSON value fits the schema of payload.when.*, z.date()",
    ]);
    expect(ofPayload(zod.string())).toEqual(["set: a payload is an object, and not what z.string() accepts"]);
  });

  it("[MD-1] names versions, types and policies that cannot be", () => {
    const initialState = () => ({});
    const event = { payload: z.strictObject({}), reduce };
    const of = (events: object, version = 1) =>
      mistakesIn(defineModel({ name: "m", version, initialState, events } as never));
    const noVersion = "version must be an integer from 1 on";
    expect(of({}, 0)).toEqual([noVersion]);
    expect(of({ "no spaces": event })).toEqual(['"no spaces" cannot name an event type']);
    expect(of({ set: { ...event, version: 1.5, upcast: { 1: reduce } } })).toEqual([`set: ${noVersion}`]);
    expect(of({ set: { ...event, version: Number.POSITIVE_INFINITY } })).toEqual([
      `set: ${noVersion}`,
      "set: no upcaster from version 1",
    ]);
    expect(of({ set: { ...event, version: 4, upcast: { 1: reduce, 3: reduce } } })).toEqual([
      "set: no upcaster from version 2",
    ]);
    expect(of({ set: { ...event, conflict: "transform" } })).toEqual([
      'set: conflict "transform" and transform go together',
    ]);
  });

  it("[MD-1] accepts schemas that only check, however they are built", () => {
    interface Tree {
      children: Tree[];
    }
    const tree: zod.ZodType<Tree> = zod.lazy(() => zod.object({ children: zod.array(tree) }));
    const payload = zod.object({
      tree,
      mail: zod.string().min(1).pipe(zod.email()).readonly(),
      kind: zod.discriminatedUnion("is", [zod.object({ is: zod.literal("a") }), zod.object({ is: zod.literal("b") })]),
      point: zod.tuple([zod.number(), zod.number()]).optional(),
      any: zod.unknown().refine((value) => value !== 3),
    });
    expect(ofPayload(payload)).toEqual([]);
    expect(ofPayload(zod.record(zod.string(), zod.json()))).toEqual([]);
  });

  it("[MD-1] names an initial state that is not JSON, is shared, or is another one each time", () => {
    expect(ofState(() => ({ seats: { open: new Map() } }))).toEqual([
      expect.stringMatching(/^initialState: seats.open: JSON cannot carry/),
    ]);
    expect(ofState(() => ({ when: { at: Number.NaN } }))).toEqual([expect.stringMatching(/^initialState: when.at: /)]);
    const list: string[] = [];
    expect(ofState(() => ({ list }))).toEqual(["initialState: list is the same object each time: make a new one"]);
    let count = 0;
    expect(ofState(() => ({ count: ++count }))).toEqual(["initialState: it is another state each time"]);
  });

  it("[MD-1] names functions that are async, and what refers to nothing", () => {
    const payload = z.strictObject({});
    expect(ofPayload(payload, { validate: async () => undefined, upcast: { 1: () => ({}) } })).toEqual([
      "set: there is an upcaster from version 1, and the present version is 1",
      "set: validate of the event is async: a model does not wait",
    ]);
    const model = defineModel({
      name: "m",
      version: 1,
      initialState: () => ({}),
      accepts: [{ from: "shop-*", types: ["gone"] }],
      events: {},
    });
    expect(mistakesIn(model)).toEqual(['accepts: there is no event type "gone"']);
    expect(() => assertSound(model)).toThrow(/the model m has mistakes:\n {2}accepts/);
  });
});
