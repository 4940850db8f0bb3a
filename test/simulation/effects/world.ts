import type { Delivered } from "../../../src/core/index.ts";
import type { SubmittedEffect } from "../../../src/platform/rpc.ts";
import { HandOver } from "../../../src/courier/hand-over.ts";
import { bounds, type JsonObject, segmentEvents } from "../../../src/protocol/index.ts";
import type { EffectPorts } from "../../../src/shell/ports.ts";
import { faults } from "../disk.ts";
import { Random } from "../random.ts";
import { Schedule } from "../schedule.ts";
import { Trace } from "../trace.ts";
import { characterOf } from "./character.ts";
import { Endpoint } from "./endpoint.ts";
import { judgeEffects } from "./judge.ts";
import { rows } from "./log.ts";
import { bankParts, isOpen, judgeMarket, openMarket, stockParts } from "./market.ts";
import { bankName, gossip, gossipEffects, nodeName, stockName, type Tell } from "./model.ts";
import { Node } from "./node.ts";
import { lowerBounds } from "../lowered.ts";

/** Steps within which everything has to settle after the last fault. */
const settlingStepsMax = 40_000;
const hourMs = 60 * 60 * 1_000;

/** A draft of a user that has no verdict yet. */
interface Pending {
  readonly draftId: string;
  readonly payload: JsonObject;
  waiting: boolean;
}

/** Some partitions that submit to each other and to endpoints outside, and all that may happen to them, out of one seed. */
export class EffectsWorld {
  readonly trace = new Trace();
  readonly #random: Random;
  readonly #schedule = new Schedule();
  readonly #character: ReturnType<typeof characterOf>;
  /** Those that gossip: they cause effects. */
  readonly #nodes: Node[];
  readonly #endpoints: Endpoint[];
  /** The partitions with the inventory and the ledger, if there are. */
  readonly #market: { readonly stock: Node; readonly bank: Node } | undefined;
  /** Orders of each node that were not ended. */
  readonly #orders = new Map<Node, string[]>();
  readonly #pending = new Map<Node, Pending>();
  #drafts = 0;
  #tokens = 0;
  #calls = 0;
  #calm = false;

  constructor(seed: number) {
    lowerBounds(false, false);
    this.#random = new Random(seed);
    this.#character = characterOf(this.#random);
    const gossips = { model: gossip, effects: gossipEffects };
    this.#nodes = Array.from({ length: this.#character.nodes }, (_, at) => this.#node(nodeName(at), gossips));
    this.#market = this.#character.market
      ? { stock: this.#node(stockName, stockParts), bank: this.#node(bankName, bankParts) }
      : undefined;
    this.#endpoints = ["all", "some"].slice(0, this.#character.endpoints).map(
      (name) =>
        new Endpoint({
          name,
          types: name === "all" ? undefined : ["node.noted"],
          schedule: this.#schedule,
          random: this.#random,
          trace: this.trace,
        }),
    );
  }

  #node(name: string, parts: Pick<ConstructorParameters<typeof Node>[0], "model" | "effects" | "signHead">): Node {
    const [schedule, random, trace] = [this.#schedule, this.#random, this.trace];
    return new Node({ name, schedule, random, trace, ports: this.#portsOf(name), ...parts });
  }

  /** Where the effects of a partition go. */
  #portsOf(name: string): EffectPorts {
    const handOver = new HandOver({
      routes: () =>
        this.#reach(async () => this.#endpoints.map(({ name: id, types }) => ({ id, ...(types && { types }) }))),
      accept: (id, given) => this.#reach(() => this.#endpoints.find((one) => one.name === id)!.accept(given)),
      unwanted: () => {},
      now: () => this.#schedule.epochNow,
    });
    return {
      submit: (partition, effects) => this.#call(name, partition, effects),
      enqueue: () => Promise.reject(new Error("there are no queues here")),
      webhooks: async (given, to) => {
        if ("behind" in to) return await handOver.sendToAll(given, to.behind);
        await handOver.sendTo(to.endpoint, given);
        return [];
      },
    };
  }

  /** All partitions. */
  get #partitions(): readonly Node[] {
    return this.#market ? [...this.#nodes, this.#market.stock, this.#market.bank] : this.#nodes;
  }

  async run(steps: number, turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    await this.#open(turn);
    for (const node of this.#nodes) this.#keepActing(node);
    this.#keepStorming();
    for (let step = 0; step < steps && trace.violation === undefined; step++) await this.#step(turn);
    this.#calm = true;
    for (const node of this.#partitions) node.faulty.disarm();
    for (const endpoint of this.#endpoints) endpoint.calm();
    trace.line(`${this.#schedule.now} calm`);
    let left = settlingStepsMax;
    while (trace.violation === undefined && !this.#settled() && left-- > 0) await this.#step(turn);
    trace.check(left > 0, () => "effects wait, and nothing happens");
    if (trace.violation === undefined) await this.#judge(turn);
    for (const { disk } of this.#partitions) disk.close();
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  /** Opens the market, before anything goes wrong. */
  async #open(turn: () => Promise<void>): Promise<void> {
    if (!this.#market) return;
    const { stock, bank } = this.#market;
    // The rest of a segment are orders.
    const moved = this.#character.audited ? segmentEvents - 20 : 0;
    await this.#until(openMarket(stock, bank, this.#nodes, moved), turn);
  }

  async #judge(turn: () => Promise<void>): Promise<void> {
    const { restores } = this.#character;
    judgeEffects({
      senders: this.#nodes,
      receivers: this.#partitions,
      endpoints: this.#endpoints,
      restored: restores ? this.#nodes[0] : undefined,
      trace: this.trace,
    });
    if (this.#market) await this.#until(judgeMarket(this.#market.stock, this.#market.bank, this.trace), turn);
  }

  /** Lets things happen until this has. */
  async #until(done: Promise<void>, turn: () => Promise<void>): Promise<void> {
    const over = new AbortController();
    const ended = done.finally(() => over.abort());
    while (!over.signal.aborted) await this.#step(turn);
    await ended;
  }

  async #step(turn: () => Promise<void>): Promise<void> {
    this.#schedule.step();
    for (const node of this.#partitions) node.runAlarm();
    for (const endpoint of this.#endpoints) endpoint.runAlarm();
    await turn();
    for (const node of this.#partitions) node.look();
  }

  #settled(): boolean {
    if (this.#pending.size > 0 || this.#calls > 0) return false;
    if (!this.#endpoints.every(({ isEmpty }) => isEmpty)) return false;
    return this.#partitions.every(
      (node) => node.idle && !isOpen(node) && rows(node, "SELECT 1 FROM outbox").length === 0,
    );
  }

  #keepActing(node: Node): void {
    // When all is calm, nothing but retries and alarms counts, and those take long.
    this.#schedule.after(this.#calm ? 2_000 : this.#random.between(1, this.#character.actMsMax), () => {
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
        payload: this.#ask(node) as unknown as JsonObject,
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

  /** What a user asks a node for. */
  #ask(node: Node): Tell {
    const random = this.#random;
    const tell = this.#tell(node);
    const post = Array.from({ length: this.#endpoints.length === 0 ? 0 : random.between(0, 2) }, () => ({
      type: random.pick(["node.noted", "node.posted"]),
      token: `p${++this.#tokens}`,
      ordered: random.chance(0.5),
    }));
    const orders = this.#orders.get(node) ?? [];
    const [buy, end]: [Tell["buy"], Tell["end"]] = [[], []];
    if (this.#market && orders.length > 0 && random.chance(0.4)) {
      const [order] = orders.splice(random.between(0, orders.length - 1), 1);
      end.push({ order: order!, paid: random.chance(0.6) });
    }
    if (this.#market && random.chance(0.4)) {
      const order = `o${++this.#tokens}`;
      this.#orders.set(node, [...orders, order]);
      buy.push({
        order,
        quantity: random.between(1, 9),
        amount: random.between(1, 400),
        seconds: random.between(10, 600),
      });
    }
    return { tell, post, buy, end };
  }

  #tell(node: Node): Tell["tell"] {
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
    const node = this.#partitions.find(({ name }) => name === to)!;
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

  /** A call to the tenant or to a courier: late, lost, or without an answer. */
  #reach<T>(receive: () => Promise<T>): Promise<T> {
    const random = this.#random;
    const { latencyMsMax } = this.#character;
    const losing = this.#calm ? 0 : this.#character.losing;
    const [lost, unanswered] = [random.chance(losing), random.chance(losing)];
    this.#calls++;
    return new Promise((resolve, reject) => {
      const fail = () => this.#answer(() => reject(new Error("the call is lost")));
      const arrive = (): void => {
        if (lost) fail();
        else receive().then((value) => (unanswered ? fail() : this.#answer(() => resolve(value))), fail);
      };
      this.#schedule.after(random.between(0, latencyMsMax), arrive);
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
      this.#storm(this.#random.pick(this.#partitions));
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
      case "endpoint": {
        const endpoint = this.#endpoints.length > 0 ? random.pick(this.#endpoints) : undefined;
        if (random.chance(0.7)) endpoint?.change();
        else endpoint?.crash();
        return;
      }
      case "restore":
        if (!this.#character.restores || node !== this.#nodes[0]) return;
        if (random.chance(0.5)) node.backUp();
        else {
          node.restore();
          this.#pending.delete(node);
          this.#orders.delete(node);
        }
    }
  }
}
