import { createHash } from "node:crypto";
import { type AnyModel, foldEvent, newestVersionOf, payloadViolations, State, upcast } from "../model/index.ts";
import { canonicalJson } from "../protocol/canonical.ts";
import type { Json, JsonObject } from "../protocol/index.ts";
import type { ReadEvent } from "./read-log.ts";

/** The states of both models are compared after each group of this many events, and at the end. */
const compareEachEvents = 1_000;
/** Examples that are named of each kind of finding. */
const examplesMax = 3;

/** What a new model makes of a log that was written before it. */
export interface ModelCheck {
  events: number;
  /** Events that are upcast, by type and version: `renamed 1→2`. */
  readonly upcast: Map<string, number>;
  /** The first event that the new model cannot fold: its partition would be quarantined. */
  quarantined: { eventId: number; type: string; why: string } | undefined;
  /** Events whose payload, after the upcast, does not fit the schema: a reducer gets what it does not expect. */
  readonly unfit: Map<string, { count: number; examples: string[] }>;
  /** Undefined: not compared, because there is no old model, or it has another version. */
  same: boolean | undefined;
  /** Between which events the states first differ. */
  differsWithin: { from: number; to: number } | undefined;
  /** The SHA-256 of the state at the end, as canonical JSON, in hexadecimal; undefined: it cannot be folded. */
  sha256: string | undefined;
  /** How long folding took on this machine, in milliseconds. */
  foldMs: number;
}

/** A model that folds a log, and what it has come to. */
class Folding {
  readonly #model: AnyModel;
  readonly #state: State<object>;
  ms = 0;

  constructor(model: AnyModel) {
    this.#model = model;
    this.#state = new State(model.initialState());
  }

  /** @throws FoldError */
  fold({ event }: ReadEvent): void {
    const from = performance.now();
    foldEvent(this.#model, this.#state, event);
    this.ms += performance.now() - from;
  }

  get sha256(): string {
    const text = canonicalJson(JSON.parse(this.#state.stringify()) as Json);
    return createHash("sha256").update(text).digest("hex");
  }
}

/** Folds a log with the model that is to come, and with the one that wrote it, if it is given. */
export async function checkModel(
  log: AsyncIterable<ReadEvent>,
  next: AnyModel,
  before: AnyModel | undefined,
): Promise<ModelCheck> {
  const compares = before !== undefined && before.version === next.version;
  const folding = new Folding(next);
  const other = compares ? new Folding(before) : undefined;
  const check: ModelCheck = {
    events: 0,
    upcast: new Map(),
    quarantined: undefined,
    unfit: new Map(),
    same: undefined,
    differsWithin: undefined,
    sha256: undefined,
    foldMs: 0,
  };
  let compared = 0;
  const compare = (eventId: number) => {
    if (!other || check.differsWithin || check.quarantined) return;
    check.same = folding.sha256 === other.sha256;
    if (!check.same) check.differsWithin = { from: compared + 1, to: eventId };
    compared = eventId;
  };
  let last = 0;
  for await (const read of log) {
    check.events++;
    last = read.eventId;
    judge(check, next, read);
    if (check.quarantined) continue;
    try {
      folding.fold(read);
    } catch (error) {
      check.quarantined = { eventId: last, type: read.event.type, why: whyOf(error) };
      continue;
    }
    other?.fold(read);
    if (check.events % compareEachEvents === 0) compare(last);
  }
  if (last > compared) compare(last);
  check.foldMs = folding.ms;
  if (!check.quarantined) check.sha256 = folding.sha256;
  return check;
}

/** Notes whether an event is upcast, and whether its payload fits then. */
function judge(check: ModelCheck, model: AnyModel, { eventId, event }: ReadEvent): void {
  const definition = model.eventType(event.type);
  const { version = 1 } = event;
  // The fold says so.
  if (!definition || version > newestVersionOf(definition)) return;
  const current = definition.version ?? 1;
  if (version < current) {
    const name = `${event.type} ${version}→${current}`;
    check.upcast.set(name, (check.upcast.get(name) ?? 0) + 1);
  }
  try {
    const { payload } = upcast(definition, structuredClone(event));
    const [violation] = payloadViolations(definition, payload as JsonObject);
    if (!violation) return;
    const found = check.unfit.get(event.type) ?? { count: 0, examples: [] };
    found.count++;
    if (found.examples.length < examplesMax)
      found.examples.push(`event ${eventId}: ${violation.field}: ${violation.message}`);
    check.unfit.set(event.type, found);
  } catch {
    // The fold says so.
  }
}

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
