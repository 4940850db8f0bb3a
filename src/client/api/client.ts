import type * as z from "zod/mini";
import type { DeepReadonly, Model } from "../../model/index.ts";
import {
  type Failure,
  isJsonObject,
  type JsonObject,
  draftBounds,
  parseJson,
  type Problem,
  problem,
  utf8Length,
} from "../../protocol/index.ts";
import type { Backend, BackendParts, EngineHost } from "../sync/backend.ts";
import { Emitter } from "./emitter.ts";
import { Engine } from "../sync/engine.ts";
import type { EngineOptions } from "../sync/options.ts";
import type { FeedItem, Peer } from "../sync/feed.ts";
import { History } from "./history.ts";
import { digestOf } from "./digest.ts";
import { type Ports, uuidv7 } from "../transport/ports.ts";
import { type ConfirmedEvent, Replica } from "../sync/replica.ts";
import type { StatusReport } from "../sync/status.ts";
import type { OpenStore, QueuedDraft, QueueEntry, QueueStore, StoreFailure } from "../stores/store.ts";
import { openResilient } from "../stores/resilient.ts";
import type { Timing } from "../transport/timing.ts";
import type { BatchVerdict, Unsettled, Verdict } from "../sync/verdict.ts";

/** With more pending drafts than this, applying them anew is put together over `slowFlushMs`. */
const promptPendingMax = 256;
const slowFlushMs = 50;
/** A confirmed state is kept for the next start at most this often, and up to this size. */
const baseIntervalMs = 5_000;
const baseLengthMax = 8 * 1024 * 1024;
/** What a message has around its drafts. */
const envelopeBytes = 1_024;
/** How often a draft in conflict is made anew. */
const conflictRetriesMax = 3;

type Payloads = Record<string, z.core.$ZodType>;
type EventType<P extends Payloads> = keyof P & string;

/** One draft of a batch. */
export type BatchDraft<P extends Payloads> = {
  [Type in EventType<P>]: { type: Type; payload: z.core.input<P[Type]>; expectedEventId?: number };
}[EventType<P>];

/** How to submit a draft. */
export interface SubmitOptions<S, Payload> {
  /** The draft counts only if nobody else has touched the same since this event: mostly `client.eventId`. */
  expectedEventId?: number;
  /**
   * With `expectedEventId`: called after a conflict, when what came between is in the state; gives the
   * payload to try again with, as a new draft. Undefined gives up. At most three times.
   */
  onConflict?: (state: DeepReadonly<S>, problem: Problem) => Payload | undefined;
  /** Stops waiting. A draft that the server cannot have seen is taken back (`withdrawn`), another is `undecided`. */
  signal?: AbortSignal;
}

/** An entry of the queue as the application sees it. */
export interface PendingEntry {
  key: string;
  mode: QueueEntry["mode"];
  drafts: readonly QueuedDraft[];
  queuedAt: number;
  /** Why it does not fit the state as it is now, and is not in it. */
  failure: Failure | undefined;
}

/** A verdict that is a rejection, of a draft or of a batch. */
export type Rejection = Exclude<Verdict | BatchVerdict, Unsettled | { status: "accepted" }>;

/** What a client tells, by name. */
export interface ClientEvents {
  /** The status, or its reason, is another one. */
  status: StatusReport;
  /** The server rejected an entry; what it had changed is gone from the state. */
  rejected: { entry: QueueEntry; verdict: Rejection };
  /** Entries that stood on something which has changed, and fit no more. They stay queued: the server decides. */
  fallen: { entries: readonly { key: string; failure: Failure }[] };
  /** The server failed on an entry without deciding it: it is in `client.parked` now. */
  parked: { entry: QueueEntry; problem: Problem };
  /** An entry was too old to be sent, and is dropped. */
  expired: { entry: QueueEntry };
  /** The next events of the log, one's own and others', in order: for an activity list, say. */
  confirmed: { events: readonly ConfirmedEvent[] };
  /** The confirmed state was replaced, rather than moved on. `log_replaced`: after a restore, say; what was confirmed may be gone. */
  reset: { why: "far_behind" | "log_replaced" | "diverged" };
  /** How many entries are undecided; told while they get fewer or more. */
  progress: { undecided: number };
  /** Drafts are kept in memory only from here on. */
  degraded: { reason: StoreFailure };
}

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

interface Waiter {
  entry: QueueEntry;
  resolve(verdict: Verdict | BatchVerdict): void;
}

/**
 * A partition as an application holds it: a state that is always there and already has its own
 * drafts in it, and a way to submit more. Made by `createClient`.
 */
export class Client<S extends object, P extends Payloads> {
  readonly #parts: ClientParts<S, P>;
  readonly #ports: Ports;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #subscribers = new Emitter<{ changed: undefined }>();
  readonly #waiters = new Map<string, Waiter>();
  readonly #parked = new Map<string, QueueEntry>();
  readonly #history = new History();
  #replica: Replica<S>;
  #clientId: string;
  #serverId: string | undefined;
  #backend: Backend | undefined;
  #store: QueueStore | undefined;
  #status: StatusReport = { status: "offline", reason: "new" };
  #peers: readonly Peer[] = [];
  #presence: JsonObject | null = null;
  #state: DeepReadonly<S> | undefined;
  #pending: readonly PendingEntry[] | undefined;
  #cancelNotify: (() => void) | undefined;
  #cancelBase: (() => void) | undefined;
  #notifying = false;
  #fallen: { key: string; failure: Failure }[] = [];
  #closed = false;
  readonly #opening: Promise<void>;
  #paused = false;

  constructor(parts: ClientParts<S, P>) {
    this.#parts = parts;
    this.#ports = parts.ports;
    this.#clientId = parts.clientId ?? uuidv7(parts.ports);
    this.#replica = this.#newReplica();
    this.#opening = this.#open();
  }

  /** The optimistic state: what is confirmed, and one's own pending drafts over it. Plain data that never changes; unchanged parts are the same objects as before. */
  get state(): DeepReadonly<S> {
    if (this.#state === undefined) {
      this.#rebase();
      this.#state = this.#replica.publish() as DeepReadonly<S>;
      this.#tellSoon();
    }
    return this.#state;
  }

  /**
   * What `read` takes of the optimistic state, without a copy: for large states, where `state` costs a
   * copy of each container that has changed (a few milliseconds for one of 10,000 keys). `read` is given
   * a view that must not be kept, and returns plain values.
   */
  read<T>(read: (state: DeepReadonly<S>) => T): T {
    this.#rebase();
    return this.#replica.read((state) => read(state as DeepReadonly<S>));
  }

  /** Whether there is a connection, and why not. */
  get status(): StatusReport {
    return this.#status;
  }

  /** Whether a confirmed state is here, from the server or kept from an earlier start; before, `state` is the initial one. */
  get loaded(): boolean {
    return this.#serverId !== undefined;
  }

  /** The last confirmed event that is in the state. */
  get eventId(): number {
    return this.#replica.eventId;
  }

  /** What is undecided, in order. */
  get pending(): readonly PendingEntry[] {
    this.#rebase();
    this.#pending ??= this.#replica.pending.map(({ entry, failure }) => ({
      key: entry.key,
      mode: entry.mode,
      drafts: entry.drafts,
      queuedAt: entry.queuedAt,
      failure,
    }));
    return this.#pending;
  }

  /** What the server failed on without deciding it. See `retry` and `discard`. */
  get parked(): readonly QueueEntry[] {
    return [...this.#parked.values()];
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
    return this.#history.canUndo;
  }

  /**
   * Takes the last own change back that can be taken back, by the drafts that its model declares for
   * that. Undefined: there is none. The last 200 are remembered, until the page is closed.
   */
  async undo(): Promise<Verdict | BatchVerdict | undefined> {
    const compensations = this.#history.pop();
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
    const entry = this.#parked.get(key);
    if (!entry) return undefined;
    this.#parked.delete(key);
    const { parked: _, ...unparked } = entry;
    this.#rebase();
    this.#replica.add(unparked);
    this.#keep((store) => store.update(unparked));
    const verdict = new Promise<Verdict | BatchVerdict>((resolve) => this.#waiters.set(key, { entry, resolve }));
    this.#backend?.offer(unparked, true);
    this.#changed();
    return verdict;
  }

  /** Forgets a parked entry. */
  discard(key: string): void {
    if (!this.#parked.delete(key)) return;
    this.#keep((store) => store.remove([key]));
    this.#backend?.discard?.(key);
    this.#changed();
  }

  /** Asks the server whether the confirmed state here is its own; if not, it is fetched. Undefined: there was no answer. */
  async verify(): Promise<boolean | undefined> {
    return this.#backend?.verify();
  }

  /** Ends it for good. Promises of verdicts resolve as `undecided`; what is stored is sent by the next client. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelBase?.();
    this.#cancelNotify?.();
    this.#cancelNotify = undefined;
    this.#backend?.close();
    this.#take({ kind: "status", report: { status: "closed", reason: "closed" } });
    for (const { resolve } of this.#waiters.values()) resolve({ status: "undecided" });
    this.#waiters.clear();
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

  // — the queue

  #enter(
    mode: QueueEntry["mode"],
    given: readonly BatchDraft<P>[],
    signal: AbortSignal | undefined,
    undoable = true,
  ): Promise<Verdict | BatchVerdict> {
    if (this.#closed) throw new Error("the client is closed");
    if (signal?.aborted) return Promise.resolve({ status: "withdrawn" });
    const drafts: QueuedDraft[] = [];
    for (const draft of given) {
      const read = parseJson(JSON.stringify(draft.payload) ?? "null");
      if (!read.ok) return this.#objected("bad_request", "The payload is not JSON that is taken.", read.violations);
      const version = this.#parts.model.eventType(draft.type)?.version ?? 1;
      drafts.push({
        draftId: uuidv7(this.#ports),
        type: draft.type,
        payload: read.value as JsonObject,
        ...(version === 1 ? {} : { version }),
        ...(draft.expectedEventId === undefined ? {} : { expectedEventId: draft.expectedEventId }),
      });
    }
    if (drafts.length === 0 || drafts.length > draftBounds.batchEventsMax) {
      return this.#objected("bad_request", `A batch has 1 to ${draftBounds.batchEventsMax} events.`);
    }
    if (utf8Length(JSON.stringify(drafts)) > draftBounds.frameBytesMax - envelopeBytes) {
      return this.#objected("payload_too_large", `A frame may have at most ${draftBounds.frameBytesMax} bytes.`);
    }
    const key = mode === "single" ? drafts[0]!.draftId : uuidv7(this.#ports);
    const entry: QueueEntry = { key, mode, drafts, queuedAt: this.#ports.now() };
    this.#rebase();
    const compensations = undoable ? this.#replica.compensationsOf(entry) : undefined;
    const failure = this.#replica.add(entry);
    if (failure) {
      this.#replica.settle(key);
      return Promise.resolve({ status: "rejected", problem: this.#problem(failure), local: true });
    }
    if (compensations?.length) this.#history.add(key, compensations);
    // Kept and sent at the same time: a crash in between leaves at most an event that nobody here waits for.
    this.#keep((store) => store.append(entry));
    const verdict = new Promise<Verdict | BatchVerdict>((resolve) => this.#waiters.set(key, { entry, resolve }));
    this.#backend?.offer(entry);
    this.#changed();
    const abort = async () => {
      if (this.#backend) await this.#backend.withdraw(key);
      // Nothing is sent before the store is open.
      else this.#take({ kind: "verdict", key, verdict: { status: "withdrawn" } });
      if (this.#replica.has(key)) this.#resolve(key, { status: "undecided" });
    };
    signal?.addEventListener("abort", abort, { once: true });
    return verdict.finally(() => signal?.removeEventListener("abort", abort));
  }

  #objected(code: Failure["code"], detail: string, errors?: Failure["errors"]): Promise<Verdict> {
    const failure: Failure = { code, detail, ...(errors ? { errors } : {}) };
    return Promise.resolve({ status: "rejected", problem: this.#problem(failure), local: true });
  }

  #resolve(key: string, verdict: Verdict | BatchVerdict): void {
    this.#waiters.get(key)?.resolve(verdict);
    this.#waiters.delete(key);
  }

  #problem(failure: Failure): Problem {
    return problem(failure, {
      instance: `/v1/partitions/${this.#parts.partition}`,
      traceId: uuidv7(this.#ports).replaceAll("-", ""),
      timestamp: this.#ports.now(),
    });
  }

  // — beginning

  async #open(): Promise<void> {
    const { store: open, scope, ports, engine, model, partition, timing } = this.#parts;
    const store = await openResilient(open, scope, (reason) => {
      this.#emitter.emit("degraded", { reason });
      this.#changed();
    });
    const clientId = await store.identify(this.#clientId);
    const { entries, base } = await store.load();
    if (this.#closed) {
      // What was submitted meanwhile is sent by the next client.
      for (const { entry } of this.#replica.pending) void store.append(entry);
      await store.close();
      return;
    }
    this.#store = store;
    // What was submitted meanwhile comes behind what was there.
    const early = this.#replica.pending.map(({ entry }) => entry);
    this.#clientId = this.#parts.clientId ?? clientId;
    this.#replica = this.#newReplica();
    const state = base?.modelVersion === model.version ? parsed(base.state) : undefined;
    if (base && state) {
      this.#replica.reset(state, base.eventId, []);
      this.#serverId = base.serverId;
    }
    for (const entry of entries) if (entry.parked) this.#parked.set(entry.key, entry);
    const waiting = entries.filter(({ parked }) => !parked);
    for (const entry of [...waiting, ...early]) this.#replica.add(entry);
    for (const entry of early) this.#keep((kept) => kept.append(entry));

    const cursor = () => ({ eventId: this.#replica.eventId, serverId: this.#serverId });
    const host = {
      get cursor() {
        return cursor();
      },
      take: (item: FeedItem) => this.#take(item),
      hash: () => this.#hash(),
      confirmed: () => this.#confirmed(),
      whole: () => this.#replica.whole,
    };
    const newEngine = (of: EngineHost) =>
      new Engine({ ...engine, partition, clientId: this.#clientId, modelVersion: model.version, timing }, ports, of);
    this.#backend = this.#parts.backend?.({ engine: newEngine, host, store }) ?? newEngine(host);
    if (this.#paused) this.#backend.pause();
    this.#backend.show(this.#presence);
    this.#backend.start(waiting);
    for (const entry of early) if (this.#replica.has(entry.key)) this.#backend.offer(entry);
    this.#changed();
  }

  #newReplica(): Replica<S> {
    const { model, principal } = this.#parts;
    const clientId = this.#clientId;
    return new Replica<S>(model, { clientId, principal: principal ?? `dev:${clientId}` });
  }

  /** Has the store keep something; what it cannot, it tells by itself. */
  #keep(change: (store: QueueStore) => Promise<unknown>): void {
    if (this.#store) void change(this.#store);
  }

  // — what the backend tells

  #take(item: FeedItem): void {
    switch (item.kind) {
      case "status":
        this.#status = item.report;
        this.#emitter.emit("status", item.report);
        break;
      case "log":
        this.#serverId = item.serverId;
        break;
      case "reset":
        this.#serverId = item.serverId;
        this.#replica.reset(item.state as object, item.eventId, item.sent);
        if (item.why !== "first") this.#emitter.emit("reset", { why: item.why });
        this.#keepBaseSoon();
        break;
      case "events":
        for (const event of item.events) this.#replica.confirm(event);
        this.#emitter.emit("confirmed", { events: item.events });
        this.#keepBaseSoon();
        break;
      case "entry":
        this.#parked.delete(item.entry.key);
        if (this.#replica.has(item.entry.key)) return;
        this.#rebase();
        this.#replica.add(item.entry);
        break;
      case "discarded":
        this.#parked.delete(item.key);
        break;
      case "verdict":
        this.#takeVerdict(item.key, item.verdict);
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

  #takeVerdict(key: string, verdict: Verdict | BatchVerdict): void {
    const entry = this.#replica.entry(key);
    this.#replica.settle(key);
    if (verdict.status === "parked") {
      // Of another tab, perhaps, which keeps it.
      if (!entry) return;
      const parked = { ...entry, parked: verdict.problem };
      this.#parked.set(key, parked);
      this.#keep((store) => store.update(parked));
      this.#emitter.emit("parked", { entry: parked, problem: verdict.problem });
    } else this.#parked.delete(key);
    const removed = verdict.status === "parked" ? undefined : this.#store?.remove([key]);
    if (verdict.status !== "accepted") this.#history.forget(key);
    if (entry && verdict.status === "rejected") this.#emitter.emit("rejected", { entry, verdict });
    if (entry && verdict.status === "expired") this.#emitter.emit("expired", { entry });
    // Told as taken back only when no crash can bring it back.
    if (verdict.status === "withdrawn" && removed) void removed.then(() => this.#resolve(key, verdict));
    else this.#resolve(key, verdict);
  }

  #hash(): Promise<string> {
    return digestOf(this.#confirmed(), this.#ports);
  }

  #confirmed(): string {
    const text = this.#replica.confirmedText();
    this.#changed();
    return text;
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

  // — what is told

  /** Something that can be read here has changed: who listens is told once, when the turn is over. */
  #changed(): void {
    this.#state = undefined;
    this.#pending = undefined;
    if (this.#cancelNotify || this.#notifying) return;
    if (this.#replica.pendingCount > promptPendingMax && !this.#closed) {
      this.#cancelNotify = this.#ports.after(slowFlushMs, () => this.#notify());
    } else this.#notifyDeferred();
  }

  #notifyDeferred(): void {
    this.#notifying = true;
    this.#ports.defer(() => this.#notify());
  }

  /** One has read what the others were to be told later: they shall not show something else meanwhile. */
  #tellSoon(): void {
    if (!this.#cancelNotify) return;
    this.#cancelNotify();
    this.#cancelNotify = undefined;
    this.#notifyDeferred();
  }

  #notify(): void {
    this.#cancelNotify = undefined;
    this.#notifying = false;
    this.#rebase();
    const fallen = this.#fallen.filter(({ key }) => this.#replica.has(key));
    this.#fallen = [];
    if (fallen.length > 0) this.#emitter.emit("fallen", { entries: fallen });
    this.#subscribers.emit("changed", undefined);
  }

  /** What has fallen is told by `#notify`: this may run while somebody reads, who must not be called then. */
  #rebase(): void {
    this.#fallen.push(...this.#replica.rebase().fallen);
  }

  #keepBaseSoon(): void {
    if (this.#cancelBase || !this.#store?.durable) return;
    this.#cancelBase = this.#ports.after(baseIntervalMs, () => {
      this.#cancelBase = undefined;
      this.#keepBase();
    });
  }

  #keepBase(): void {
    // Not while events of an undecided entry are in the state: after a reload they would be shown twice.
    if (this.#serverId === undefined || !this.#replica.whole || this.#backend?.keepsBase === false) {
      this.#keepBaseSoon();
      return;
    }
    const state = this.#confirmed();
    if (state.length > baseLengthMax) return;
    const { serverId, eventId } = { serverId: this.#serverId, eventId: this.eventId };
    this.#keep((store) => store.saveBase({ serverId, eventId, modelVersion: this.#parts.model.version, state }));
  }
}

/** What a store gave back as a state; undefined where it is none, so that the server is asked. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
