import type { BatchVerdict, Verdict } from "../client/index.ts";
import type { AnyModel } from "../model/index.ts";
import { canonicalJson } from "../protocol/canonical.ts";
import type { Json, JsonObject, NumberedEvent, Problem } from "../protocol/index.ts";
import type { TestDevice } from "./device.ts";
import type { TestPartition } from "./partition.ts";
import { replay, type Step } from "./replay.ts";

/** A draft, whose payload is made for the state that its device shows. */
interface PlannedDraft {
  type: string;
  payload(state: object): JsonObject;
}

/** One action of a run. */
export type Action =
  | { kind: "submit"; device: number; draft: PlannedDraft }
  | { kind: "atomic" | "sequential"; device: number; drafts: readonly PlannedDraft[] }
  | { kind: "undo" | "redo" | "cut" | "restore" | "loseAnswers" | "restartDevice"; device: number }
  | { kind: "restart" }
  | { kind: "advance"; ms: number };

/** What is counted over all runs. */
interface Counts {
  accepted: Record<string, number>;
  rejected: Record<string, number>;
}

/** Of a model whose types are not known here. */
type AnyPartition = TestPartition;
type AnyDevice = TestDevice<JsonObject>;

/** How long a run may take until all clients are at rest, in milliseconds of its own clock: longer than any delay of a client. */
const restMs = 10 * 60 * 1_000;
const restStepsMax = 20;

/** One run of a simulation. */
export class Run {
  /** What happened, in order. */
  readonly trace: string[] = [];
  readonly #model: AnyModel;
  readonly #partition: AnyPartition;
  readonly #names: readonly string[];
  readonly #counts: Counts;
  #devices: AnyDevice[] = [];
  /** The first thing that went wrong. */
  #wrong: string | undefined;

  constructor(model: AnyModel, partition: AnyPartition, names: readonly string[], counts: Counts) {
    this.#model = model;
    this.#partition = partition;
    this.#names = names;
    this.#counts = counts;
  }

  /** Plays the actions, and returns what is wrong; undefined: nothing. */
  async play(
    actions: readonly Action[],
    check: ((step: Step<object>) => void) | undefined,
  ): Promise<string | undefined> {
    for (const name of this.#names) this.#devices.push(await this.#partition.connect(name));
    for (const action of actions) {
      await this.#act(action);
      this.#look();
      if (this.#wrong !== undefined) return this.#wrong;
    }
    await this.#rest();
    this.#look();
    this.#wrong ??= await this.#judge(check);
    for (const device of this.#devices) device.stop();
    return this.#wrong;
  }

  async #act(action: Action): Promise<void> {
    const device = "device" in action ? this.#devices[action.device]! : undefined;
    switch (action.kind) {
      case "submit":
        this.#submit(device!, action.draft);
        break;
      case "atomic":
      case "sequential":
        this.#submitBatch(device!, action.kind, action.drafts);
        break;
      case "undo":
      case "redo":
        if (!device!.client[action.kind === "undo" ? "canUndo" : "canRedo"]) break;
        this.#line(`${device!.name}: ${action.kind}`);
        // What is skipped is no mistake: others may have changed the same place since.
        void device!.client[action.kind]().catch((error: unknown) =>
          this.#fail(`${action.kind} throws: ${String(error)}`),
        );
        break;
      case "cut":
      case "restore":
      case "loseAnswers":
        this.#line(`${device!.name}: ${networkLine[action.kind]}`);
        device![action.kind]();
        break;
      case "restartDevice":
        this.#line(`${device!.name}: the client is killed, and starts again`);
        device!.restart();
        break;
      case "restart":
        this.#line("the process of the partition is killed, and starts again");
        this.#partition.restart();
        break;
      case "advance":
        if (action.ms > 0) this.#line(`${action.ms / 1_000} s pass`);
    }
    // Not until all are at rest: what is on its way meets what comes next.
    await this.#partition.advance(action.kind === "advance" ? action.ms : 0);
  }

  #submit(device: AnyDevice, { type, payload }: PlannedDraft): void {
    const given = payload(device.client.state as object);
    const at = this.#line(`${device.name}: submit ${type} ${JSON.stringify(given)}`);
    const decide = async () => {
      const verdict: Verdict = await device.client.submit(type, given);
      this.#decided(at, type, verdict.status === "accepted" ? verdict : problemOf(verdict), verdict.status);
    };
    void decide().catch((error: unknown) => this.#note(at, String(error)));
  }

  #submitBatch(device: AnyDevice, mode: "atomic" | "sequential", drafts: readonly PlannedDraft[]): void {
    const state = device.client.state as object;
    const given = drafts.map(({ type, payload }) => ({ type, payload: payload(state) }));
    const at = this.#line(`${device.name}: submit ${mode} ${JSON.stringify(given)}`);
    const decide = async () => {
      const verdict: BatchVerdict = await device.client.submitBatch(mode, given);
      this.#note(at, verdict.status);
      const results = "results" in verdict ? verdict.results : [];
      for (const [index, result] of results.entries()) {
        const { type } = given[index]!;
        this.#decided(undefined, type, result.status === "accepted" ? result : problemOf(result), result.status);
      }
      this.#judgeProblem(problemOf(verdict));
    };
    void decide().catch((error: unknown) => this.#note(at, String(error)));
  }

  #decided(
    at: number | undefined,
    type: string,
    result: { eventId: number } | Problem | undefined,
    status: string,
  ): void {
    const { rejected } = this.#counts;
    if (result && "eventId" in result) {
      this.#count(type);
      this.#note(at, `accepted as event ${result.eventId}`);
      return;
    }
    if (result && status === "rejected") rejected[result.code] = (rejected[result.code] ?? 0) + 1;
    this.#note(at, result ? `${status}: ${result.errors?.[0]?.message ?? result.detail}` : status);
    this.#judgeProblem(result);
  }

  #count(type: string): void {
    const { accepted } = this.#counts;
    accepted[type] = (accepted[type] ?? 0) + 1;
  }

  #judgeProblem(problem: Problem | undefined): void {
    // What the server says of it is for its log only.
    if (problem?.code === "draft_failed") this.#fail([problem.detail, ...this.#partition.errors.slice(-1)].join(" "));
    if (problem?.code === "draft_too_expensive") this.#fail(`a draft costs too much: ${problem.detail}`);
  }

  /** Whether something has thrown at the server. */
  #look(): void {
    const [error] = this.#partition.errors;
    if (error !== undefined) this.#fail(`the server reports: ${error}`);
  }

  async #rest(): Promise<void> {
    for (const device of this.#devices) device.restore();
    for (let step = 0; step < restStepsMax; step++) {
      await this.#partition.advance(step === 0 ? 0 : restMs / restStepsMax);
      if (this.#partition.unsettled() === undefined) break;
    }
    // Undo submits after it has waited for its drafts.
    await this.#partition.settle();
  }

  async #judge(check: ((step: Step<object>) => void) | undefined): Promise<string | undefined> {
    const log = await this.#partition.log();
    // No device submits these: timers do.
    for (const { event } of log) if (this.#model.eventType(event.type)?.internal) this.#count(event.type);
    const devices = new Set(this.#names);
    const principalOf = ({ event }: NumberedEvent) => (devices.has(event.clientId) ? event.clientId : undefined);
    const { wrong, end } = replay(this.#model, log, { principalOf, check });
    if (wrong !== undefined) return wrong;
    const state = (await this.#partition.state()) as object;
    if (!same(end, state))
      return `a replay of the log folds to another state than the server has: ${differing(end, state)}`;
    for (const { name, client } of this.#devices) {
      if (!same(client.state, state))
        return `${name} shows another state than the server has: ${differing(client.state, state)}`;
    }
    return undefined;
  }

  #fail(what: string): void {
    this.#wrong ??= what;
  }

  /** Adds a line to the trace, and returns its place. */
  #line(what: string): number {
    return this.trace.push(what) - 1;
  }

  #note(at: number | undefined, what: string): void {
    if (at !== undefined) this.trace[at] += ` → ${what}`;
  }
}

const networkLine = {
  cut: "the network is cut",
  restore: "the network works",
  loseAnswers: "the answers of the server are lost",
};

function problemOf(verdict: object): Problem | undefined {
  return "problem" in verdict ? (verdict.problem as Problem) : undefined;
}

function same(one: unknown, other: unknown): boolean {
  return canonicalJson(one as Json) === canonicalJson(other as Json);
}

/** The first place where two states differ. */
function differing(one: unknown, other: unknown, path = "state"): string {
  if (isContainer(one) && isContainer(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (!same(one[key] ?? null, other[key] ?? null)) return differing(one[key], other[key], `${path}.${key}`);
    }
  }
  return `${path} is ${textOf(one)}, and not ${textOf(other)}`;
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function textOf(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, textMax);
}
/** Characters of a part of a state that a message has. */
const textMax = 200;
