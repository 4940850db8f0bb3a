import type { CourierRow, Endpoint } from "../platform/courier-api.ts";
import type { DeliveryRow } from "../storage/courier/deliveries.ts";
import { courierBounds } from "./bounds.ts";
import type { Courier } from "./courier.ts";
import { goneStatus, type Outcome } from "./outcome.ts";
import type { Logger } from "../protocol/log-events.ts";

/** What a dispatcher needs. */
export interface DispatcherPorts {
  readonly courier: Courier;
  now(): number;
  /** From 0 up to, but not including, 1. */
  fraction(): number;
  /** Sets the object's one alarm, in milliseconds since 1970. */
  armAlarm(at: number): Promise<void>;
  /** Returns the endpoint as the tenant has it now; undefined: it was removed. */
  endpoint(): Promise<Endpoint | undefined>;
  /** Has the tenant disable the endpoint. Returns the endpoint as it is then. */
  disable(endpoint: Endpoint, reason: string): Promise<Endpoint | undefined>;
  /** Sends a row, once. Never rejects. */
  send(row: DeliveryRow, endpoint: Endpoint): Promise<Outcome>;
  readonly log: Logger;
  /** Counts what became of messages. */
  measure(result: "delivered" | "again" | "dead", count: number): void;
}

/**
 * Sends what is due, a bounded number at a time, and sets the alarm to what is due next. Nothing in memory is
 * authoritative: what was being sent when the object ended is still due, and is sent again.
 */
export class Dispatcher {
  readonly #ports: DispatcherPorts;
  /** The attempts that are running, by effect id. */
  readonly #running = new Map<string, Promise<void>>();
  #endpoint: { value: Endpoint | undefined; askedAt: number } | undefined;
  #asking: Promise<void> | undefined;
  /** When the endpoint was made before which nothing is stored, in milliseconds since 1970. */
  #clearedBefore: number | undefined;
  /** When the alarm comes; undefined: it is not known. */
  #armedAt: number | undefined;

  constructor(ports: DispatcherPorts) {
    this.#ports = ports;
  }

  /**
   * Stores rows, each once, and begins to send them.
   *
   * @throws Error where the courier is full: the endpoint is being disabled, and the rows are not stored.
   */
  async accept(rows: readonly CourierRow[]): Promise<void> {
    const { courier, now } = this.#ports;
    if (rows.length > courierBounds.acceptRowsMax) throw new Error("too many rows at a time");
    if (courier.isFull) {
      await this.#refresh();
      await this.#disable("Too much is waiting for it.");
      throw new Error("the courier is full");
    }
    courier.accept(rows, now());
    await this.#arm(this.#watchAt());
    void this.run();
  }

  /** The alarm has come. Resolves when the attempts that it begins have ended. */
  async alarm(): Promise<void> {
    this.#armedAt = undefined;
    // Before the first attempt, so that an end of the object loses nothing.
    if (!this.#ports.courier.isEmpty) await this.#arm(this.#watchAt());
    await this.run();
    await Promise.all(this.#running.values());
    await this.#postpone();
  }

  /** The tenant has changed the endpoint. */
  async changed(): Promise<void> {
    if (this.#endpoint) this.#endpoint.askedAt = -Infinity;
    await this.run();
  }

  /** Sends what is due now. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#refresh();
      await this.#step();
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** Tries again a little later. Never rejects. */
  async #failed(error: unknown): Promise<void> {
    const { now, log } = this.#ports;
    log("courier_failed", { error: String(error) });
    try {
      await this.#arm(now() + courierBounds.faultMs);
    } catch (fault) {
      log("alarm_not_set", { error: String(fault) });
    }
  }

  /** When to look again if the object ends while it sends. */
  #watchAt(): number {
    return this.#ports.now() + 2 * courierBounds.attemptMs;
  }

  /** Asks the tenant for the endpoint, if what is known of it is too old. Callers share one call. */
  async #refresh(): Promise<void> {
    const now = this.#ports.now();
    const known = this.#endpoint;
    if (known && now >= known.askedAt && now - known.askedAt < courierBounds.endpointMs) return;
    this.#asking ??= this.#ask(now).finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  async #ask(askedAt: number): Promise<void> {
    this.#endpoint = { value: await this.#ports.endpoint(), askedAt };
  }

  async #step(): Promise<void> {
    const { courier, log, measure } = this.#ports;
    const now = this.#ports.now();
    const endpoint = this.#endpoint?.value;
    // Now, and not when it begins again: the object may have ended by then, and not know that it had stopped.
    if (endpoint === undefined || !maySend(endpoint)) courier.stop(now);
    if (courier.isEmpty) return;
    if (endpoint === undefined) {
      courier.clear(Number.MAX_SAFE_INTEGER, now);
    } else if (!this.#isCleared(endpoint, now)) {
      await this.#arm(now);
      return;
    } else if (endpoint.state === "disabled") {
      this.#died(courier.bury(endpoint.reason ?? "The endpoint is disabled.", now), endpoint.reason);
    } else if (maySend(endpoint)) {
      courier.resume(now);
      const { died, deleted } = courier.sweep(now);
      this.#died(died, "They are too old.");
      if (deleted > 0) log("dead_letters_deleted", { count: deleted });
      const buried = (effectId: string) => {
        log("effect_damaged", { effectId });
        measure("dead", 1);
      };
      for (const row of courier.take(this.#running, now, buried)) {
        this.#running.set(row.effectId, this.#attempt(row, endpoint));
      }
    }
    const next = this.#nextAt(now);
    if (next !== undefined) await this.#arm(next);
  }

  /** Messages have become dead letters without an attempt. */
  #died(count: number, reason: string | undefined): void {
    if (count === 0) return;
    const { log, measure } = this.#ports;
    log("webhooks_died", { count, reason });
    measure("dead", count);
  }

  /** Whether nothing is stored that was for an endpoint of the same name, which was removed before this one was made. */
  #isCleared({ createdAt }: Endpoint, now: number): boolean {
    if (this.#clearedBefore === createdAt) return true;
    if (this.#ports.courier.clear(createdAt, now) === courierBounds.stepRowsMax) return false;
    this.#clearedBefore = createdAt;
    return true;
  }

  /** When there is something to do next; undefined: nothing is stored. */
  #nextAt(now: number): number | undefined {
    const { courier } = this.#ports;
    const endpoint = this.#endpoint?.value;
    if (courier.isEmpty) return undefined;
    if (courier.onlyDeadLetters) return now + courierBounds.deadLetterSweepMs;
    // There is more to delete or to move.
    if (endpoint === undefined || endpoint.state === "disabled") return now;
    if (!maySend(endpoint)) return now + courierBounds.pausedPollMs;
    const next = courier.nextDue(this.#running, now) ?? now + courierBounds.sweepMs;
    // What is due and was not taken is taken when an attempt ends.
    return next > now ? next : this.#watchAt();
  }

  /** Sets the alarm later, if it was set for the case only that the object ends: else it would come again and again. */
  async #postpone(): Promise<void> {
    const next = this.#running.size > 0 || !this.#endpoint ? undefined : this.#nextAt(this.#ports.now());
    if (next === undefined || this.#armedAt === undefined || next <= this.#watchAt()) return;
    this.#armedAt = next;
    await this.#ports.armAlarm(next);
  }

  async #attempt(row: DeliveryRow, endpoint: Endpoint): Promise<void> {
    const { courier, now, fraction, log, measure, send } = this.#ports;
    const { effectId, correlationId, traceId, attempts } = row;
    const outcome = await send(row, endpoint);
    this.#running.delete(effectId);
    try {
      const died = courier.settle(effectId, outcome, now(), fraction());
      measure(outcome.kind === "delivered" ? "delivered" : died ? "dead" : "again", 1);
      if (outcome.kind === "failed") {
        const { status, reason } = outcome;
        log("delivery_failed", { traceId, effectId, correlationId, attempt: attempts + 1, status, reason, died });
        await this.#judge(outcome);
      }
    } catch (error) {
      // Not at once: where the storage fails, the row is still due, and would be sent as fast as it is answered.
      await this.#failed(error);
      return;
    }
    await this.run();
  }

  /** Disables an endpoint that wants nothing any more, or has only failed for too long. */
  async #judge({ status }: Outcome): Promise<void> {
    const { courier, now } = this.#ports;
    if (status === goneStatus) await this.#disable("It answered that it is gone (410).");
    else if (courier.failingSince !== 0 && now() - courier.failingSince >= courierBounds.disableAfterMs) {
      await this.#disable("It has failed for five days.");
    }
  }

  async #disable(reason: string): Promise<void> {
    const endpoint = this.#endpoint?.value;
    if (endpoint?.state !== "active") return;
    this.#ports.log("endpoint_disabled", { reason });
    const value = await this.#ports.disable(endpoint, reason);
    this.#endpoint = { value, askedAt: this.#ports.now() };
  }

  /** Sets the alarm, unless one comes earlier: each is a row written. */
  async #arm(at: number): Promise<void> {
    if (this.#armedAt !== undefined && this.#armedAt <= at && this.#armedAt > this.#ports.now()) return;
    this.#armedAt = at;
    await this.#ports.armAlarm(at);
  }
}

function maySend({ state, paused, tenantPaused = false }: Endpoint): boolean {
  return state === "active" && !paused && !tenantPaused;
}
