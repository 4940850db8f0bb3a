import { courierBounds } from "../../../src/courier/bounds.ts";
import { Courier } from "../../../src/courier/courier.ts";
import { Dispatcher } from "../../../src/courier/dispatcher.ts";
import { type Outcome, outcomeOf } from "../../../src/courier/outcome.ts";
import type { CourierRow, Endpoint as Definition } from "../../../src/platform/courier-api.ts";
import { CourierStorage } from "../../../src/storage/courier/storage.ts";
import { NodeSqlDriver } from "../../../src/storage/node.ts";
import { migrationsIn } from "../../support/partition.ts";
import { ReceiverJudge } from "../courier/judge.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";

const migrations = migrationsIn("courier");
/** How long a call or an attempt takes at most, in milliseconds. */
const callMsMax = 50;
/** How often an operator looks for dead letters in the end, in milliseconds. */
const replayMs = 60_000;

interface EndpointParts {
  readonly name: string;
  /** The types that it wants; undefined: all. */
  readonly types: readonly string[] | undefined;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly trace: Trace;
}

/** An endpoint outside, which fails as a seed has it, and the production courier that delivers to it. */
export class Endpoint {
  readonly name: string;
  readonly #parts: EndpointParts;
  readonly #judge = new ReceiverJudge();
  readonly #driver = new NodeSqlDriver();
  readonly #arrived = new Set<string>();
  readonly #lost = new Set<() => void>();
  #mood: "up" | "down" | "slow" | "busy" | "refusing" = "up";
  #incarnation = 0;
  #alarmAt: number | undefined;
  #courier!: Courier;
  #dispatcher!: Dispatcher;
  #calm = false;

  constructor(parts: EndpointParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#start();
  }

  get types(): readonly string[] | undefined {
    return this.#parts.types;
  }

  wants(type: string): boolean {
    return this.types?.includes(type) ?? true;
  }

  /** Whether a message has arrived. */
  has(effectId: string): boolean {
    return this.#arrived.has(effectId);
  }

  get isEmpty(): boolean {
    return this.#courier.isEmpty;
  }

  /** What was wrong; undefined: nothing. */
  get violation(): string | undefined {
    return this.#judge.violation();
  }

  /** Takes rows of a partition. Rejects where the object ends first. */
  accept(rows: readonly CourierRow[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error("the courier has ended"));
      this.#lost.add(lost);
      const settle = (how: () => void) => {
        if (this.#lost.delete(lost)) how();
      };
      for (const row of rows) this.#judge.handed(row);
      this.#dispatcher.accept(structuredClone(rows) as CourierRow[]).then(
        () => settle(resolve),
        (error: Error) => settle(() => reject(error)),
      );
    });
  }

  runAlarm(): void {
    if (this.#alarmAt === undefined || this.#alarmAt > this.#now) return;
    this.#alarmAt = undefined;
    void this.#dispatcher.alarm();
  }

  /** The endpoint does something else from now on. */
  change(): void {
    if (!this.#calm) this.#mood = this.#parts.random.pick(["up", "up", "down", "slow", "busy", "refusing"] as const);
  }

  crash(): void {
    this.#parts.trace.line(`${this.#parts.schedule.now} ${this.name}: crash`);
    this.#start();
    this.#judge.crashed();
    for (const end of this.#lost) end();
    this.#lost.clear();
  }

  /** It is well from now on, and an operator has its dead letters sent again. */
  calm(): void {
    this.#calm = true;
    this.#mood = "up";
    if (this.#courier.replayAll(this.#now) > 0) void this.#dispatcher.run();
    this.#parts.schedule.after(replayMs, () => this.calm());
  }

  close(): void {
    this.#driver.close();
  }

  get #now(): number {
    return this.#parts.schedule.epochNow;
  }

  /** The object begins, or begins again after it was lost in the middle of anything. */
  #start(): void {
    const { random } = this.#parts;
    const incarnation = ++this.#incarnation;
    const isGone = () => incarnation !== this.#incarnation;
    const never = new Promise<never>(() => undefined);
    const called = async (): Promise<void> => {
      await this.#wait(random.between(1, callMsMax));
      if (isGone()) await never;
    };
    this.#courier = new Courier(new CourierStorage(this.#driver, migrations), this.#now);
    this.#dispatcher = new Dispatcher({
      courier: this.#courier,
      now: () => this.#now,
      fraction: () => random.next(),
      armAlarm: async (at) => {
        if (isGone()) await never;
        this.#alarmAt = at;
      },
      endpoint: async () => {
        await called();
        return this.#definition;
      },
      disable: async () => this.#definition,
      send: async ({ effectId }) => {
        this.#judge.begins(effectId, this.#now, incarnation);
        await called();
        const outcome = await this.#arrive(effectId);
        if (isGone()) await never;
        this.#judge.ended(effectId, outcome, this.#now);
        return outcome;
      },
      log: () => undefined,
      measure: () => undefined,
    });
  }

  get #definition(): Definition {
    return {
      id: this.name,
      url: "https://example.com/",
      state: "active",
      paused: false,
      createdAt: 0,
      ownHost: "partita.example.com",
      secrets: [],
      ...(this.types && { types: this.types }),
    };
  }

  /** A message arrives; its answer may be lost. */
  async #arrive(effectId: string): Promise<Outcome> {
    const { random, schedule, trace } = this.#parts;
    const received = (): void => {
      trace.line(`${schedule.now} ${this.name} < ${effectId}`);
      this.#arrived.add(effectId);
      this.#judge.arrived(effectId);
    };
    switch (this.#mood) {
      case "up":
        received();
        if (random.chance(0.05)) return { kind: "failed", reason: "The connection failed.", final: false };
        return outcomeOf(204, null, this.#now);
      case "down":
        return outcomeOf(503, null, this.#now);
      case "slow":
        await this.#wait(courierBounds.attemptMs);
        if (random.chance(0.5)) received();
        return { kind: "failed", reason: "There was no answer.", final: false };
      case "busy":
        return outcomeOf(429, String(random.between(1, 60)), this.#now);
      case "refusing":
        return outcomeOf(422, null, this.#now);
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.schedule.after(delayMs, resolve));
  }
}
