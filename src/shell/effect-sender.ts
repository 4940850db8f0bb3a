import { type Deliveries, type Delivered, type Delivery, describe, effectIdOf, type Partition } from "../core/index.ts";
import type { OutboxRow } from "../storage/port.ts";
import type { SubmittedStep } from "../model/effects.ts";
import type { JsonObject } from "../protocol/index.ts";
import type { EffectPorts } from "./ports.ts";
import type { Logger } from "../protocol/log-events.ts";

/** Deliveries of a partition at the same time: an invocation of the platform has six connections. */
const deliveriesMax = 6;
/** How long a delivery may take. What it does later counts once all the same. */
const deliveryMsMax = 30_000;

/** The content of an effect. */
type Body = JsonObject & { type: string; payload: JsonObject; step?: SubmittedStep };

/** What a sender needs of its partition. */
interface EffectSenderHost {
  readonly partition: Pick<Partition, "name" | "limits">;
  readonly deliveries: Deliveries;
  readonly ports: EffectPorts;
  readonly log: Logger;
  now(): number;
  timer(run: () => void, delayMs: number): () => void;
  /** Runs `run` when what was written is durable. */
  afterIo(run: () => void): void;
  /** Runs one entry into the core. */
  step<T>(body: () => T): T;
  /** Learns what the tenant has changed, where that is not known. Never rejects. */
  refresh(): Promise<void>;
}

/**
 * Delivers the effects of a partition: each lane in its order, several lanes at once. Nothing waits for it: it begins when
 * the commit is durable, and what became of a delivery is another entry into the core.
 */
export class EffectSender {
  readonly #host: EffectSenderHost;
  /** The lanes with a delivery under way. */
  readonly #busy = new Set<string>();
  #starting = false;

  constructor(host: EffectSenderHost) {
    this.#host = host;
  }

  /** Whether the tenant has stopped its effects. */
  get paused(): boolean {
    return this.#host.partition.limits.effects === "paused";
  }

  /**
   * Learns whether a pause is over, where something waits for that; to be called at each alarm. The tenant notifies only
   * partitions that are in use: one that sleeps would never learn it.
   */
  endPause(): void {
    if (this.paused && this.#host.deliveries.isReady(this.#busy)) void this.#host.refresh();
  }

  /** Starts what can be delivered; to be called after each entry into the core. */
  start(): void {
    const { deliveries } = this.#host;
    if (this.#starting || this.paused || this.#busy.size >= deliveriesMax) return;
    if (!deliveries.isReady(this.#busy)) return;
    this.#starting = true;
    this.#host.afterIo(() => void this.#begin());
  }

  async #begin(): Promise<void> {
    await this.#host.refresh();
    this.#starting = false;
    this.#host.step(() => {
      while (!this.paused && this.#busy.size < deliveriesMax) {
        const delivery = this.#next();
        if (!delivery) return;
        this.#busy.add(delivery.lane);
        void this.#deliver(delivery);
      }
    });
  }

  #next(): Delivery | undefined {
    try {
      return this.#host.deliveries.next(this.#busy, this.#host.now());
    } catch (error) {
      // The alarm tries again.
      this.#log("effects_not_read", error);
      return undefined;
    }
  }

  async #deliver(delivery: Delivery): Promise<void> {
    let results: readonly Delivered[];
    try {
      results = await this.#inTime(this.#send(delivery));
    } catch (error) {
      // Whether it has arrived is not known: it is sent again.
      this.#log("effects_not_sent", error);
      results = [{ kind: "later", code: "unanswered" }];
    }
    this.#host.step(() => {
      this.#busy.delete(delivery.lane);
      try {
        this.#host.deliveries.settle(delivery, results, this.#host.now());
      } catch (error) {
        this.#log("effects_not_recorded", error);
      }
    });
  }

  async #send({ kind, destination, rows, behind }: Delivery): Promise<readonly Delivered[]> {
    const { ports, partition } = this.#host;
    const { name } = partition;
    const bodies = rows.map(({ body }) => JSON.parse(body) as Body);
    switch (kind) {
      case "submit":
        return await ports.submit(
          destination,
          rows.map((row, at) => ({
            effectId: keyOf(row, bodies[at]!),
            event: eventOf(bodies[at]!),
            correlationId: row.correlationId,
            hops: row.hops,
            traceId: traceIdOf(row, bodies[at]!),
          })),
        );
      case "queue":
        await ports.enqueue(
          destination,
          rows.map((row, at) => ({
            effectId: effectIdOf(row),
            tenant: name.tenant,
            partition: name.partition,
            timestamp: row.createdAt,
            correlationId: row.correlationId,
            traceId: traceIdOf(row, bodies[at]!),
            payload: bodies[at]!.payload,
          })),
        );
        return rows.map(() => ({ kind: "delivered" }));
      case "webhook": {
        const missing = await ports.webhooks(
          rows.map((row, at) => ({
            effectId: effectIdOf(row),
            type: bodies[at]!.type,
            payload: JSON.stringify(bodies[at]!.payload),
            timestamp: row.createdAt,
            correlationId: row.correlationId,
            traceId: traceIdOf(row, bodies[at]!),
            partition: name.partition,
            ordered: bodies[at]!["ordered"] === true,
          })),
          destination === "" ? { behind } : { endpoint: destination },
        );
        return rows.map((_, at) => ({ kind: "delivered", missing: missing[at] ?? [] }));
      }
    }
  }

  #inTime<T>(sent: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#host.timer(() => reject(new Error("the answer is late")), deliveryMsMax);
      void sent.then(resolve, reject).finally(cancel);
    });
  }

  #log(event: "effects_not_read" | "effects_not_sent" | "effects_not_recorded", error: unknown): void {
    this.#host.log(event, { ...this.#host.partition.name, error: describe(error) });
  }
}

/** The key under which its receiver decides it. */
function keyOf(row: Parameters<typeof effectIdOf>[0], { step }: { step?: SubmittedStep }): string {
  return step?.key ?? effectIdOf(row);
}

/** The event of a draft: the content of an effect, without where it goes and how its verdict comes back. */
function eventOf({ type, version, payload }: JsonObject & { type: string }): JsonObject & { type: string } {
  return { type, ...(version === undefined ? {} : { version }), ...(payload === undefined ? {} : { payload }) };
}

/**
 * The trace id of what caused an effect. Where its submission had none, as on a socket without a \`traceparent\`, it is made of
 * the ids of its event: so it is the same in each attempt.
 */
function traceIdOf({ incarnation, eventId }: OutboxRow, { traceId }: JsonObject): string {
  return typeof traceId === "string" ? traceId : incarnation + eventId.toString(16).padStart(16, "0");
}
