import type { Arbitrary } from "fast-check";
import type * as z from "zod/mini";
import type { Effects } from "../model/effects.ts";
import type { AnyModel, DeepReadonly, Model, PayloadOf } from "../model/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { assertSound } from "../model/mistakes.ts";
import { type FastCheck, payloadsOf } from "./arbitraries.ts";
import { guarded } from "./guarded.ts";
import { testPartition } from "./partition.ts";
import type { Step } from "./replay.ts";
import { type Action, Run } from "./run.ts";

type Payloads = Record<string, z.core.$ZodType>;

/**
 * Where payloads of an event type come from. A function gets fast-check, and the state that the submitting device shows, so that
 * a payload can name what is there. False: devices do not submit this type.
 */
export type DraftSource<S, Payload> = false | ((fc: FastCheck, state: DeepReadonly<S>) => Arbitrary<Payload>);

/** How to simulate. */
export interface SimulationOptions<S extends object = object, P extends Payloads = Payloads> {
  /** Where payloads come from, by event type; absent: from its schema. */
  drafts?: { readonly [Type in keyof P]?: DraftSource<S, PayloadOf<P, Type>> };
  /** What the events cause outside. Timers fire; what is submitted to other partitions counts as accepted. */
  effects?: Effects;
  /** How many runs there are, each with other actions. Default: 100. */
  seeds?: number;
  /** Of the randomness of all runs: the same seed has the same runs. Default: 1. */
  seed?: number;
  /** Of a failure: runs its smallest case alone. */
  path?: string;
  /** The most actions of a run. Default: 40. */
  steps?: number;
  /** The devices, each of another user. Default: 3. */
  devices?: number;
  /** What has to be true after each event, besides the invariants of the model: throws where it is not. */
  check?: (step: Step<S>) => void;
}

/** What was simulated. */
export interface SimulationReport {
  runs: number;
  /** How many events of each type were accepted. A type that is not here was never accepted: give it better `drafts`. */
  accepted: Readonly<Record<string, number>>;
  /** How many drafts the server has rejected, by code. */
  rejected: Readonly<Record<string, number>>;
}

/** Thrown by `simulate`, with the smallest run that shows what is wrong. */
export class SimulationError extends Error {
  override name = "SimulationError";
  /** What happened, in order. */
  readonly trace: readonly string[];
  readonly seed: number;
  readonly path: string;

  constructor(model: string, what: string, trace: readonly string[], { seed, path }: { seed: number; path: string }) {
    const lines = trace.map((line, at) => `  ${String(at + 1).padStart(2)} ${line}`);
    const again = `again: simulate(${model}, { …, seed: ${seed}, path: "${path}" })`;
    super([`${what}`, "", ...lines, "", again].join("\n"));
    this.trace = trace;
    this.seed = seed;
    this.path = path;
  }
}

const stepsDefault = 40;
const devicesDefault = 3;
const seedsDefault = 100;
/** The longest name of a device is the last of these; there are at most as many devices. */
const names = ["ada", "bob", "eve", "dan", "fay", "gus", "ida", "joe"];
const secondMs = 1_000;
const pausesMs = [0, secondMs, 60 * secondMs, 60 * 60 * secondMs, 26 * 60 * 60 * secondMs];

/**
 * Searches for what a model gets wrong: devices submit drafts, undo and lose their network, the partition's process ends, and
 * time passes, in random order. Then every client has to show the state of the server; a replay of the log has to give the
 * same; invariants hold after each event; nothing throws; what a model declares as an undo is accepted; and no function of the
 * model reads a clock or randomness. A failure is shrunk to a small one.
 *
 * It needs the package fast-check.
 *
 * @example
 * it("holds", () => simulate(seats, { seeds: 200 }));
 *
 * @throws SimulationError (rejects); Error where payloads cannot be made from a schema.
 */
export async function simulate<S extends object, P extends Payloads, Internal extends string = never>(
  model: Model<S, P, Internal>,
  options: SimulationOptions<S, P> = {},
): Promise<SimulationReport> {
  assertSound(model);
  const fc = await loadFastCheck();
  const pure = guarded(model) as unknown as Model<JsonObject, Payloads>;
  const { seeds = seedsDefault, seed = 1, path, steps = stepsDefault, devices = devicesDefault } = options;
  if (devices < 1 || devices > names.length) throw new TypeError(`there are 1 to ${names.length} devices`);
  const report = { runs: 0, accepted: {} as Record<string, number>, rejected: {} as Record<string, number> };
  const sources = sourcesOf(fc, model, options.drafts ?? {});
  let failed: { what: string; trace: readonly string[] } | undefined;
  const property = fc.asyncProperty(
    fc.array(actionOf(fc, model, sources, devices), { maxLength: steps, size: "max" }),
    fc.nat(),
    async (actions, salt) => {
      const partition = testPartition(pure, {
        seed: salt,
        alone: true,
        ...(options.effects ? { effects: { ...options.effects, model: pure } } : {}),
      });
      const run = new Run(pure, partition, names.slice(0, devices), report);
      const what = await run.play(actions, options.check as ((step: Step<object>) => void) | undefined);
      report.runs++;
      if (what === undefined) return;
      failed = { what, trace: run.trace };
      throw new Error(what);
    },
  );
  const result = await fc.check(property, {
    seed,
    numRuns: seeds,
    ...(path === undefined ? {} : { path, numRuns: 1 }),
  });
  if (!result.failed) return report;
  const place = { seed: result.seed, path: result.counterexamplePath ?? "" };
  if (!failed) throw new Error("the simulation failed", { cause: result.errorInstance });
  throw new SimulationError(model.name, `${model.name}: ${failed.what}`, failed.trace, place);
}

/** Payloads for drafts of a type, in a state. */
type Source = (state: object) => Arbitrary<JsonObject>;

function sourcesOf(fc: FastCheck, model: AnyModel, given: object): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const [type, { internal, payload }] of Object.entries<{ internal?: true; payload: z.core.$ZodType }>(
    model.events,
  )) {
    const source = (given as Record<string, DraftSource<object, JsonObject>>)[type];
    if (internal || source === false) continue;
    if (source) sources.set(type, (state) => source(fc, state));
    else {
      const payloads = payloadsOf(fc, type, payload);
      sources.set(type, () => payloads);
    }
  }
  for (const type of Object.keys(given))
    if (!model.eventType(type)) throw new TypeError(`there is no event type "${type}"`);
  if (sources.size === 0) throw new TypeError("no device can submit anything: all event types are internal, or false");
  return sources;
}

function actionOf(
  fc: FastCheck,
  model: AnyModel,
  sources: ReadonlyMap<string, Source>,
  devices: number,
): Arbitrary<Action> {
  const device = fc.nat({ max: devices - 1 });
  // What a payload is depends on the state that the device shows then, so only its randomness is decided here.
  const draft = fc.record({ type: fc.constantFrom(...sources.keys()), salt: fc.nat() }).map(({ type, salt }) => ({
    type,
    payload: (state: object): JsonObject => fc.sample(sources.get(type)!(state), { seed: salt, numRuns: 1 })[0]!,
  }));
  const undoes = Object.values<{ compensate?: unknown }>(model.events).some(({ compensate }) => compensate);
  const choices: { weight: number; arbitrary: Arbitrary<Action> }[] = [
    { weight: 12, arbitrary: fc.record({ kind: fc.constant("submit" as const), device, draft }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom("atomic" as const, "sequential" as const),
        device,
        drafts: fc.array(draft, { minLength: 2, maxLength: 3 }),
      }),
    },
    {
      weight: undoes ? 3 : 0,
      arbitrary: fc.record({ kind: fc.constantFrom("undo" as const, "redo" as const), device }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("cut" as const), device }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("restore" as const), device }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("loseAnswers" as const), device }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restartDevice" as const), device }) },
    { weight: 1, arbitrary: fc.constant<Action>({ kind: "restart" }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.constantFrom(...pausesMs) }) },
  ];
  return fc.oneof(...choices.filter(({ weight }) => weight > 0));
}

async function loadFastCheck(): Promise<FastCheck> {
  try {
    return await import("fast-check");
  } catch (error) {
    throw new Error("simulate needs fast-check: npm install -D fast-check", { cause: error });
  }
}
