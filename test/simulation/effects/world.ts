import type { Delivered } from "../../../src/core/index.ts";
import type { SubmittedEffect } from "../../../src/platform/rpc.ts";
import { bounds, type JsonObject } from "../../../src/protocol/index.ts";
import { faults } from "../disk.ts";
import { Random } from "../random.ts";
import { Schedule } from "../schedule.ts";
import { Trace } from "../trace.ts";
import { nodeName } from "./model.ts";
import { Node } from "./node.ts";
import { lowerBounds } from "../lowered.ts";

/** Steps within which everything has to settle after the last fault. */
const settlingStepsMax = 40_000;
const hourMs = 60 * 60 * 1_000;

/** What a seed makes of a run. */
function characterOf(random: Random) {
  const often = (most: number) => (random.chance(0.4) ? 0 : random.next() * most);
  return {
    nodes: random.between(2, 4),
    latencyMsMax: random.pick([0, 5, 60]),
    /** How likely a call is lost, its answer is, or it arrives twice. */
    losing: random.pick([0, 0.1, 0.3]),
    actMsMax: random.pick([5, 40, 200]),
    restores: random.chance(0.3),
    storm: {
      nothing: 1,
      fault: often(4),
      crash: often(1),
      evict: often(2),
      drain: often(0.5),
      jump: often(0.5),
      restore: often(1),
    },
  };
}

/** What a `tell` asks for. */
interface Told {
  readonly to: string;
  readonly token: string;
  readonly answered: boolean;
  readonly hops: number;
}

/** A draft of a user that has no verdict yet. */
interface Pending {
  readonly draftId: string;
  readonly payload: JsonObject;
  waiting: boolean;
}

/** Some partitions that submit to each other, and all that may happen to them, out of one seed. */
export class EffectsWorld {
  readonly trace = new Trace();
  readonly #random: Random;
  readonly #schedule = new Schedule();
  readonly #character: ReturnType<typeof characterOf>;
  readonly #nodes: Node[];
  readonly #pending = new Map<Node, Pending>();
  #drafts = 0;
  #tokens = 0;
  #calls = 0;
  #calm = false;

  constructor(seed: number) {
    lowerBounds(false, false);
    this.#random = new Random(seed);
    this.#character = characterOf(this.#random);
    this.#nodes = Array.from({ length: this.#character.nodes }, (_, at): Node => {
      const name = nodeName(at);
      return new Node({
        name,
        schedule: this.#schedule,
        random: this.#random,
        trace: this.trace,
        effects: {
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
    for (const node of this.#nodes) node.faulty.disarm();
    trace.line(`${this.#schedule.now} calm`);
    let left = settlingStepsMax;
    while (trace.violation === undefined && !this.#settled() && left-- > 0) await this.#step(turn);
    trace.check(left > 0, () => "effects wait, and nothing happens");
    if (trace.violation === undefined) this.#judge();
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
    return this.#nodes.every((node) => node.idle && rows(node, "SELECT 1 FROM outbox").length === 0);
  }

  #keepActing(node: Node): void {
    // When all is calm, nothing but retries and alarms counts, and those take long.
    this.#schedule.after(this.#calm ? 1_000 : this.#random.between(1, this.#character.actMsMax), () => {
      this.#act(node);
      this.#keepActing(node);
    });
  }

  /** A user submits something new, or what has no verdict yet. */
  #act(node: Node): void {
    let pending = this.#pending.get(node);
    if (!pending && this.#calm) return;
    if (!pending) {
      pending = {
        draftId: `d-${++this.#drafts}`,
        payload: { tell: this.#tell(node) as unknown as JsonObject[] },
        waiting: false,
      };
      this.#pending.set(node, pending);
    }
    if (pending.waiting) return;
    pending.waiting = true;
    void this.#submit(node, pending);
  }

  async #submit(node: Node, pending: Pending): Promise<void> {
    const { draftId, payload } = pending;
    const answer = await node.submit(draftId, "tell", payload);
    pending.waiting = false;
    if (!answer || answer.status === 503) return;
    this.trace.check(answer.status === 201, () => `${draftId}: ${answer.status} ${answer.body}`);
    if (this.#pending.get(node) === pending) this.#pending.delete(node);
  }

  #tell(node: Node): Told[] {
    const random = this.#random;
    const others = this.#nodes.filter((other) => other !== node);
    return Array.from({ length: random.between(0, 3) }, () => ({
      to: random.pick(others).name,
      token: `t${++this.#tokens}${random.chance(0.15) ? "!" : ""}`,
      answered: random.chance(0.5),
      hops: random.chance(0.05) ? bounds.effectHopsMax + 2 : random.chance(0.2) ? random.between(1, 3) : 0,
    }));
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
        const results = await node.deliver(from, structuredClone(effects) as SubmittedEffect[]);
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
        this.#schedule.skewMs += random.pick([-1_000, 1_000, hourMs, 30 * hourMs]);
        return;
      case "restore":
        if (!this.#character.restores || node !== this.#nodes[0]) return;
        if (random.chance(0.5)) node.backUp();
        else {
          node.restore();
          this.#pending.delete(node);
        }
    }
  }

  /** Each effect of each log is in the log of its receiver, once and in order, or is a dead letter; and nothing else is. */
  #judge(): void {
    for (const sender of this.#nodes) {
      const causes = eventsOf(sender).flatMap(causedBy(sender));
      const dead = new Map(rows(sender, "SELECT * FROM dead_letters").map((row) => [idOf(row), String(row["reason"])]));
      const answers = new Set(
        eventsOf(sender)
          .filter(({ type }) => type === "accepted" || type === "rejected")
          .map(({ draftId }) => draftId),
      );
      for (const receiver of this.#nodes) {
        if (receiver === sender) continue;
        const ids = new Map(causes.filter(({ to }) => to === receiver.name).map((cause) => [cause.id, cause]));
        const got = eventsOf(receiver).filter(({ principal }) => principal === `partition:${sender.name}`);
        const told = got.filter(({ type }) => type === "told");
        this.#judgePair(sender, receiver, ids, told, dead);
      }
      for (const { id, answered } of causes) {
        if (dead.has(id)) continue;
        this.trace.check(
          answered === answers.has(id),
          () => `${sender.name}: the verdict on ${id} came back: ${!answered}`,
        );
      }
    }
  }

  #judgePair(
    sender: Node,
    receiver: Node,
    causes: Map<string, Caused>,
    told: Event[],
    dead: Map<string, string>,
  ): void {
    // A receiver that was restored has lost what came after its backup; a call that is late may bring a part of it again.
    if (this.#character.restores && receiver === this.#nodes[0]) return;
    const pair = `${sender.name} > ${receiver.name}`;
    const { trace } = this;
    const order = [...causes.keys()];
    let last = -1;
    for (const { draftId, payload } of told) {
      const cause = causes.get(draftId);
      // After a restore the receiver has what the sender has forgotten.
      if (!cause && this.#character.restores && sender === this.#nodes[0]) continue;
      trace.check(cause !== undefined, () => `${pair}: ${draftId} is of no event`);
      if (!cause) return;
      trace.check(cause.token === payload["token"], () => `${pair}: ${draftId} has another content`);
      // What was given up can still be on its way.
      if (dead.get(draftId) === "expired") continue;
      const at = order.indexOf(draftId);
      trace.check(at > last, () => `${pair}: ${draftId} is out of order, or there twice`);
      last = at;
    }
    const arrived = new Set(told.map(({ draftId }) => draftId));
    for (const { id, token, answered, hops } of causes.values()) {
      const reason = dead.get(id);
      if (hops > bounds.effectHopsMax) {
        trace.check(reason === "too_many_hops" && !arrived.has(id), () => `${pair}: ${id} has ${hops} hops: ${reason}`);
      } else if (token.includes("!")) {
        const died = reason === "rejected" || reason === "expired";
        trace.check(!arrived.has(id) && (answered || died), () => `${pair}: ${id} is rejected: ${reason}`);
      } else {
        const expired = reason === "expired";
        trace.check(arrived.has(id) || expired, () => `${pair}: ${id} is lost: ${reason}`);
      }
    }
  }
}

/** An event of a log. */
interface Event {
  readonly eventId: number;
  readonly incarnation: string;
  readonly principal: string;
  readonly draftId: string;
  readonly type: string;
  readonly hops: number;
  readonly payload: JsonObject;
}

/** An effect that an event must have caused. */
interface Caused {
  readonly id: string;
  readonly to: string;
  readonly token: string;
  readonly answered: boolean;
  readonly hops: number;
}

/** The effects of an event, as the model says. */
function causedBy(sender: Node): (event: Event) => Caused[] {
  return ({ eventId, incarnation, type, payload, hops }) => {
    const caused = (n: number, to: string, token: string, answered: boolean): Caused => ({
      id: `${incarnation}:${eventId}:${n}`,
      to,
      token,
      answered,
      hops: hops + 1,
    });
    if (type === "tell")
      return (payload["tell"] as unknown as Told[]).map(({ to, token, answered }, n) => caused(n, to, token, answered));
    if (type !== "told" || payload["hops"] === 0) return [];
    return [caused(0, sender.name === nodeName(0) ? nodeName(1) : nodeName(0), `${String(payload["token"])}>`, false)];
  };
}

function eventsOf(node: Node): Event[] {
  return rows(node, "SELECT * FROM events ORDER BY event_id").map((row) => ({
    eventId: row["event_id"] as number,
    incarnation: String(row["incarnation"]),
    principal: String(row["principal"]),
    draftId: String(row["draft_id"]),
    type: String(row["type"]),
    hops: (row["hops"] as number | null) ?? 0,
    payload: JSON.parse(new TextDecoder().decode(row["payload"] as Uint8Array)) as JsonObject,
  }));
}

function idOf(row: Record<string, unknown>): string {
  return `${String(row["incarnation"])}:${String(row["event_id"])}:${String(row["n"])}`;
}

/** Nothing, where a node was never written. */
function rows(node: Node, sql: string): Record<string, unknown>[] {
  const written = node.disk.query("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").length > 0;
  return written ? node.disk.query(sql) : [];
}
