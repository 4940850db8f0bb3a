import { type AnyModel, foldEvent, type Model, State, upcast } from "../model/index.ts";
import { payloadViolations, olderViolations } from "../model/check.ts";
import type { JsonObject } from "../protocol/index.ts";
import { withoutGlobals } from "./globals.ts";

/** An event of a log, as it is stored. Only type and payload are needed. */
export interface StoredEvent {
  type: string;
  /** As submitted; absent: 1. */
  version?: number;
  payload: JsonObject;
  /** Milliseconds since 1970. */
  timestamp?: number;
  clientId?: string;
  /** Who did it, as the model's `authors` says. */
  author?: string;
}

/** The time of events that have none: 2026-01-01, in milliseconds since 1970. */
const timestampDefault = Date.UTC(2026, 0, 1);

/**
 * Folds a log as the server, a replay and every client do. Returns the state as plain JSON.
 *
 * @throws FoldError where the model cannot fold an event; Impurity where a reducer reads a clock or randomness.
 */
export function foldLog<S extends object>(model: Model<S, any, any>, events: readonly StoredEvent[]): S {
  return withoutGlobals(() => {
    const state = new State(model.initialState());
    for (const event of events) foldEvent(model, state, { timestamp: timestampDefault, clientId: "test", ...event });
    return JSON.parse(state.stringify()) as S;
  });
}

/** What is wrong with a stored sample, see `checkUpcasters`. */
export interface SampleProblem {
  type: string;
  /** Of the sample; absent in the sample means 1. */
  version: number;
  message: string;
}

/** Thrown by `checkUpcasters`, with everything that is wrong. */
export class UpcastError extends Error {
  override name = "UpcastError";
  readonly problems: readonly SampleProblem[];

  constructor(problems: readonly SampleProblem[]) {
    super(
      [
        "stored events do not fit this model:",
        ...problems.map(({ type, version, message }) => `  ${type} version ${version}: ${message}`),
      ].join("\n"),
    );
    this.problems = problems;
  }
}

/**
 * Checks that the model reads what earlier versions have stored: each sample is upcast, and fits the present schema. Every
 * version of every event type needs a sample. A sample of an older version also has to fit `olderPayloads`, where the model
 * has one for it.
 *
 * Keep samples of the events that your application has stored, as a file beside its tests, and add to it with each version.
 *
 * @throws UpcastError
 */
export function checkUpcasters(model: AnyModel, samples: readonly StoredEvent[]): void {
  const problems = samples.flatMap((sample) => problemsOf(model, sample));
  for (const [type, { version: current = 1 }] of Object.entries<{ version?: number }>(model.events)) {
    for (let version = 1; version <= current; version++) {
      if (samples.some((sample) => sample.type === type && (sample.version ?? 1) === version)) continue;
      problems.push({ type, version, message: "there is no sample" });
    }
  }
  if (problems.length > 0) throw new UpcastError(problems);
}

function problemsOf(model: AnyModel, sample: StoredEvent): SampleProblem[] {
  const { type, version = 1, payload } = sample;
  const problem = (message: string): SampleProblem => ({ type, version, message });
  const definition = model.eventType(type);
  if (!definition) return [problem("the model has no such event type: events of it cannot be folded any more")];
  if (version > (definition.version ?? 1))
    return [problem(`the model has only versions up to ${definition.version ?? 1}`)];
  const lines = (violations: { field: string; message: string }[], what: string) =>
    violations.map(({ field, message }) => problem(`${what}: ${field}: ${message}`));
  try {
    const older = olderViolations(definition, version, payload);
    if (older.length > 0) return lines(older, "the sample does not fit olderPayloads");
    const current = withoutGlobals(() =>
      // A copy: an upcaster that changes its argument would change the stored event.
      upcast(definition, { timestamp: timestampDefault, clientId: "test", ...frozen(sample) }),
    );
    return lines(
      payloadViolations(definition, current.payload as JsonObject),
      "after the upcast it does not fit the schema",
    );
  } catch (error) {
    return [problem(`the upcaster failed: ${String(error)}`)];
  }
}

/** A deep copy that refuses changes. */
function frozen<T>(value: T): T {
  const freeze = (part: unknown): unknown => {
    if (typeof part === "object" && part !== null) Object.values(Object.freeze(part)).forEach(freeze);
    return part;
  };
  return freeze(structuredClone(value)) as T;
}
