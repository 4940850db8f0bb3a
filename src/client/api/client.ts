import type * as z from "zod/mini";
import type { DeepReadonly, Model } from "../../model/index.ts";
import { isJsonObject, type JsonObject, problem } from "../../protocol/index.ts";
import { openResilient } from "../stores/resilient.ts";
import type { OpenStore, QueueEntry, QueueStore } from "../stores/store.ts";
import type { Backend, BackendParts, EngineHost } from "../sync/backend.ts";
import { Engine } from "../sync/engine.ts";
import type { FeedItem, Peer } from "../sync/feed.ts";
import type { EngineOptions } from "../sync/options.ts";
import { Replica } from "../sync/replica.ts";
import type { StatusReport } from "../sync/status.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import { type Ports, uuidv7 } from "../transport/ports.ts";
import type { Timing } from "../transport/timing.ts";
import { ConfirmedState } from "./confirmed.ts";
import {
  type BatchDraft,
  entryOf,
  type EventType,
  type Payloads,
  type PendingEntry,
  type SubmitOptions,
} from "./drafts.ts";
import { Emitter } from "./emitter.ts";
import { Entries } from "./entries.ts";
import type { ClientEvents } from "./events.ts";
import { Notifier } from "./notifier.ts";
import { View } from "./view.ts";

/** With more pending drafts than this, changes within `slowFlushMs` are applied together. */
const promptPendingMax = 256;
const slowFlushMs = 50;
/** How often a draft in conflict is submitted again. */
const conflictRetriesMax = 3;

/** What `createClient` makes a client of, with every choice made. */
export interface ClientParts<S extends object, P extends Payloads> {
  model: Model<S, P>;
  partition: string;
  clientId: string | undefined;
  principal: string | undefined;
  scope: string;
  store: OpenStore;
  ports: Ports;
  timing: Timing;
  engine: Pick<EngineOptions, "url" | "token" | "presence">;
  /** Makes what sends and follows; the default is an engine of its own. */
  backend?: (parts: BackendParts) => Backend;
}

/**
 * A partition as an application holds it: a state that is always there and already has its own
 * drafts in it, and a way to submit more. Made by `createClient`.
 */
export class Client<S extends object, P extends Payloads> {
  readonly #parts: ClientParts<S, P>;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #subscribers = new Emitter<{ changed: undefined }>();
  readonly #view: View<S>;
  readonly #confirmed: ConfirmedState<S>;
  readonly #entries: Entries<S>;
  readonly #notifier: Notifier;
  readonly #opening: Promise<void>;
  #clientId: string;
  #backend: Backend | undefined;
  #store: QueueStore | undefined;
  #status: StatusReport = { status: "offline", reason: "new" };
  #peers: readonly Peer[] = [];
  #presence: JsonObject | null = null;
  #paused = false;
  #closed = false;

  constructor(parts: ClientParts<S, P>) {
    const { clientId, model, ports } = parts;
    this.#parts = parts;
    this.#clientId = clientId ?? uuidv7(ports);
    this.#view = new View(this.#newReplica());
    this.#confirmed = new ConfirmedState(this.#view, ports, model.version, () => this.#changed());
    this.#entries = new Entries(this.#view, this.#emitter, () => this.#changed());
    this.#notifier = new Notifier(ports, () => this.#notify());
    this.#opening = this.#open();
  }

  /** The optimistic state: what is confirmed, and one's own pending drafts over it. Plain data that never changes; unchanged parts are the same objects as before. */
  get state(): DeepReadonly<S> {
    const { state } = this.#view;
    this.#notifier.hasten();
    return state;
  }

  /**
   * What `read` takes of the optimistic state, without a copy: for large states, where `state` costs a
   * copy of each container that has changed (a few milliseconds for one of 10,000 keys). `read` is given
   * a view that must not be kept, and returns plain values.
   */
  read<T>(read: (state: DeepReadonly<S>) => T): T {
    return this.#view.rebased().read((state) => read(state as DeepReadonly<S>));
  }

  /** Whether there is a connection, and why not. */
  get status(): StatusReport {
    return this.#status;
  }

  /** Whether a confirmed state is here, from the server or kept from an earlier start; before, `state` is the initial one. */
  get loaded(): boolean {
    return this.#confirmed.serverId !== undefined;
  }

  /** The last confirmed event that is in the state. */
  get eventId(): number {
    return this.#view.replica.eventId;
  }

  /** What is undecided, in order. */
  get pending(): readonly PendingEntry[] {
    return this.#view.pending;
  }

  /** What the server failed on without deciding it. See `retry` and `discard`. */
  get parked(): readonly QueueEntry[] {
    return [...this.#entries.parked.values()];
  }

  /** The others who are connected and show something of themselves. */
  get peers(): readonly Peer[] {
    return this.#peers;
  }

  /** Whether undecided drafts survive a reload. False until the store is open. */
  get durable(): boolean {
    return this.#store?.durable ?? false;
  }

  /** The name of this device, which is in its events. It is settled when the store is open. */
  get clientId(): string {
    return this.#clientId;
  }

  /**
   * Submits an event. It is in `state` when this returns, and stays there unless it is rejected. The
   * promise is of its verdict, and never rejects for an outcome; offline, it is pending.
   *
   * @throws Error after `close`, and TypeError for a payload that is no JSON at all; as rejections.
   */
  async submit<Type extends EventType<P>>(
    type: Type,
    payload: z.core.input<P[Type]>,
    options: SubmitOptions<S, z.core.input<P[Type]>> = {},
  ): Promise<Verdict> {
    const { signal, onConflict } = options;
    let { expectedEventId } = options;
    let content = payload;
    for (let retries = 0; ; retries++) {
      const draft = { type, payload: content, ...(expectedEventId === undefined ? {} : { expectedEventId }) };
      const verdict = (await this.#enter("single", [draft as BatchDraft<P>], signal)) as Verdict;
      const conflict =
        verdict.status === "rejected" && verdict.problem.code === "conflict" ? verdict.problem : undefined;
      if (!conflict || !onConflict || retries === conflictRetriesMax) return verdict;
      await this.#caughtUpTo(Math.max(...(conflict.conflictingEventIds ?? [0])), signal);
      const next = this.#closed ? undefined : onConflict(this.state, conflict);
      if (next === undefined) return verdict;
      content = next;
      expectedEventId = this.eventId;
    }
  }

  /**
   * Submits 1 to 256 events at once. `atomic`: all or none. `sequential`: in order, up to the first
   * that is rejected. Where the model objects to one of them here, none is sent, in either mode.
   */
  async submitBatch(
    mode: "atomic" | "sequential",
    drafts: readonly BatchDraft<P>[],
    options: { signal?: AbortSignal } = {},
  ): Promise<BatchVerdict> {
    return (await this.#enter(mode, drafts, options.signal)) as BatchVerdict;
  }

  /** Whether there is an own change that `undo` can take back. */
  get canUndo(): boolean {
    return this.#entries.history.canUndo;
  }

  /**
   * Takes the last own change back that can be taken back, by the drafts that its model declares for
   * that. Undefined: there is none. The last 200 are remembered, until the page is closed.
   */
  async undo(): Promise<Verdict | BatchVerdict | undefined> {
    const compensations = this.#entries.history.pop();
    if (!compensations) return undefined;
    const drafts = compensations as unknown as BatchDraft<P>[];
    return this.#enter(drafts.length === 1 ? "single" : "atomic", drafts, undefined, false);
  }

  /**
   * Shows the others something of oneself, as a cursor or a selection, of at most 2 KiB; null: nothing.
   * Not logged, and gone with the connection. Without the option `presence` it does nothing.
   */
  setPresence(state: JsonObject | null): void {
    if (!this.#parts.engine.presence) throw new Error("this client was made without presence: true");
    this.#presence = state;
    this.#backend?.show(state);
  }

  /** Ends the connection until `resume`, for all tabs that share it. Drafts are queued. */
  pause(): void {
    this.#paused = true;
    this.#backend?.pause();
  }

  /** Connects again, at once. */
  resume(): void {
    this.#paused = false;
    this.#backend?.resume();
  }

  /** Sends a parked entry again, under the same keys, behind what is queued. */
  retry(key: string): Promise<Verdict | BatchVerdict> | undefined {
    return this.#entries.retry(key);
  }

  /** Forgets a parked entry. */
  discard(key: string): void {
    this.#entries.discard(key);
  }

  /** Asks the server whether the confirmed state here is its own; if not, it is fetched. Undefined: there was no answer. */
  async verify(): Promise<boolean | undefined> {
    return this.#backend?.verify();
  }

  /** Ends it for good. Promises of verdicts resolve as `undecided`; what is stored is sent by the next client. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#confirmed.close();
    this.#notifier.hasten();
    this.#backend?.close();
    this.#take({ kind: "status", report: { status: "closed", reason: "closed" } });
    this.#entries.close();
    await this.#opening;
    await this.#store?.close();
  }

  /** Calls `listener` after every change of what can be read here; returns how to stop. */
  subscribe(listener: () => void): () => void {
    return this.#subscribers.on("changed", listener);
  }

  /** Calls `listener` when something of this kind happens; returns how to stop. */
  on<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): () => void {
    return this.#emitter.on(type, listener);
  }

  #enter(
    mode: QueueEntry["mode"],
    given: readonly BatchDraft<P>[],
    signal: AbortSignal | undefined,
    undoable = true,
  ): Promise<Verdict | BatchVerdict> {
    if (this.#closed) throw new Error("the client is closed");
    if (signal?.aborted) return Promise.resolve({ status: "withdrawn" });
    const { model, partition, ports } = this.#parts;
    const entry = entryOf(model, ports, mode, given);
    const result = "code" in entry ? entry : this.#entries.add(entry, undoable, signal);
    if (result instanceof Promise) return result;
    const traceId = uuidv7(ports).replaceAll("-", "");
    const instance = `/v1/partitions/${partition}`;
    const rejected = problem(result, { instance, traceId, timestamp: ports.now() });
    return Promise.resolve({ status: "rejected", problem: rejected, local: true });
  }

  /** Opens the store, and then connects. What was submitted before that comes after what was stored. */
  async #open(): Promise<void> {
    const { store: open, scope, ports, engine, model, partition, timing } = this.#parts;
    const view = this.#view;
    const confirmed = this.#confirmed;
    const store = await openResilient(open, scope, (reason) => {
      this.#emitter.emit("degraded", { reason });
      this.#changed();
    });
    const clientId = await store.identify(this.#clientId);
    const { entries, base } = await store.load();
    const early = view.replica.pending.map(({ entry }) => entry);
    if (this.#closed) {
      // The next client sends them.
      for (const entry of early) void store.append(entry);
      await store.close();
      return;
    }
    this.#store = store;
    this.#clientId = this.#parts.clientId ?? clientId;
    const replica = this.#newReplica();
    view.replica = replica;
    const state = base?.modelVersion === model.version ? parsed(base.state) : undefined;
    if (base && state) {
      replica.reset(state, base.eventId, []);
      confirmed.serverId = base.serverId;
    }
    for (const entry of entries) if (entry.parked) this.#entries.parked.set(entry.key, entry);
    const stored = entries.filter(({ parked }) => !parked);
    for (const entry of [...stored, ...early]) replica.add(entry);
    for (const entry of early) void store.append(entry);

    const host = {
      get cursor() {
        return confirmed.cursor;
      },
      take: (item: FeedItem) => this.#take(item),
      hash: () => confirmed.hash(),
      confirmed: () => confirmed.text(),
      whole: () => replica.whole,
    };
    const newEngine = (of: EngineHost) =>
      new Engine({ ...engine, partition, clientId: this.#clientId, modelVersion: model.version, timing }, ports, of);
    const backend: Backend = this.#parts.backend?.({ engine: newEngine, host, store }) ?? newEngine(host);
    this.#backend = backend;
    confirmed.open(store, () => backend.keepsBase !== false);
    this.#entries.open(store, backend);
    if (this.#paused) backend.pause();
    backend.show(this.#presence);
    backend.start(stored);
    for (const entry of early) if (replica.has(entry.key)) backend.offer(entry);
    this.#changed();
  }

  #newReplica(): Replica<S> {
    const { model, principal } = this.#parts;
    const clientId = this.#clientId;
    return new Replica<S>(model, { clientId, principal: principal ?? `dev:${clientId}` });
  }

  /** Applies what the backend reports. */
  #take(item: FeedItem): void {
    const { replica } = this.#view;
    switch (item.kind) {
      case "status":
        this.#status = item.report;
        this.#emitter.emit("status", item.report);
        break;
      case "log":
        this.#confirmed.serverId = item.serverId;
        break;
      case "reset":
        this.#confirmed.serverId = item.serverId;
        replica.reset(item.state as object, item.eventId, item.sent);
        if (item.why !== "first") this.#emitter.emit("reset", { why: item.why });
        this.#confirmed.saveSoon();
        break;
      case "events":
        for (const event of item.events) replica.confirm(event);
        this.#emitter.emit("confirmed", { events: item.events });
        this.#confirmed.saveSoon();
        break;
      case "entry":
        if (!this.#entries.share(item.entry)) return;
        break;
      case "discarded":
        this.#entries.parked.delete(item.key);
        break;
      case "verdict":
        this.#entries.settle(item.key, item.verdict);
        break;
      case "peers":
        this.#peers = item.peers;
        break;
      case "progress":
        this.#emitter.emit("progress", { undecided: item.undecided });
        return;
    }
    this.#changed();
  }

  async #caughtUpTo(eventId: number, signal: AbortSignal | undefined): Promise<void> {
    const stopped = () => this.#status.status === "closed" || signal?.aborted === true;
    while (this.eventId < eventId && !stopped()) {
      await new Promise<void>((resolve) => {
        const over = () => {
          stop();
          signal?.removeEventListener("abort", over);
          resolve();
        };
        const stop = this.subscribe(over);
        signal?.addEventListener("abort", over);
      });
    }
  }

  /** Something that the application can read has changed. */
  #changed(): void {
    this.#view.changed();
    const slow = this.#view.replica.pendingCount > promptPendingMax && !this.#closed;
    this.#notifier.changed(slow ? slowFlushMs : undefined);
  }

  #notify(): void {
    const entries = this.#view.takeFallen();
    if (entries.length > 0) this.#emitter.emit("fallen", { entries });
    this.#subscribers.emit("changed", undefined);
  }
}

/** A state from a store; undefined if it is not one, so that the server is asked. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
