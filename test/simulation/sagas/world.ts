import type { Delivered } from "../../../src/core/index.ts";
import type { SagaRun, WithSagas } from "../../../src/model/index.ts";
import type { SubmittedEffect } from "../../../src/platform/rpc.ts";
import type { JsonObject } from "../../../src/protocol/index.ts";
import { faults } from "../disk.ts";
import { Node } from "../effects/node.ts";
import { lowerBounds } from "../lowered.ts";
import { Random } from "../random.ts";
import { Schedule } from "../schedule.ts";
import { Trace } from "../trace.ts";
import { judge, logOf } from "./judge.ts";
import { houseName, houses, type SagaFault } from "./model.ts";

/** What a test plants to see that it is found. `early result`: a step counts as done before its receiver has decided it. */
export type Planted = SagaFault | "early result";

const housesInAll = 4;
/** Steps within which everything has to settle after the last fault. */
const settlingStepsMax = 15_000;
/** Sagas that a run starts. */
const sagasMax = 40;

function characterOf(random: Random) {
  const often = (most: number) => (random.chance(0.4) ? 0 : random.next() * most);
  return {
    latencyMsMax: random.pick([0, 20, 800, 3_000]),
    /** How likely a call is lost, its answer is, or it arrives twice. */
    losing: random.pick([0, 0.1, 0.3]),
    actMsMax: random.pick([20, 200, 1_000]),
    storm: {
      nothing: 1,
      fault: often(3),
      crash: often(1),
      evict: often(2),
      drain: often(0.5),
      jump: often(0.5),
      shut: often(4),
    },
  };
}

/** A draft of a user that has no verdict yet. */
interface Pending {
  readonly draftId: string;
  readonly type: string;
  readonly payload: JsonObject;
  waiting: boolean;
}

/** Houses that move amounts between each other by sagas, and all that may happen to them, out of one seed. */
export class SagasWorld {
  readonly trace = new Trace();
  readonly #random: Random;
  readonly #schedule = new Schedule();
  readonly #character: ReturnType<typeof characterOf>;
  readonly #nodes: Node[];
  readonly #planted: Planted | undefined;
  readonly #pending = new Map<Node, Pending>();
  readonly #looking = new Set<Node>();
  /** The houses that were read since all is calm. */
  readonly #seen = new Set<Node>();
  /** What each house had of its sagas when it was read last. */
  readonly #runs = new Map<Node, Record<string, SagaRun>>();
  #drafts = 0;
  #sagas = 0;
  #calls = 0;
  #calm = false;

  constructor(seed: number, planted?: Planted) {
    lowerBounds(false, false);
    this.#random = new Random(seed);
    this.#character = characterOf(this.#random);
    this.#planted = planted;
    const served = houses(planted === "early result" ? undefined : planted);
    this.#nodes = Array.from({ length: housesInAll }, (_, at): Node => {
      const name = houseName(at);
      return new Node({
        name,
        schedule: this.#schedule,
        random: this.#random,
        trace: this.trace,
        ...served,
        ports: {
          submit: (partition, effects) => this.#call(name, partition, effects),
          enqueue: () => Promise.reject(new Error("there are no queues here")),
          webhooks: () => Promise.reject(new Error("there are no couriers here")),
        },
      });
    });
  }

  async run(steps: number, turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    for (const node of this.#nodes) this.#keepActing(node);
    this.#keepStorming();
    for (let step = 0; step < steps && trace.violation === undefined; step++) await this.#step(turn);
    this.#calm = true;
    this.#seen.clear();
    for (const node of this.#nodes) node.faulty.disarm();
    trace.line(`${this.#schedule.now} calm`);
    let left = settlingStepsMax;
    while (trace.violation === undefined && !this.#settled() && left-- > 0) await this.#step(turn);
    trace.check(
      left > 0,
      () => `sagas do not end: ${this.#nodes.map((node) => openIn(this.#runsOf(node))).join(" | ")}`,
    );
    if (trace.violation === undefined) judge(this.#nodes, trace);
    for (const node of this.#nodes) node.disk.close();
  }

  async #step(turn: () => Promise<void>): Promise<void> {
    this.#schedule.step();
    for (const node of this.#nodes) node.runAlarm();
    await turn();
    for (const node of this.#nodes) node.look();
  }

  #settled(): boolean {
    if (this.#pending.size > 0 || this.#calls > 0) return false;
    return this.#nodes.every(
      (node) => node.idle && this.#seen.has(node) && !openIn(this.#runsOf(node)) && isEmpty(node, "outbox"),
    );
  }

  #keepActing(node: Node): void {
    // When all is calm, nothing but retries and alarms counts, and those take long.
    this.#schedule.after(this.#calm ? 1_000 : this.#random.between(1, this.#character.actMsMax), () => {
      this.#act(node);
      void this.#look(node);
      this.#keepActing(node);
    });
  }

  async #look(node: Node): Promise<void> {
    const calm = this.#calm;
    const none = isEmpty(node, "dead_letters", "detail LIKE '%idempotency_key_reused%'");
    this.trace.check(none, () => `${node.name}: a step has the key of another one`);
    if (this.#looking.has(node)) return;
    this.#looking.add(node);
    const state = (await node.state()) as WithSagas;
    this.#looking.delete(node);
    if (this.#calm !== calm) return;
    this.#runs.set(node, state.sagas.runs);
    for (const [id, { failure }] of Object.entries(state.sagas.runs)) {
      this.trace.check(failure?.detail !== "OTHER", () => `${node.name}: ${id} undoes what is not done`);
    }
    this.#seen.add(node);
  }

  /** A user submits something new, or what has no verdict yet. */
  #act(node: Node): void {
    let pending = this.#pending.get(node);
    if (!pending) {
      const next = this.#next(node);
      if (!next) return;
      pending = { draftId: `d-${++this.#drafts}`, ...next, waiting: false };
      this.#pending.set(node, pending);
    }
    if (pending.waiting) return;
    pending.waiting = true;
    void this.#submit(node, pending);
  }

  #runsOf(node: Node): Record<string, SagaRun> {
    return this.#runs.get(node) ?? {};
  }

  #next(node: Node): { type: string; payload: JsonObject } | undefined {
    const random = this.#random;
    const failed = failedIn(this.#runsOf(node));
    // An operator does what the failure allows.
    if (failed && (this.#calm || random.chance(0.3))) {
      const type = failed.code === "unanswered" ? "move.resume" : "move.retry";
      return { type, payload: { saga: failed.id } };
    }
    if (this.#calm) return isShut(node) ? { type: "shut", payload: { closed: false } } : undefined;
    if (this.#sagas >= sagasMax) return undefined;
    const [from, by, to] = othersOf(node, this.#nodes, random);
    const saga = `s-${++this.#sagas}`;
    const input = { from: from!, by: by!, to: to!, amount: random.between(1, 60) };
    return { type: "move.start", payload: { saga, input } };
  }

  async #submit(node: Node, pending: Pending): Promise<void> {
    const { draftId, type, payload } = pending;
    const answer = await node.submit(draftId, type, payload);
    pending.waiting = false;
    if (!answer || answer.status === 503) return;
    // A saga can have gone on since the operator has looked.
    const decided = answer.status === 201 || (answer.status === 422 && type !== "move.start");
    this.trace.check(decided, () => `${draftId}: ${answer.status} ${answer.body}`);
    this.#pending.delete(node);
  }

  /** A call from one node to another: late, lost, without an answer, or twice. */
  #call(from: string, to: string, effects: readonly SubmittedEffect[]): Promise<readonly Delivered[]> {
    const random = this.#random;
    const node = this.#nodes.find(({ name }) => name === to)!;
    const { latencyMsMax } = this.#character;
    const losing = this.#calm ? 0 : this.#character.losing;
    const lost = random.chance(losing);
    const unanswered = random.chance(losing);
    if (random.chance(losing))
      this.#schedule.after(random.between(0, 10 * latencyMsMax), () => void node.deliver(from, effects));
    this.#calls++;
    return new Promise((resolve, reject) => {
      const fail = () => this.#answer(() => reject(new Error("the call is lost")));
      const receive = async (): Promise<void> => {
        if (lost) {
          fail();
          return;
        }
        this.trace.line(`${this.#schedule.now} ${from} > ${to}: ${effects.map(({ effectId }) => effectId).join()}`);
        const decided = node.deliver(from, structuredClone(effects) as SubmittedEffect[]);
        const results =
          this.#planted === "early result"
            ? effects.map((): Delivered => ({ kind: "delivered", eventId: 1 }))
            : await decided;
        if (!results || unanswered) fail();
        else this.#answer(() => resolve(structuredClone(results) as Delivered[]));
      };
      this.#schedule.after(random.between(0, latencyMsMax), () => void receive());
    });
  }

  #answer(settle: () => void): void {
    this.#schedule.after(this.#random.between(0, this.#character.latencyMsMax), () => {
      this.#calls--;
      settle();
    });
  }

  #keepStorming(): void {
    this.#schedule.after(this.#random.between(5, 100), () => {
      if (this.#calm) return;
      this.#storm(this.#random.pick(this.#nodes));
      this.#keepStorming();
    });
  }

  #storm(node: Node): void {
    const random = this.#random;
    switch (random.weighted(this.#character.storm)) {
      case "nothing":
        return;
      case "fault":
        node.faulty.arm(random.pick(faults), random.between(0, 12), random.chance(0.7) ? 1 : random.between(2, 6));
        return;
      case "crash":
        node.crash();
        return;
      case "evict":
        node.evict();
        return;
      case "drain":
        node.drain(random.between(0, 3));
        return;
      case "jump":
        this.#schedule.skewMs += random.pick([-1_000, 1_000, 40_000]);
        return;
      case "shut":
        void node.submit(`d-${++this.#drafts}`, "shut", { closed: random.chance(0.5) });
    }
  }
}

/** The names of all others, in any order. */
function othersOf(node: Node, nodes: readonly Node[], random: Random): string[] {
  const left = nodes.filter((other) => other !== node);
  const names: string[] = [];
  while (left.length > 0) names.push(...left.splice(random.between(0, left.length - 1), 1).map(({ name }) => name));
  return names;
}

/** Whether there are no rows; nothing was ever written in a house that is not there. */
function isEmpty(node: Node, table: string, where = "TRUE"): boolean {
  const written = node.disk.query("SELECT 1 FROM sqlite_master WHERE name = ?", table).length > 0;
  return !written || node.disk.query(`SELECT 1 FROM ${table} WHERE ${where} LIMIT 1`).length === 0;
}

function isShut(node: Node): boolean {
  return logOf(node).findLast(({ type }) => type === "shut")?.payload["closed"] === true;
}

/** Those that have not ended, as a text. */
function openIn(runs: Record<string, SagaRun>): string {
  return Object.entries(runs)
    .filter(([, { endedAt }]) => endedAt === undefined)
    .map(([id, { status, step }]) => `${id} ${status} ${step}`)
    .join();
}

function failedIn(runs: Record<string, SagaRun>): { id: string; code: string } | undefined {
  const [id, run] = Object.entries(runs).find(([, { status }]) => status === "FAILED") ?? [];
  return id && run ? { id, code: run.failure!.code } : undefined;
}
