import type * as z from "zod/mini";
import { type AnyModel, type DeepReadonly, type State, type UndoBlock, upcast } from "../../model/index.ts";
import type { Failure, JsonObject, Problem } from "../../protocol/index.ts";
import { openStore } from "./open-store.ts";
import type { OpenStore, QueueEntry, QueueStore, Snapshot } from "../stores/store.ts";
import type { Backend, EngineHost, NewBackend } from "../sync/backend.ts";
import { Engine } from "../sync/engine.ts";
import { backoffMs } from "../sync/backoff.ts";
import { type Identity, isOther } from "../sync/identity.ts";
import type { FeedItem, Peer } from "../sync/feed.ts";
import { clientProblem } from "../sync/problem.ts";
import type { EngineOptions, Token } from "../sync/options.ts";
import type { MergedChange } from "../sync/merged.ts";
import type { PresenceEvents } from "../sync/presence.ts";
import { Replica } from "../sync/replica.ts";
import type { ClientStatus, StatusReport } from "../sync/status.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import { type Ports, uuidv7 } from "../transport/ports.ts";
import type { Timing } from "../transport/timing.ts";
import { within } from "../transport/within.ts";
import type { BaseKeeper } from "./base-keeper.ts";
import { ConfirmedState } from "./confirmed.ts";
import { currentOf } from "./current.ts";
import {
  type BatchDraft,
  type DraftOf,
  type EventOf,
  entryOf,
  fitting,
  presenceFailure,
  type EventType,
  type Payloads,
  type PendingEntry,
  type SubmitOptions,
} from "./drafts.ts";
import { Emitter } from "./emitter.ts";
import { Entries } from "./entries.ts";
import type { ClientEvents, RejectedEntry } from "./events.ts";
import type { Step } from "./history.ts";
import type { MergingHost } from "./merging.ts";
import { Notifier } from "./notifier.ts";
import { scopeOf } from "./scope.ts";
import { type ConfirmDeletion, listenForSignOut, type SignedOut } from "./signed-out.ts";
import type { UndoHost } from "./undo.ts";
import type { UndoResult } from "./undo-result.ts";
import { View } from "./view.ts";

/** With more pending drafts than this, changes within `slowFlushMs` are applied together. */
const promptPendingMax = 256;
const slowFlushMs = 50;

/** The options of `createClient`, with all defaults applied. */
export interface ClientParts {
  model: AnyModel;
  partition: string;
  clientId: string | undefined;
  /** The user; undefined: the one that the first token names. */
  identity: Identity | undefined;
  /** Of the server. */
  host: string;
  /** What a server has rendered. */
  initial?: Snapshot | undefined;
  /** False: it is closed from the start, and only shows `initial`. */
  connect?: boolean | undefined;
  store: OpenStore;
  ports: Ports;
  timing: Timing;
  engine: Pick<EngineOptions, "url" | "token"> & { presence: boolean };
  /** Makes the backend for the clients of one scope, when it is loaded; undefined: an engine for this client only. */
  backend?(scope: string): NewBackend | Promise<NewBackend | undefined>;
}

/**
 * The client of one partition: a state that is always available and includes the pending drafts of
 * this client, and methods to submit more. `createClient` makes it.
 */
export class Client<S extends object, P extends Payloads, E extends Payloads = P> {
  readonly #parts: ClientParts;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #subscribers = new Emitter<{ changed: undefined }>();
  readonly #view: View<S>;
  readonly #confirmed: ConfirmedState<S>;
  readonly #entries: Entries<S>;
  readonly #notifier: Notifier;
  /** For the parts that are loaded later. */
  readonly #host: UndoHost & MergingHost;
  readonly #opening: Promise<void>;
  /** Resolves when the client is closed. */
  readonly #stopped: Promise<undefined>;
  readonly #signOuts: ReturnType<typeof listenForSignOut>;
  #stop: (nothing: undefined) => void = () => {};
  /** The user; undefined in open development mode, and until the first token has come. */
  #identity: Identity | undefined;
  #clientId: string;
  /** @internal The state to begin with, if it is of this model. Hooks render it while they hydrate. */
  initial: Snapshot | undefined;
  #backend: Backend | undefined;
  #store: QueueStore | undefined;
  #keeper: BaseKeeper | undefined;
  #status: StatusReport & Partial<ClientStatus> = { status: "offline", reason: "new" };
  #peers: readonly Peer[] = [];
  #presence: JsonObject | null = null;
  #paused = false;
  #closed = false;
  #ending: Promise<void> | undefined;

  constructor(parts: ClientParts) {
    const { clientId, identity, ports, initial, model } = parts;
    this.#parts = parts;
    this.#clientId = clientId ?? uuidv7(ports);
    this.#identity = identity;
    this.#stopped = new Promise((resolve) => (this.#stop = resolve));
    const connect = parts.connect !== false;
    this.#signOuts = connect ? listenForSignOut(ports, (who) => this.#heard(who)) : undefined;
    const { name, version } = model;
    // What an earlier version has made does not name its model.
    if (initial?.modelVersion === version && (initial.model ?? name) === name) this.initial = initial;
    this.#view = new View(this.#newReplica());
    this.#confirmed = new ConfirmedState(this.#view, ports, () => this.#changed());
    this.#confirmed.begin(this.initial);
    this.#entries = new Entries(this.#view, this.#emitter, () => this.#changed());
    const enter = this.#enter.bind(this);
    this.#host = {
      model,
      ports,
      client: this,
      view: this.#view,
      entries: this.#entries,
      fitting,
      emitter: this.#emitter,
      enter,
    };
    this.#notifier = new Notifier(ports, () => this.#notify());
    this.#opening = connect ? this.#open() : this.#end("closed");
  }

  /** The optimistic state: the confirmed state with the own pending drafts. Immutable plain data; unchanged parts are the same objects as before. */
  get state(): DeepReadonly<S> {
    const { state } = this.#view;
    this.#notifier.hasten();
    return state;
  }

  /**
   * Calls `read` with the optimistic state, without a copy, and returns its result. For large states:
   * `state` copies each container that has changed (a few milliseconds for one of 10,000 keys). `read`
   * must not keep its argument or return a part of it; it returns plain values.
   */
  read<T>(read: (state: DeepReadonly<S>) => T): T {
    return this.#view.rebased().read((state) => read(state as DeepReadonly<S>));
  }

  /** @internal The state itself, for selections: what the application shows follows at once. */
  get live(): State<object> {
    this.#notifier.hasten();
    return this.#view.rebased().live;
  }

  /** @internal For `partita/text`: which pending drafts the view has, mapped over what has come. */
  get merging(): { pendingOf(type: string, payload: JsonObject): readonly MergedChange[] } | undefined {
    return this.#view.merging;
  }

  /** Whether there is a connection, and if not, why; and how far the state is loaded. */
  get status(): ClientStatus {
    const { loaded } = this;
    if (this.#status.loaded !== loaded) this.#status = { ...this.#status, loaded };
    return this.#status as ClientStatus;
  }

  /**
   * The confirmed state, without pending drafts, for the option `initial` of another client; undefined: it is not
   * `loaded`. Plain JSON.
   */
  dehydrate(): Snapshot | undefined {
    const { serverId, ...end } = this.#confirmed.cursor;
    const { name: model, version: modelVersion } = this.#parts.model;
    return serverId === undefined
      ? undefined
      : { ...end, serverId, model, modelVersion, state: this.#confirmed.text() };
  }

  /** Whether a confirmed state is available, from the server or saved by an earlier start. Before that, `state` is the initial state. */
  get loaded(): boolean {
    return this.#confirmed.serverId !== undefined;
  }

  /**
   * Resolves when `loaded` is true. Drafts may be submitted before that: nothing is judged by the initial state.
   * Rejects with an Error if the client is closed first; `status` has the reason.
   */
  get ready(): Promise<void> {
    return this.#whenLoaded();
  }

  /** The id of the last confirmed event in the state. */
  get eventId(): number {
    return this.#view.replica.eventId;
  }

  /** The undecided entries, in order. */
  get pending(): readonly PendingEntry<DraftOf<P>>[] {
    return this.#view.pending as readonly PendingEntry<any>[];
  }

  /** The entries on which the server failed without deciding them. See `retry` and `discard`. */
  get parked(): readonly QueueEntry<DraftOf<P>>[] {
    return [...this.#entries.parked.values()] as QueueEntry<any>[];
  }

  /** The entries that the server has rejected, with their verdicts, oldest first. They are kept until `discard`, the newest 512 KiB of them. */
  get rejected(): readonly RejectedEntry<DraftOf<P>, EventOf<P>>[] {
    return [...this.#entries.rejected.values()] as RejectedEntry<any, any>[];
  }

  /** The other connections that have set a presence. */
  get peers(): readonly Peer[] {
    return this.#peers;
  }

  /** Whether undecided drafts survive a reload. False until the store is open. */
  get durable(): boolean {
    return this.#store?.durable ?? false;
  }

  /** The user. Undefined: the first token has not come yet, or there are no tokens and no option `principal`. */
  get principal(): string | undefined {
    return this.#identity?.principal;
  }

  /**
   * What events and peers say of the user, as the model's `authors` says. Undefined: nothing, or it is a pseudonym
   * that the server has not sent yet.
   */
  get author(): string | undefined {
    return this.#view.replica.author;
  }

  /** The name of this device, which its events contain. It is final when the store is open. */
  get clientId(): string {
    return this.#clientId;
  }

  /**
   * Submits an event. It is in `state` when this returns, and stays there unless it is rejected. The
   * promise resolves with the verdict, also with a rejection; offline, it stays pending.
   *
   * What JSON cannot carry, as `NaN`, and what does not fit a frame is rejected here, with its path.
   *
   * @throws Error after `close` (rejects the promise).
   */
  async submit<Type extends EventType<P>>(
    type: Type,
    payload: z.core.input<P[Type]>,
    options: SubmitOptions<S, z.core.input<P[Type]>> = {},
  ): Promise<Verdict<EventOf<P, Type>>> {
    const { onConflict, expectedEventId } = options;
    const submit = (content: z.core.input<P[Type]>, expected = expectedEventId): Promise<Verdict<any>> => {
      const draft = { type, payload: content, expectedEventId: expected };
      return this.#enter("single", [draft as BatchDraft<P>], options) as Promise<Verdict<any>>;
    };
    const first: Verdict<any> = await submit(payload);
    if (!onConflict || first.status !== "rejected") return first;
    const { persist } = await import("./rarely.ts");
    return persist(this, first, onConflict, submit, options) as Promise<Verdict<any>>;
  }

  /**
   * Submits 1 to 256 events at once. `atomic`: all are accepted, or none. `sequential`: in order, up to
   * the first one that is rejected. If the model rejects one of them here, none is sent, in both modes.
   */
  async submitBatch(
    mode: "atomic" | "sequential",
    drafts: readonly BatchDraft<P>[],
    options: Pick<SubmitOptions<S, never>, "signal" | "replaces"> = {},
  ): Promise<BatchVerdict<EventOf<P>>> {
    return (await this.#enter(mode, drafts, options)) as BatchVerdict<any>;
  }

  /** Whether `undo` can undo the newest own step. */
  get canUndo(): boolean {
    return this.#entries.history?.can("done") ?? false;
  }

  /** Whether `redo` can redo the step that was undone last. A new change ends that. */
  get canRedo(): boolean {
    return this.#entries.history?.can("undone") ?? false;
  }

  /** The label of what `undo` would undo, as given to `group`. */
  get undoLabel(): string | undefined {
    return this.#entries.history?.undoLabel;
  }

  /** The label of what `redo` would redo. */
  get redoLabel(): string | undefined {
    return this.#entries.history?.redoLabel;
  }

  /** Why `canUndo` is false although there is an own step: the model cannot undo it, or a draft for it would be too large. */
  get undoBlock(): UndoBlock | undefined {
    return this.#entries.history?.block;
  }

  /**
   * What `run` submits is undone and redone as one step, which has this label. Only what it submits before it returns.
   * A group in a group belongs to that. Without groups, changes of the same place within 500 ms are one step, as in
   * typing and dragging.
   */
  group<T>(label: string, run: () => T): T {
    const { history } = this.#entries;
    return history ? history.group(label, run) : run();
  }

  /**
   * Undoes the newest own step: by the drafts that the model declares for that, made for the present state. What others
   * have changed since stays. What was not sent yet is withdrawn. What is being decided is not shown any more, and is
   * undone when its verdict is known. Undefined: nothing can be undone. The last 200 steps can, until the page is closed.
   *
   * @throws Error if the code for it cannot be loaded, or the client is closed (rejects).
   */
  undo(): Promise<UndoResult<P> | undefined> {
    return this.#undo("undo");
  }

  /** Undoes the last `undo`, in the same way. */
  redo(): Promise<UndoResult<P> | undefined> {
    return this.#undo("redo");
  }

  /**
   * Shows other clients a presence of this one, for example a cursor or a selection, of at most 2 KiB;
   * null: none. It is not in the log, and ends with the connection.
   *
   * @throws Error without the option `presence`, and TypeError for what JSON cannot carry, or what is too large.
   */
  setPresence(state: JsonObject | null): void {
    if (!this.#parts.engine.presence) throw new Error("the option presence is missing");
    const failure = state && presenceFailure(state);
    if (failure) throw new TypeError(failure);
    this.#presence = state;
    this.#backend?.show(state);
  }

  /** Disconnects until `resume`, for all tabs that share the connection. Drafts are queued. */
  pause(): void {
    this.#paused = true;
    this.#backend?.pause();
  }

  /** Connects again, at once. */
  resume(): void {
    this.#paused = false;
    this.#backend?.resume();
  }

  /**
   * Withdraws a pending entry that was not sent, or that the server has refused for now (`status.held`). Its promise resolves
   * as `withdrawn`. Resolves with false if the server may have decided it, or may still do so: the entry stays.
   */
  withdraw(key: string): Promise<boolean> {
    return this.#entries.isWithdrawn(key);
  }

  /**
   * Resolves when all drafts that were submitted before are stored, with whether they survive a reload. Await it before
   * leaving the page. It waits until the store is open.
   */
  async flushed(): Promise<boolean> {
    await this.#opening;
    await this.#entries.appended;
    return this.durable;
  }

  /** Resolves with true when all entries that are pending now are decided, withdrawn or parked; with false if the client is closed first. */
  async settled(): Promise<boolean> {
    await this.#opening;
    const { settled } = await import("./rarely.ts");
    return settled(this);
  }

  /** Sends a parked entry again, with the same keys, after the entries that are queued. */
  retry(key: string): Promise<Verdict<EventOf<P>> | BatchVerdict<EventOf<P>>> | undefined {
    return this.#entries.retry(key) as Promise<Verdict<any>> | undefined;
  }

  /** Forgets a parked or rejected entry. */
  discard(key: string): void {
    this.#entries.discard(key);
  }

  /**
   * Compares the confirmed state with the server's, and fetches it if it differs. Undefined: they were not compared,
   * because there was no answer, or other events came between, or the state is too large for that.
   */
  async verify(): Promise<boolean | undefined> {
    return this.#backend?.verify();
  }

  /** Closes the client for good. Promises of verdicts resolve as `undecided`; the next client sends what is stored. */
  close(): Promise<void> {
    // Only `signOut` tells what could not be deleted.
    return this.#end("closed").catch(() => {});
  }

  /**
   * Deletes everything that is kept of this user for this partition, and closes the client, here and in other tabs.
   * If there are undecided drafts, `confirm` is called with them first. Without it, and if it returns false, nothing
   * is deleted, and the result is false. Waits until the user is known and the store is open.
   *
   * @throws Error if the client is closed, and still has something stored (rejects); StoreError if that cannot be deleted
   * (rejects): then the client is closed, and shows nothing.
   */
  async signOut(confirm?: ConfirmDeletion): Promise<boolean> {
    const { partition, host } = this.#parts;
    await this.#opening;
    if (!this.#closed && this.#store) {
      const { mayDelete } = await import("./rarely.ts");
      if (!(await mayDelete({ store: this.#store, client: this, partition, confirm }))) return false;
      if (this.#identity && !this.#closed)
        this.#signOuts?.post({ host, partition, ...this.#identity } satisfies SignedOut);
      void this.#end("signed_out");
    }
    await this.#ending;
    if (this.#status.reason !== "signed_out") throw new Error("the client is closed");
    return true;
  }

  /** Calls `listener` after each change of the properties above; returns a function that unsubscribes it. */
  subscribe(listener: () => void): () => void {
    return this.#subscribers.on("changed", listener);
  }

  /** Calls `listener` for each event of this type; returns a function that unsubscribes it. */
  on<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents<P, E>[Type]) => void): () => void {
    return this.#emitter.on(type, listener as (event: any) => void);
  }

  #enter(
    mode: QueueEntry["mode"],
    given: readonly BatchDraft<P>[],
    { signal, replaces }: { signal?: AbortSignal | undefined; replaces?: string | undefined } = {},
    step?: Step,
  ): Promise<Verdict | BatchVerdict> {
    if (this.#closed) throw new Error("the client is closed");
    if (signal?.aborted) return Promise.resolve({ status: "withdrawn" });
    const { model, ports } = this.#parts;
    const { held, serverTime: sentAt = 0 } = this.#status;
    const entry = entryOf(model, ports, mode, given, { replaces, sentAt: held ? 0 : sentAt });
    const result = "code" in entry ? entry : this.#entries.add(entry, signal, step);
    if (result instanceof Promise) return result;
    return Promise.resolve({ status: "rejected", problem: this.#problemOf(result), local: true });
  }

  async #undo(what: "undo" | "redo"): Promise<UndoResult<P> | undefined> {
    const entries = this.#entries;
    if (!entries.history) await this.#opening;
    return entries.history?.run(what);
  }

  /** A problem of this client's own. */
  #problemOf(failure: Failure): Problem {
    const { partition, ports } = this.#parts;
    const traceId = uuidv7(ports).replaceAll("-", "");
    return clientProblem(failure, { instance: `/v1/partitions/${partition}`, traceId, timestamp: ports.now() });
  }

  /** Opens the store, and then connects. What was submitted before that comes after what was stored. */
  async #open(): Promise<void> {
    const { store: open, host: server, ports, engine, model, partition, timing } = this.#parts;
    const { token } = engine;
    const newToken = token && !this.#identity ? await this.#identify(token) : token;
    if (token && !this.#identity) return;
    const scope = scopeOf(`${server}/${partition}`, this.#identity);
    const view = this.#view;
    const confirmed = this.#confirmed;
    const opened = openStore(open, scope, {
      ports,
      timing,
      changed: (reason) => {
        if (reason) this.#emitter.emit("degraded", { reason });
        this.#changed();
      },
      late: async (late) => {
        await this.#opening;
        if (this.#closed) return;
        for (const entry of this.#sorted(view.merging?.restored(late) ?? late)) {
          view.rebased().add(entry, entry.sentAt !== 0);
          this.#entries.send(entry, entry.sentAt !== 0);
        }
        this.#changed();
      },
    });
    // Files of their own, because most clients do not need them.
    const load = <T>(needed: boolean, file: () => Promise<T>) =>
      needed ? within(ports, timing.connectMs, file()) : undefined;
    const declares = (what: "compensate" | "transform") =>
      Object.values<AnyModel["events"][string]>(model.events).some((event) => event[what]);
    const [store, newBackend, code, undoing, merging] = await Promise.all([
      opened,
      this.#parts.backend?.(scope),
      load(engine.presence, () => import("../sync/presence.ts")),
      load(declares("compensate"), () => import("./undoing.ts")),
      load(declares("transform"), () => import("./merging.ts")),
    ]);
    const history = undoing && new undoing.Undoing(this.#host);
    const clientId = await store.identify(this.#clientId);
    const { entries: loaded, base } = await store.load();
    const replica = this.#newReplica(this.#parts.clientId ?? clientId);
    const chains = merging && new merging.Merging(this.#host, store, upcast, newBackend?.tab);
    chains?.attach(replica);
    // Where it cannot be loaded, the next start has no state until it has a connection.
    const keeping = load(!!base || store.durable, async () => {
      const { BaseKeeper } = await import("./base-keeper.ts");
      return new BaseKeeper(store, ports, model, view, confirmed, () => this.#backend, timing);
    });
    const kept = base && (await (await keeping)?.restore(base, replica, this.initial));
    const entries = (await chains?.begin(loaded)) ?? loaded;
    const early = view.replica.pending.map(({ entry }) => entry);
    this.#store = store;
    view.merging = chains;
    // `#end` waits for this, and then deletes the data or closes the store.
    if (this.#closed) {
      // The next client sends them. `flushed` waits for that.
      await Promise.all(early.map((entry) => store.append(entry)));
      return;
    }
    // Together: what is shown is of this client.
    this.#clientId = this.#parts.clientId ?? clientId;
    const initial = kept ? undefined : this.initial;
    view.replica = kept ? replica : this.#newReplica();
    confirmed.begin(kept ?? initial);
    const stored = this.#sorted(chains?.restored(entries) ?? entries);
    // What the server has rendered may have the events of those that were sent.
    for (const entry of stored) view.replica.add(entry, !!initial && entry.sentAt !== 0);
    this.#entries.history = history;
    for (const entry of early) {
      const change = history?.recorder(entry);
      view.replica.add(entry, false, change);
      history?.add(change!);
    }

    const host = {
      get cursor() {
        return confirmed.cursor;
      },
      take: (item: FeedItem) => this.#take(item),
      mark: async (marked: readonly QueueEntry[]) =>
        store.mark?.(
          marked.map((entry) => ({ ...entry, mapped: view.replica.entry(entry.key)?.mapped })),
          this.#entries.waiting,
        ),
      release: store.removeUnsent?.bind(store),
      hash: () => confirmed.hash(),
      confirmed: () => confirmed.text(),
      onlyDecided: () => view.replica.onlyDecided,
    };
    const options = {
      ...engine,
      token: newToken,
      identity: token && this.#identity,
      partition,
      clientId: this.#clientId,
      model,
      timing,
      presence: code && ((events: PresenceEvents) => new code.Presence(ports, events)),
    };
    const newEngine = (of: EngineHost) => new Engine(options, ports, of);
    const backend: Backend = newBackend?.({ engine: newEngine, host, store }) ?? newEngine(host);
    this.#backend = backend;
    this.#entries.open(store, backend);
    for (const entry of early) this.#entries.append(entry);
    if (this.#paused) backend.pause();
    backend.show(this.#presence);
    backend.start(stored.filter(({ held }) => !held));
    for (const entry of early) if (view.replica.has(entry.key)) backend.offer(entry);
    this.#changed();
    const keeper = await keeping;
    if (this.#closed || !store.durable) return;
    this.#keeper = keeper;
    keeper?.begin();
  }

  /** Of entries of the store, those to send. */
  #sorted(stored: readonly QueueEntry[]): QueueEntry[] {
    return stored.filter((entry) => {
      // What is held is shown, where the code that merges it is loaded.
      if (entry.parked && !this.#view.merging?.held(entry)) {
        this.#entries[entry.rejected ? "rejected" : "parked"].set(entry.key, entry);
        return false;
      }
      if (entry.replaces !== undefined) void this.#entries.loadTools();
      const fits = fitting(entry);
      if (!("code" in fits)) return true;
      // An earlier version has queued what the server does not accept.
      this.#entries.park(entry, this.#problemOf(fits), this.#store);
      return false;
    });
  }

  /** Waits for the first token, and takes the user from it. Returns a source of tokens that begins with this one. */
  async #identify(token: Token): Promise<Token> {
    const { ports, timing } = this.#parts;
    const { connectMs } = timing;
    const failed = (retryAt: number) => this.#report({ status: "offline", reason: "connection_lost", retryAt });
    const { firstToken } = await import("../sync/tokens.ts");
    const first = await firstToken(token, ports, connectMs, this.#stopped, failed, backoffMs, within);
    if (first) {
      this.#identity = first.identity;
      if (!first.identity) this.#report({ status: "closed", reason: "principal_unknown" });
      // What was submitted before that was judged as nobody's.
      const { replica } = this.#view;
      this.#view.replica = this.#newReplica();
      for (const { entry } of replica.pending) this.#view.replica.add(entry);
      this.#changed();
    }
    return first?.source ?? token;
  }

  #newReplica(clientId = this.#clientId): Replica<S> {
    const { model, engine } = this.#parts;
    // The same as on the server.
    const principal = (engine.token && this.#identity?.principal) ?? `dev:${clientId}`;
    const author = model.authors === "shown" ? principal : this.#view?.replica.author;
    const replica = new Replica<S>(model, { clientId: model.shownClientId(clientId), principal, author });
    this.#view?.merging?.attach(replica);
    const initial = this.initial;
    if (initial) replica.reset(JSON.parse(initial.state) as object, initial.eventId, []);
    return replica;
  }

  #end(reason: "closed" | "signed_out"): Promise<void> {
    return (this.#ending ??= this.#finish(reason));
  }

  async #finish(reason: "closed" | "signed_out"): Promise<void> {
    this.#closed = true;
    this.#stop(undefined);
    this.#signOuts?.close();
    this.#keeper?.close();
    this.#notifier.hasten();
    this.#backend?.close();
    if (reason === "signed_out") this.#hide();
    this.#report({ status: "closed", reason });
    await this.#opening;
    await this.#entries.keeping;
    const store = this.#store;
    try {
      if (reason === "signed_out") await store?.delete("everything");
    } finally {
      await store?.close();
      this.#view.merging?.end();
    }
  }

  /** Shows nothing of what was cached, and of what is queued. */
  #hide(): void {
    this.#entries.forget();
    this.#keeper?.close();
    this.initial = undefined;
    this.#confirmed.begin(undefined);
    this.#view.replica = this.#newReplica();
    this.#changed();
  }

  #heard(who: SignedOut): void {
    const { host, partition } = this.#parts;
    const { partition: left = partition } = who;
    if (who.host === host && left === partition && this.#identity && !isOther(this.#identity, who))
      this.#end("signed_out").catch(() => {});
  }

  #report(report: StatusReport): void {
    this.#take({ kind: "status", report });
  }

  /** Applies what the backend reports. */
  #take(item: FeedItem): void {
    const { replica } = this.#view;
    const { model } = this.#parts;
    switch (item.kind) {
      case "status":
        this.#status = item.report;
        this.#view.held = item.report.held;
        // No verdict comes any more. The next client sends what is stored.
        if (item.report.status === "closed") this.#entries.close();
        if (item.report.problem?.code === "forbidden") {
          this.#hide();
          void this.#store?.delete("base");
        }
        this.#emitter.emit("status", this.status);
        break;
      case "author":
        replica.introduce(item.author);
        break;
      case "log":
        this.#confirmed.serverId = item.serverId;
        break;
      case "reset":
        this.#confirmed.serverId = item.serverId;
        this.#confirmed.proof = item.proof;
        replica.reset(item.state as object, item.eventId, item.sent);
        if (item.why !== "first") this.#emitter.emit("reset", { why: item.why });
        this.#keeper?.replaced();
        break;
      case "events":
        for (const event of item.events) {
          replica.confirm(event);
          this.#confirmed.proof = event.proof;
        }
        this.#emitter.emit("confirmed", { events: item.events.map((event) => currentOf(model, event)) });
        this.#keeper?.confirmed(item.events);
        break;
      case "entry":
        if (!this.#entries.share(item.entry)) return;
        break;
      case "discarded":
        this.#entries.forgotten(item.key);
        break;
      case "verdict":
        this.#entries.settle(item.key, item.verdict, this.#status.waiting === "reload");
        break;
      case "peers":
        this.#peers = item.peers;
        break;
      default:
        this.#emitter.emit(item.kind, item as never);
        return;
    }
    this.#changed();
  }

  async #whenLoaded(): Promise<void> {
    while (!this.loaded && this.#status.status !== "closed") {
      await new Promise<void>((resolve) => {
        const stop = this.subscribe(() => {
          stop();
          resolve();
        });
      });
    }
    if (!this.loaded) throw new Error(`closed before it had a state: ${this.#status.reason}`);
  }

  /** Something that the application can read has changed. */
  #changed(): void {
    this.#view.changed();
    this.#view.merging?.flush();
    const slow = this.#view.replica.pendingCount > promptPendingMax && !this.#closed;
    this.#notifier.changed(slow ? slowFlushMs : undefined);
  }

  #notify(): void {
    const entries = this.#view.takeFallen();
    if (entries.length > 0) this.#emitter.emit("fallen", { entries });
    this.#subscribers.emit("changed", undefined);
  }
}
