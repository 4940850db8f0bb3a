import type * as z from "zod/mini";
import { assertSound } from "../model/mistakes.ts";
import { modelFor, type Model, type ModelRegistry } from "../model/index.ts";
import type { Effects } from "../model/effects.ts";
import type { CourierRow } from "../platform/courier-api.ts";
import type { QueueMessage, SubmittedEffect } from "../platform/rpc.ts";
import { type Author, isPartitionName, type JsonObject, type NumberedEvent, systemAuthor } from "../protocol/index.ts";
import type { EffectPorts } from "../shell/ports.ts";
import { PartitionWriter } from "../shell/writer.ts";
import { TestClock } from "./clock.ts";
import { TestDevice, type DeviceOptions } from "./device.ts";
import { TestHost } from "./host.ts";
import { SeededRandom } from "./random.ts";

/** 2026-01-01: the start of the clock, unless a test says another one, in milliseconds since 1970. */
const startMs = Date.UTC(2026, 0, 1);
const eventsPerPage = 1_000;

type Payloads = Record<string, z.core.$ZodType>;

/** The partitions of a test. */
export interface TestAuthorityOptions {
  /** The models by name pattern, as for `createAuthority`. */
  models: ModelRegistry;
  /** What the events of models cause outside. */
  effects?: readonly Effects[];
  /** The time at the start, in milliseconds since 1970. */
  now?: number;
  /** Of everything random: ids and delays. The same seed gives the same ones. */
  seed?: number;
}

/** What is not for users of a test. */
interface Surroundings {
  /** Whether other partitions are not there: what is submitted to them counts as accepted. */
  alone?: boolean;
}

/** A webhook that a partition has sent. */
export interface SentWebhook {
  effectId: string;
  partition: string;
  type: string;
  payload: JsonObject;
}

/** A message that a partition has put on a queue. */
export interface SentMessage {
  effectId: string;
  partition: string;
  queue: string;
  payload: JsonObject;
}

/** A timer that a partition has set. */
export interface SetTimer {
  key: string;
  /** When it is due, in milliseconds since 1970. */
  at: number;
  type: string;
  payload: JsonObject;
}

/** Partitions in memory: the production authority, with a clock, a network and a storage that belong to the test. */
export class TestAuthority {
  readonly #options: TestAuthorityOptions & Surroundings;
  readonly #clock: TestClock;
  readonly #random: SeededRandom;
  readonly #partitions = new Map<string, TestPartition<any, any, any>>();
  /** What endpoints have received, oldest first: each effect once, however often it was sent. */
  readonly webhooks: SentWebhook[] = [];
  /** What was put on queues, oldest first. */
  readonly messages: SentMessage[] = [];

  constructor(options: TestAuthorityOptions & Surroundings) {
    for (const model of new Set(Object.values(options.models))) assertSound(model);
    this.#options = options;
    this.#clock = new TestClock(options.now ?? startMs);
    this.#random = new SeededRandom(options.seed ?? 1);
  }

  /** The time, in milliseconds since 1970. It stands still, unless `advance` moves it. */
  get now(): number {
    return this.#clock.now;
  }

  /**
   * The partition of this name: made at first use. `model`: the one that serves it, for its types.
   *
   * @throws TypeError where no model serves it, or another one.
   */
  partition<S extends object, P extends Payloads, Internal extends string>(
    name: string,
    model?: Model<S, P, Internal>,
  ): TestPartition<S, P, Internal> {
    const served = isPartitionName(name) ? modelFor(this.#options.models, name) : undefined;
    if (!served) throw new TypeError(`no model serves "${name}"`);
    if (model && served !== model) throw new TypeError(`"${name}" is served by ${served.name}, and not by this model`);
    let partition = this.#partitions.get(name);
    if (!partition) {
      const effects = this.#options.effects?.find((declared) => declared.model === served);
      const host = new TestHost({
        name,
        model: served,
        effects,
        clock: this.#clock,
        random: this.#random,
        effectPorts: this.#portsOf(name),
      });
      partition = new TestPartition({
        name,
        model: served,
        host,
        clock: this.#clock,
        random: this.#random,
        authority: this,
      });
      this.#partitions.set(name, partition);
    }
    return partition;
  }

  /** Lets `ms` milliseconds pass: timers fire, and clients try again. Resolves when everything that follows has come about. */
  advance(ms: number): Promise<void> {
    return this.#clock.advance(ms);
  }

  /**
   * Resolves when nothing is under way: each client that has a network has sent what it had, and has received all events.
   *
   * @throws Error where that does not come about while the time stands still.
   */
  async settle(): Promise<void> {
    await this.#clock.until(() => {
      for (const partition of this.#partitions.values()) {
        const what = partition.unsettled();
        if (what !== undefined) return what;
      }
      return undefined;
    });
  }

  #portsOf(from: string): EffectPorts {
    return {
      submit: async (name: string, effects: readonly SubmittedEffect[]) =>
        this.#options.alone
          ? effects.map((_, at) => ({ kind: "delivered" as const, eventId: at + 1 }))
          : await this.partition(name).deliver(from, effects),
      enqueue: async (queue: string, messages: readonly QueueMessage[]) => {
        for (const { effectId, partition, payload } of messages)
          if (!this.messages.some((sent) => sent.effectId === effectId))
            this.messages.push({ effectId, partition, queue, payload });
      },
      webhooks: async (rows: readonly CourierRow[]) => {
        for (const { effectId, partition, type, payload } of rows)
          if (!this.webhooks.some((sent) => sent.effectId === effectId))
            this.webhooks.push({ effectId, partition, type, payload: JSON.parse(payload) as JsonObject });
        return [];
      },
    };
  }
}

interface PartitionParts {
  readonly name: string;
  readonly model: Model<any, any, any>;
  readonly host: TestHost;
  readonly clock: TestClock;
  readonly random: SeededRandom;
  readonly authority: TestAuthority;
}

/** One partition in memory, with the devices that are connected to it. */
export class TestPartition<
  S extends object = JsonObject,
  P extends Payloads = Payloads,
  Internal extends string = never,
> {
  readonly name: string;
  /** The partitions that it belongs to: their webhooks and queues. */
  readonly authority: TestAuthority;
  readonly #parts: PartitionParts;
  readonly #devices: TestDevice<S, P, Internal>[] = [];

  constructor(parts: PartitionParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.authority = parts.authority;
  }

  /** A new device with a client of this partition, which is online when this resolves. `name`: also its client id. */
  async connect(name: string, options: DeviceOptions = {}): Promise<TestDevice<S, P, Internal>> {
    const { host, clock, random, model } = this.#parts;
    const device = new TestDevice<S, P, Internal>({ name, partition: this.name, model, host, clock, random, options });
    this.#devices.push(device);
    await clock.until(() => device.unsettled(0));
    return device;
  }

  /** The partition without a device: for a user, or with a principal `server:<name>` for code of the server, which may read everything. */
  as(principal: string, { permissions }: Pick<DeviceOptions, "permissions"> = {}): PartitionWriter<S, P> {
    const { host, model } = this.#parts;
    const [, server] = /^server:(.+)/.exec(principal) ?? [];
    const author: Author =
      server === undefined ? { principal, permissions: permissions ?? "all" } : systemAuthor("server", server);
    const reader: Author = server === undefined ? author : { ...author, permissions: ["read", "admin:read"] };
    return new PartitionWriter<S, P>(model, {
      submit: (submission, bytes) => host.submit(author, principal, submission, bytes),
      readEvents: (since, limit) => host.readEvents(reader, since, limit, { authors: true }),
      readState: (at) => host.readState(reader, at),
    });
  }

  /** The whole log, oldest first. */
  async log(): Promise<readonly NumberedEvent[]> {
    const events: NumberedEvent[] = [];
    const reader = this.as("server:test");
    for (let since = 0; ;) {
      const page = await reader.events({ since, limit: eventsPerPage });
      events.push(...page.events);
      if (!page.hasMore) return events;
      since = page.nextSinceEventId;
    }
  }

  /** The state of the server, as plain JSON. */
  async state(): Promise<S> {
    return (await this.as("server:test").state()).state;
  }

  /** The timers that are set, by their time. */
  get timers(): readonly SetTimer[] {
    const { timers } = this.#parts.host.storage;
    return timers
      .waiting()
      .toSorted((one, other) => one.dueAt - other.dueAt)
      .map(({ key, dueAt }) => {
        const { type, payload = "{}" } = timers.find(key)!;
        return { key, at: dueAt, type, payload: JSON.parse(payload) as JsonObject };
      });
  }

  /** What the partition has logged as an error: a reducer, validator or effect that has thrown, for example. */
  get errors(): readonly string[] {
    return this.#parts.host.errors;
  }

  /** The process of the partition ends without a warning, and starts again on what is stored. Its clients connect again. */
  restart(): void {
    this.#parts.host.crash();
    for (const device of this.#devices) device.wake();
  }

  /** As `TestAuthority.advance`. */
  advance(ms: number): Promise<void> {
    return this.authority.advance(ms);
  }

  /** As `TestAuthority.settle`. */
  settle(): Promise<void> {
    return this.authority.settle();
  }

  /** @internal Effects of another partition. */
  deliver(...[from, effects]: Parameters<TestHost["deliver"]>): ReturnType<TestHost["deliver"]> {
    return this.#parts.host.deliver(from, effects);
  }

  /** @internal Why it is not at rest. */
  unsettled(): string | undefined {
    const head = this.#parts.host.storage.events.head().eventId;
    for (const device of this.#devices) {
      const what = device.unsettled(head);
      if (what !== undefined) return what;
    }
    return undefined;
  }
}

/**
 * Partitions in memory for these models.
 *
 * @throws TypeError where a model has mistakes that show without an event.
 */
export function testAuthority(options: TestAuthorityOptions): TestAuthority {
  return new TestAuthority(options);
}

/**
 * One partition in memory, of this model.
 *
 * @example
 * const partition = testPartition(seats);
 * const [ada, bob] = [await partition.connect("ada"), await partition.connect("bob")];
 * bob.cut();
 * await ada.client.submit("book", { seat: "A1", name: "Ada" });
 */
export function testPartition<S extends object, P extends Payloads, Internal extends string>(
  model: Model<S, P, Internal>,
  {
    name = "room",
    ...options
  }: Surroundings & Omit<TestAuthorityOptions, "models" | "effects"> & { name?: string; effects?: Effects } = {},
): TestPartition<S, P, Internal> {
  const { effects, ...rest } = options;
  const authority = new TestAuthority({ models: { "*": model }, ...rest, ...(effects ? { effects: [effects] } : {}) });
  return authority.partition(name, model);
}
