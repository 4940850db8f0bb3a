import { courierBounds } from "../../../src/courier/bounds.ts";
import { Courier } from "../../../src/courier/courier.ts";
import { Dispatcher } from "../../../src/courier/dispatcher.ts";
import { type Outcome, outcomeOf } from "../../../src/courier/outcome.ts";
import type { CourierRow, Endpoint } from "../../../src/platform/courier-api.ts";
import { CourierStorage } from "../../../src/storage/courier/storage.ts";
import { NodeSqlDriver } from "../../../src/storage/node.ts";
import { migrationsIn } from "../../support/partition.ts";
import { Random } from "../random.ts";
import { ReceiverJudge } from "./judge.ts";

const began = 1_700_000_000_000;
const migrations = migrationsIn("courier");
const partitions = ["room", "hall"];
/** How long things go wrong, and how long after that everything has to arrive. */
const troubleMs = 30 * 60_000;
const calmMs = 3 * 60 * 60_000;
const rowsMax = 40;

/** The production dispatcher and courier of one endpoint, on a clock, a network and a disk that a seed decides. */
class World {
  now = began;
  readonly judge = new ReceiverJudge();
  readonly #random: Random;
  readonly #driver = new NodeSqlDriver();
  #tasks: { at: number; run: () => void }[] = [];
  #alarmAt: number | undefined;
  #incarnation = 0;
  #dispatcher!: Dispatcher;
  #courier!: Courier;
  /** What the endpoint does now. */
  #mood: "up" | "down" | "slow" | "busy" | "refusing" = "up";
  #handed = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#start();
    for (const partition of partitions) void this.#hand(partition, []);
    this.#trouble();
  }

  /** Runs until `until`, in milliseconds since 1970. Whenever something has happened, `isOver` may end it. */
  async run(until: number, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isOver()) return;
      let next: number | undefined = this.#alarmAt;
      for (const { at } of this.#tasks) if (next === undefined || at < next) next = at;
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next);
      const due = this.#tasks.filter(({ at }) => at <= this.now);
      this.#tasks = this.#tasks.filter(({ at }) => at > this.now);
      for (const { run } of due) run();
      if (this.#alarmAt !== undefined && this.#alarmAt <= this.now) {
        this.#alarmAt = undefined;
        void this.#dispatcher.alarm();
      }
    }
    this.now = until;
  }

  get isEmpty(): boolean {
    return this.#courier.isEmpty && this.#handed >= rowsMax;
  }

  /** The endpoint is well from now on, and an operator has the dead letters sent again. */
  calm(): void {
    this.#mood = "up";
    this.#tasks = this.#tasks.filter(({ run }) => run !== this.#change);
    const replay = () => {
      const letters = this.#courier.deadLetters(0, courierBounds.pageMax);
      if (letters.length > 0) {
        // The last one first: it must wait for those before it.
        this.#courier.replay(letters.at(-1)!.effectId, this.now);
        void this.#dispatcher.run();
        this.#after(60_000, () => {
          if (this.#courier.replayAll(this.now) > 0) void this.#dispatcher.run();
        });
      }
      this.#after(10 * 60_000, replay);
    };
    replay();
  }

  #after(delayMs: number, run: () => void): void {
    this.#tasks.push({ at: this.now + delayMs, run });
  }

  /** The object begins, or begins again after it was lost in the middle of anything. */
  #start(): void {
    const incarnation = ++this.#incarnation;
    const isGone = () => incarnation !== this.#incarnation;
    const never = new Promise<never>(() => undefined);
    /** A call takes a while, and its answer is lost with the object. */
    const called = async (): Promise<void> => {
      await this.#wait(this.#random.between(1, 50));
      if (isGone()) await never;
    };
    this.#courier = new Courier(new CourierStorage(this.#driver, migrations), this.now);
    this.#dispatcher = new Dispatcher({
      courier: this.#courier,
      now: () => this.now,
      fraction: () => this.#random.next(),
      armAlarm: async (at) => {
        if (isGone()) await never;
        this.#alarmAt = at;
      },
      endpoint: async () => {
        await called();
        if (this.#mood !== "up" && this.#random.chance(0.1)) throw new Error("the tenant does not answer");
        return endpoint;
      },
      disable: async () => endpoint,
      send: async (row) => {
        this.judge.begins(row.effectId, this.now, incarnation);
        await called();
        const outcome = await this.#arrive(row.effectId);
        if (isGone()) await never;
        this.judge.ended(row.effectId, outcome, this.now);
        return outcome;
      },
      log: () => undefined,
      measure: () => undefined,
    });
  }

  /** A message arrives at the endpoint; its answer may be lost. */
  async #arrive(effectId: string): Promise<Outcome> {
    switch (this.#mood) {
      case "up":
        this.judge.arrived(effectId);
        if (this.#random.chance(0.05)) return { kind: "failed", reason: "The connection failed.", final: false };
        return outcomeOf(204, null, this.now);
      case "down":
        return outcomeOf(503, null, this.now);
      case "slow":
        await this.#wait(courierBounds.attemptMs);
        if (this.#random.chance(0.5)) this.judge.arrived(effectId);
        return { kind: "failed", reason: "There was no answer.", final: false };
      case "busy":
        return outcomeOf(429, String(this.#random.between(1, 60)), this.now);
      case "refusing":
        return outcomeOf(422, null, this.now);
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#after(delayMs, resolve));
  }

  /** A partition hands rows over, in order, and again those without a receipt. */
  async #hand(partition: string, open: readonly CourierRow[]): Promise<void> {
    const waiting = [...open];
    if (this.#handed < rowsMax && this.#random.chance(0.7)) {
      for (let count = this.#random.between(1, 4); count > 0; count--) waiting.push(this.#newRow(partition));
    }
    const received = waiting.length === 0 || (await this.#accepted(waiting));
    if (received && this.#handed >= rowsMax) return;
    const rest = received ? [] : waiting;
    this.#after(this.#random.between(100, 60_000), () => void this.#hand(partition, rest));
  }

  #newRow(partition: string): CourierRow {
    const n = ++this.#handed;
    const row: CourierRow = {
      effectId: `${partition}:${n}:0`,
      type: "order.paid",
      payload: `{"n":${n}}`,
      timestamp: this.now,
      partition,
      ordered: this.#random.chance(0.5),
    };
    this.judge.handed(row);
    return row;
  }

  /** Whether the partition gets a receipt: it can be lost, with the object or on its way. */
  async #accepted(rows: readonly CourierRow[]): Promise<boolean> {
    const incarnation = this.#incarnation;
    const late = this.#wait(5_000).then(() => false);
    const accepted = this.#dispatcher.accept(rows).then(
      () => true,
      () => false,
    );
    const received = await Promise.race([accepted, late]);
    if (!received || incarnation !== this.#incarnation) return false;
    // The receipt is the last that the object did.
    if (this.#random.chance(0.1)) this.#crash();
    return this.#random.chance(0.9);
  }

  /** The endpoint changes its mood, and the object ends at any moment. */
  #trouble(): void {
    this.#change();
    const crash = () => {
      if (this.now - began >= troubleMs) return;
      this.#crash();
      this.#after(this.#random.between(1, 5 * 60_000), crash);
    };
    this.#after(this.#random.between(1, 2 * 60_000), crash);
  }

  #crash(): void {
    this.#start();
    this.judge.crashed();
  }

  readonly #change = (): void => {
    this.#mood = this.#random.pick(["up", "up", "down", "slow", "busy", "refusing"] as const);
    this.#after(this.#random.between(1_000, 4 * 60_000), this.#change);
  };
}

const endpoint: Endpoint = {
  id: "billing",
  url: "https://example.com/",
  state: "active",
  paused: false,
  createdAt: began,
  ownHost: "partita.example.com",
  secrets: [],
};

/** Runs one seed. Returns what was wrong, or undefined. */
export async function simulateCourier(seed: number): Promise<{ violation: string | undefined }> {
  const world = new World(seed);
  await world.run(began + troubleMs);
  world.calm();
  await world.run(began + troubleMs + calmMs, () => world.isEmpty);
  return { violation: world.judge.violation() };
}
