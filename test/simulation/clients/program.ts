import {
  type BatchVerdict,
  type Client,
  createClient,
  type OpenStore,
  type QueueEntry,
  type SocketEvents,
  type Unsent,
  type Timing,
  type Verdict,
} from "../../../src/client/index.ts";
// Loaded before the first client needs it, so that its time is the same in each run.
import "../../../src/client/api/base-keeper.ts";
import "../../../src/client/api/rarely.ts";
import "../../../src/client/stores/resilient.ts";
import { loadUndo } from "../../../src/client/api/undoing.ts";
import "../../../src/client/sync/rarely.ts";
import "../../../src/client/sync/presence.ts";
import "../../../src/client/sync/tokens.ts";
import { rejectionRetentionMs } from "../../../src/core/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import {
  endsConnection,
  type ErrorCode,
  type Json,
  type JsonObject,
  type ServerMessage,
} from "../../../src/protocol/index.ts";
import type { Application, Proposal } from "../drafts.ts";
import { partitionName } from "../host.ts";
import { naiveModel } from "../naive.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import { thrown } from "../simulate.ts";
import { principalOf } from "./account.ts";
import { Attempts } from "./attempts.ts";
import type { Book, Submitted } from "./book.ts";
import type { Connection } from "./connection.ts";
import { UndoCheck } from "./undo-check.ts";
import { ProgramQueue } from "./program-queue.ts";
import { ProgramPorts } from "./ports.ts";
import type { DeviceStorage } from "./storage.ts";
import type { Reporter } from "./reporter.ts";
import type { Server } from "./server.ts";
import { type LogPosition, LogTracker } from "./log-tracker.ts";
import { Verdicts } from "./verdicts.ts";
import { ViewCheck } from "./view-check.ts";
import { Watch } from "./watch.ts";

await loadUndo();

// The models of runs differ, so there is no specific type.
export type AnyClient = Client<any, any>;

/** The parts of one run of a program. */
export interface ProgramParts {
  readonly application: Application;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly reporter: Reporter;
  readonly timing: Timing;
  /** Undefined: the client makes one, and its store keeps it. */
  readonly clientId: string | undefined;
  /** From a token; undefined: derived from the name of the client. */
  readonly principal: string | undefined;
  /** Only its tokens say whose it is. */
  readonly isNamedByToken: boolean;
  readonly presence: boolean;
  readonly token: (() => Promise<string>) | undefined;
  readonly store: OpenStore;
  readonly book: Book;
  /** The servers so far, by generation. */
  readonly servers: readonly Server[];
  /** Random numbers for its delays, from 0 to 1. */
  delay(): number;
  skewMs(): number;
  /** Called with each key that is sent. */
  sent(key: string): void;
  /** `token`: that of the attempt. */
  connect(events: SocketEvents, token: string | undefined): { connection: Connection; generation: number };
}

/** How a draft is submitted. */
export interface SubmitOptions {
  /** Aborts after this number of milliseconds. */
  abortAfterMs: number | undefined;
  /** Submits again after a conflict. */
  persistent: boolean;
  /** What it changes. */
  replaces?: string | undefined;
}

/** One run of a program with the production client, and its checks at each step. */
export class Program {
  readonly client: AnyClient;
  readonly #parts: ProgramParts;
  readonly #reporter: Reporter;
  readonly #ports: ProgramPorts;
  readonly #attempts: Attempts;
  readonly #tracker: LogTracker;
  readonly #queue: ProgramQueue;
  readonly #verdicts: Verdicts;
  readonly #view: ViewCheck;
  readonly #history: UndoCheck;
  #link: { connection: Connection; watch: Watch } | undefined;
  /** The generation of the server that sent the last message, and its log id. */
  #generation = 0;
  #serverId: string | undefined;
  /** Whether the present connection has had its `connected`. */
  #isConnected = false;
  /** The server's time when the present connection began. */
  #beganAt = 0;
  #promises = 0;
  #ended = false;
  #closing = false;
  #loaded = false;
  /** Whether another user gets tokens on its device. */
  isOutdated = false;
  #isSigningOut = false;
  #isSignedOut = false;
  #isCleared = false;
  #degraded = false;
  #shown: JsonObject | null = null;
  /** What was submitted for undos that have not ended, in order: they run one after the other. */
  readonly #undoing: Submitted[] = [];
  /** Whether drafts replace others yet. */
  #replacing = false;
  #changed = true;
  #eventId = 0;
  /** Whether the confirmed state was replaced since the last check. */
  #wasReset = false;

  constructor(parts: ProgramParts) {
    const { application, schedule, random, reporter, book, servers } = parts;
    const { timing, clientId, presence, token, store, delay, skewMs } = parts;
    const principal = parts.isNamedByToken ? undefined : parts.principal;
    this.#parts = parts;
    this.#reporter = reporter;
    this.#attempts = new Attempts(schedule, reporter);
    this.#tracker = new LogTracker(servers);
    this.#queue = new ProgramQueue(book, reporter, (entry) => this.#history.submitted(entry));
    const [tracker, queue] = [this.#tracker, this.#queue];
    this.#verdicts = new Verdicts({ book, servers, tracker, reporter, eventId: () => this.client.eventId });
    const view = new ViewCheck({ model: application.model.name, book, queue, tracker, reporter });
    this.#view = view;
    this.#ports = new ProgramPorts({ schedule, random, delay, skewMs, open: (...how) => this.#open(...how) });
    this.client = createClient({
      url: "https://simulated.example",
      partition: partitionName.partition,
      model: application.model,
      store,
      ports: this.#ports,
      timing,
      presence,
      ...(clientId === undefined ? {} : { clientId }),
      ...(principal === undefined ? {} : { principal }),
      ...(token === undefined ? {} : { token }),
    }) as AnyClient;
    const model = application.model.name;
    this.#history = new UndoCheck({ model, client: this.client, queue, tracker, view, reporter });
    reporter.line("starts");
    this.#listen();
  }

  get position(): LogPosition {
    return this.#tracker.position;
  }

  get principal(): string {
    return this.#parts.principal ?? `dev:${this.client.clientId}`;
  }

  /** Whether it keeps drafts in memory only. */
  get degraded(): boolean {
    return this.#degraded;
  }

  /** Whether its first token has not come, which says whose its drafts are: until then it keeps them in memory only. */
  get awaitsUser(): boolean {
    return this.#parts.isNamedByToken && this.client.principal === undefined;
  }

  get #isClosed(): boolean {
    return this.client.status.status === "closed";
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** The delays of the current timers, in milliseconds. */
  get timers(): readonly number[] {
    return this.#ports.timers;
  }

  /** Its presence. */
  get shown(): JsonObject | null {
    return this.#shown;
  }

  get connection(): Connection | undefined {
    return this.#link?.connection;
  }

  /** The keys of what was rejected, which it keeps. Undefined: it has not loaded them. */
  get rejected(): ReadonlySet<string> | undefined {
    return this.#loaded ? this.#queue.rejected : undefined;
  }

  /** The keys in its queue. */
  get keys(): Iterable<string> {
    return this.#queue.keys;
  }

  /** Whether the application does not wait for it any more. */
  isAborted(key: string): boolean {
    return this.#queue.isAborted(key);
  }

  /** Whether all is settled: all entries decided, all events applied. */
  get settled(): boolean {
    const { status, pending, parked, eventId } = this.client;
    const done = status.status === "online" && pending.length === 0 && parked.length === 0 && this.#promises === 0;
    return done && eventId === this.#parts.servers.at(-1)!.ledger.head;
  }

  describe(): string {
    const { status, pending, parked, eventId } = this.client;
    return `${status.status} (${status.reason}) at event ${eventId}, ${pending.length} pending, ${parked.length} parked, ${this.#promises} promises open`;
  }

  // — what the application does

  submit({ event, expectedEventId }: Proposal, { abortAfterMs, persistent, replaces }: SubmitOptions): void {
    const { type, payload } = event;
    const abort = this.#aborting(abortAfterMs);
    const submit = () =>
      this.client.submit(type, payload, {
        ...(expectedEventId === undefined ? {} : { expectedEventId: expectedEventId as number }),
        ...(persistent ? { onConflict: () => payload } : {}),
        ...(abort ? { signal: abort.signal } : {}),
        ...(replaces === undefined ? {} : { replaces }),
      });
    this.#enter(abort, submit, replaces);
  }

  submitBatch(mode: "atomic" | "sequential", proposals: readonly Proposal[], abortAfterMs: number | undefined): void {
    const drafts = proposals.map(({ event: { type, payload }, expectedEventId }) => ({
      type,
      payload,
      ...(expectedEventId === undefined ? {} : { expectedEventId: expectedEventId as number }),
    }));
    const abort = this.#aborting(abortAfterMs);
    this.#enter(abort, () => this.client.submitBatch(mode, drafts as never, abort ? { signal: abort.signal } : {}));
  }

  /** What `submit` submits is undone as one step. */
  group(submit: () => void): void {
    this.#history.group(submit);
  }

  undo(what: "undo" | "redo"): void {
    const undoing = this.#history.run(what);
    if (undoing) void this.#undone(undoing);
  }

  /** Withdraws a pending entry, if the server cannot decide it. */
  async withdraw(key: string): Promise<void> {
    const { client } = this;
    const wasSent = this.#queue.wasSent(key);
    const wasAborted = this.#queue.isAborted(key);
    this.#queue.aborted(key);
    this.#promises++;
    const withdrawn = await client.withdraw(key);
    this.#promises--;
    this.#reporter.line(`withdraws ${key}: ${withdrawn}`);
    if (withdrawn) {
      this.#queue.withdrawn(client, key, this.#degraded ? "lost" : "withdrawn");
      this.#check(!client.pending.some((entry) => entry.key === key), () => `${key} is withdrawn, and in the queue`);
      return;
    }
    this.#check(wasSent || wasAborted || this.#isClosed, () => `${key} was not sent, and cannot be withdrawn`);
    if (!wasAborted && client.pending.some((entry) => entry.key === key)) this.#queue.goesOn(key);
  }

  /** Waits until what is pending is stored. */
  async flush(): Promise<void> {
    const keys = this.client.pending.map(({ key }) => key);
    this.#promises++;
    const durable = await this.client.flushed();
    this.#promises--;
    this.#reporter.line(`has stored ${keys.length} entries: ${durable}`);
    // That its storage was cleared shows when it writes again.
    if (durable && !this.#isCleared) for (const key of keys) this.#parts.book.get(key)!.flushed = true;
  }

  /** Forgets what was rejected. */
  dismiss(): void {
    for (const key of this.#queue.rejected) {
      this.#queue.discarded(key);
      this.client.discard(key);
    }
  }

  /** Its user signs out, and `confirms` that unsent drafts are deleted, after this number of milliseconds. */
  async signOut(confirms: boolean, afterMs: number, storage: DeviceStorage): Promise<void> {
    const { client } = this;
    if (this.#isSigningOut) return;
    const { status } = client.status;
    this.#isSigningOut = true;
    const told = new Set<string>();
    const confirm = async (unsent: readonly Unsent[]) => {
      for (const { entries } of unsent) for (const { key } of entries) told.add(key);
      await new Promise<void>((resolve) => this.#parts.schedule.after(afterMs, resolve));
      return confirms;
    };
    const stop = client.on("status", ({ reason }) => {
      if (reason !== "signed_out") return;
      for (const key of this.#queue.keys)
        this.#check(told.has(key) || this.#queue.isAborted(key), () => `${key} is deleted, and it did not say so`);
    });
    const signedOut = await client.signOut(confirm).catch((error: Error) => error);
    stop();
    this.#isSigningOut = false;
    if (this.#ended) return;
    this.#reporter.line(`signs out, with ${told.size} unsent drafts: ${String(signedOut)}`);
    // It was closed meanwhile, or could not delete what is kept.
    if (signedOut instanceof Error) {
      const excused = status === "closed" || this.#closing || this.isOutdated;
      this.#check(excused || this.#degraded || this.#isCleared, () => `cannot sign out: ${signedOut.message}`);
      return;
    }
    this.#check(signedOut === (told.size === 0 || confirms), () => `is signed out: ${signedOut}, and was not asked`);
    if (!signedOut) return;
    // Where there is no storage, nothing can be kept: a simulated one has something still.
    this.#check(storage.isEmpty || storage.wasUnavailable, () => "is signed out, and something of it is kept");
    const { reason } = client.status;
    this.#check(reason === "signed_out", () => `is signed out, and closed because of ${reason}`);
    const left = [...client.pending, ...client.parked, ...client.rejected];
    this.#check(left.length === 0, () => `is signed out, and shows ${left.length} entries`);
    const state = canonicalJson(client.state as Json);
    const initial = canonicalJson(naiveModel(this.#parts.application.model.name).initial());
    this.#check(state === initial && client.eventId === 0, () => `is signed out, and shows ${state}`);
    this.#check(!client.canUndo && !client.canRedo, () => "is signed out, and can undo");
  }

  /** It shows nothing any more, and deletes what it keeps. */
  #forget(): void {
    this.#isSignedOut = true;
    for (const entry of this.#parts.book.entries)
      if (entry.outcome === "open" || entry.outcome === "parked") entry.outcome = "lost";
    this.#queue.forget();
  }

  /** Its storage was cleared: what is in memory is all there is. */
  cleared(): void {
    const inMemory = new Set(this.#queue.keys);
    for (const entry of this.#parts.book.entries) {
      delete entry.flushed;
      const isOpen = entry.outcome === "open" || entry.outcome === "parked";
      if (isOpen && !inMemory.has(entry.key)) entry.outcome = "lost";
    }
    this.#isCleared = true;
  }

  /** Whether its storage was cleared while it runs. */
  get isCleared(): boolean {
    return this.#isCleared;
  }

  retry(key: string): void {
    this.#reporter.line(`tries ${key} again`);
    // An earlier program may have tried it again while its storage failed.
    const entry = this.#parts.book.get(key)!;
    const isDecided = this.#parts.servers.some((server) => server.outcomeOf(entry, this.principal) !== undefined);
    this.#queue.retried(key, isDecided);
    this.client.retry(key);
  }

  discard(key: string): void {
    this.#reporter.line(`discards ${key}`);
    this.#parts.book.get(key)!.outcome = "discarded";
    this.client.discard(key);
  }

  async verify(): Promise<void> {
    this.#promises++;
    const same = await this.client.verify();
    this.#promises--;
    this.#reporter.line(`asks whether it is as the server: ${same}`);
    this.#check(same !== false, () => "has not the server's state");
  }

  show(state: JsonObject | null): void {
    this.#shown = state;
    this.client.setPresence(state);
  }

  pause(): void {
    this.client.pause();
  }

  resume(): void {
    this.#attempts.retriesAtOnce();
    this.client.resume();
  }

  /** Events of the platform. */
  notify(news: "online" | "offline" | "visible"): void {
    if (news !== "offline") this.#attempts.retriesAtOnce();
    this.#ports.reachability?.[news]();
  }

  clockJumped(): void {
    this.#link?.watch.clockJumped();
  }

  /** Closes the client; calls `done` afterwards. */
  async close(done: () => void): Promise<void> {
    this.#reporter.line("closes");
    this.#closing = true;
    await this.client.close();
    // After all promises of verdicts have resolved.
    this.#parts.schedule.after(0, () => {
      if (!this.#ended) this.#closed(done);
    });
  }

  /** Ends the program like a crash. */
  crash(): void {
    this.#reporter.line("crashes");
    this.#end();
    if (this.#parts.random.chance(0.5)) this.#link?.connection.cut();
    else this.#link?.connection.close();
  }

  /** The store has loaded these entries, and a base with this position. */
  loadedFrom(entries: readonly QueueEntry[], position: LogPosition | undefined): void {
    // Sign-out loads them again.
    if (this.#closing || this.#loaded) return;
    this.#loaded = this.#history.loaded = true;
    this.#queue.loaded(entries);
    if (entries.some(({ replaces, parked }) => replaces !== undefined && !parked)) void this.#replaces();
    if (!position) return;
    this.#tracker.restore(position);
    this.#wasReset = true;
  }

  /** Compares what can be read of it with the truth. */
  look(): void {
    const { client } = this;
    const online = client.status.status === "online";
    this.#link?.watch.check(client.eventId, online, online && client.pending.length > 0);
    if (!this.#changed || this.#isSignedOut) return;
    this.#changed = false;
    const { eventId } = client;
    this.#check(
      eventId >= this.#eventId || this.#wasReset,
      () => `runs back from event ${this.#eventId} to ${eventId}`,
    );
    this.#eventId = eventId;
    this.#wasReset = false;
    const server = this.#parts.servers[this.#generation]!;
    const { status } = client.status;
    this.#queue.look(
      client,
      this.#loaded || this.#closing,
      server,
      this.principal,
      status === "online" ? this.#beganAt : undefined,
    );
    this.#view.check(client, authorOf(client));
    this.#history.look();
  }

  // — inside

  #listen(): void {
    const { client } = this;
    const { book } = this.#parts;
    client.subscribe(() => (this.#changed = true));
    client.on("status", ({ status, reason }) => {
      this.#reporter.line(`is ${status}: ${reason}`);
      // It reconnects at once, to fetch the state.
      if (reason === "log_replaced") this.#attempts.retriesAtOnce();
      if (reason === "signed_out") this.#forget();
      const isAsked = reason === "closed" || (reason === "signed_out" && this.#isSigningOut);
      const byItself = status === "closed" && !isAsked && !(reason === "other_principal" && this.isOutdated);
      this.#check(!byItself, () => `has ended by itself: ${reason}`);
    });
    client.on("reset", ({ why }) => {
      this.#reporter.line(`fetched the state: ${why}`);
      this.#fetched();
      if (why === "log_replaced") this.#history.logReplaced();
    });
    client.on("degraded", ({ reason }) => {
      this.#reporter.line(`keeps drafts in memory only: ${reason}`);
      this.#degraded = true;
    });
    client.on("undo", (report) => {
      const entries = this.#queue.undoes(client.pending, report.entries);
      for (const entry of entries) {
        this.#reporter.line(`submits for it ${entry.mode} ${entry.key}: ${JSON.stringify(entry.drafts)}`);
        this.#undoing.push(entry);
      }
      this.#history.submits(report, entries);
    });
    client.on("parked", ({ entry }) => {
      book.settle(entry.key, "parked");
      this.#history.died(entry.key);
    });
    client.on("expired", ({ entry }) => {
      // The clock of the device decides nothing.
      const { sentAfter } = book.get(entry.key)!;
      const ageMs = sentAfter === undefined ? 0 : this.#beganAt - sentAfter;
      this.#check(ageMs > rejectionRetentionMs, () => `${entry.key} has expired after ${ageMs} ms`);
      book.settle(entry.key, "expired");
      this.#history.died(entry.key);
    });
    client.on("rejected", ({ entry, verdict }) => {
      if ("problem" in verdict) this.#verdicts.rejected(this.principal, entry.key, verdict.problem);
      book.settle(entry.key, "rejected");
      this.#queue.wasRejected(entry.key);
      this.#history.rejected(entry.key, verdict);
    });
  }

  #closed(done: () => void): void {
    this.#changed = true;
    this.look();
    const left = this.#ports.timers;
    this.#check(left.length === 0, () => `is closed, and has timers: ${left.join()}`);
    this.#check(this.#promises === 0, () => `is closed, and ${this.#promises} promises are open`);
    this.#end();
    done();
  }

  #end(): void {
    this.#ended = true;
    this.#ports.end();
  }

  #open(events: SocketEvents, token: string | undefined) {
    const isOther = token !== undefined && principalOf(token) !== this.principal;
    const { schedule, timing, connect } = this.#parts;
    this.#attempts.begin();
    this.#isConnected = false;
    const settled = this.#queue.settled;
    const watch = new Watch({ schedule, timing, settled, reporter: this.#reporter });
    let openedAt: number | undefined;
    const isAlive = () => !this.#ended && this.#link === link;
    const socketEvents: SocketEvents = {
      opened: () => {
        if (!isAlive()) return;
        openedAt = schedule.now;
        watch.opened();
        events.opened();
      },
      received: (frame) => {
        if (!isAlive()) return;
        this.#generation = generation;
        const messages = messagesIn(frame as string);
        watch.received(messages);
        for (const message of messages) this.#receive(message);
        events.received(frame);
      },
      closed: (code, reason) => {
        if (!isAlive()) return;
        this.#attempts.end(openedAt);
        this.#link = undefined;
        events.closed(code, reason);
      },
    };
    const { connection, generation } = connect(socketEvents, token);
    const link = { connection, watch };
    this.#link = link;
    return {
      send: (text: string) => {
        const introduces = /^\{"id":"[^"]*","type":"connect"|^\{"type":"heartbeat"/.test(text);
        this.#check(!isOther || introduces, () => `sends as ${principalOf(token!)} ${text}`);
        for (const key of watch.sent(text)) {
          this.#queue.sent(key, this.#beganAt, !this.client.durable);
          this.#parts.sent(key);
        }
        connection.send(text);
      },
      close: () => {
        this.#attempts.end(openedAt);
        if (this.#link === link) this.#link = undefined;
        connection.close();
      },
    };
  }

  /** Records the effect of a message before the client gets it. */
  #receive(message: ServerMessage): void {
    if (message.type === "connected") {
      const { serverId, initialState, principal = this.principal } = message.payload;
      // It ends the connection, and takes nothing of it.
      if (principal !== this.principal) return;
      this.#isConnected = true;
      this.#beganAt = message.timestamp;
      if (serverId !== this.#serverId) this.#queue.reopened();
      this.#serverId = serverId;
      if (initialState === undefined) {
        const { eventId } = this.client;
        const continues = this.#tracker.continuesIn(this.#generation, eventId);
        this.#check(continues, () => `continues after event ${eventId} in a log that has lost it`);
      } else if (!this.#tracker.hasBase) this.#fetched();
    } else if (message.type === "error") {
      const { draftId, code, retryable, retryAfter = 0 } = message.payload;
      // A connection on which a request was refused goes on; if it ends for another reason, the next one may come at once.
      const waitsConnected = this.#isConnected && !endsConnection(code as ErrorCode);
      if (retryable && draftId === undefined && !waitsConnected) this.#attempts.postpone(retryAfter * 1_000);
    } else if (message.type === "draining") this.#attempts.postpone(message.payload.reconnectAfterMs);
  }

  #fetched(): void {
    this.#tracker.fetched(this.#generation);
    this.#queue.fetched(this.client);
    this.#history.reset();
    this.#wasReset = true;
  }

  #aborting(abortAfterMs: number | undefined): AbortController | undefined {
    if (abortAfterMs === undefined) return undefined;
    const abort = new AbortController();
    this.#parts.schedule.after(abortAfterMs, () => {
      if (!this.#ended) abort.abort();
    });
    return abort;
  }

  #enter(
    abort: AbortController | undefined,
    submit: () => Promise<Verdict | BatchVerdict>,
    replaces?: string | undefined,
  ): void {
    const { client } = this;
    const { pending } = client;
    const before = new Set(pending.map(({ key }) => key));
    const hidden = new Set(pending.filter(({ undoing }) => undoing).map(({ key }) => key));
    this.#history.settle();
    const verdict = submit();
    const entry = this.#queue.submitted(client, before, replaces);
    if (entry) this.#history.submitted(client.pending.at(-1)!);
    this.#queue.replaces(client, before, hidden, entry, this.#replacing);
    // The code for it is loaded now.
    if (replaces !== undefined) void this.#replaces();
    if (entry) abort?.signal.addEventListener("abort", () => this.#queue.aborted(entry.key));
    const what = entry ? `${entry.mode} ${entry.key}: ${JSON.stringify(entry.drafts)}` : "nothing";
    this.#reporter.line(`submits ${what}`);
    void this.#wait(verdict, entry, abort?.signal);
  }

  async #replaces(): Promise<void> {
    await import("../../../src/client/api/rarely.ts");
    this.#replacing = true;
  }

  async #wait(
    verdict: Promise<Verdict | BatchVerdict>,
    entry: Submitted | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    this.#promises++;
    try {
      this.#reported(await verdict, entry, signal?.aborted === true);
    } catch (error) {
      this.#reporter.violated(`a promise was rejected: ${thrown(error)}`);
    }
    this.#promises--;
  }

  async #undone({ running, result: undone }: NonNullable<ReturnType<UndoCheck["run"]>>): Promise<void> {
    this.#promises++;
    try {
      const result = await undone;
      const { status, verdicts = [] } = result ?? {};
      this.#reporter.line(`has undone: ${status}`);
      this.#check(result !== undefined, () => "could undo, and has not");
      const unasked = status === "undecided" && !this.#isClosed;
      this.#check(!unasked, () => "an undo is undecided, without a request");
      this.#history.ends(running, result, this.#isClosed);
      for (const verdict of verdicts) {
        const entry = this.#undoing.shift()!;
        const outcome = this.#degraded ? "lost" : "withdrawn";
        if (verdict.status === "withdrawn") this.#queue.withdrawn(this.client, entry.key, outcome);
        else this.#verdicts.reported(verdict, entry);
      }
    } catch (error) {
      this.#reporter.violated(`an undo was rejected: ${thrown(error)}`);
    }
    this.#promises--;
  }

  #reported(verdict: Verdict | BatchVerdict, entry: Submitted | undefined, given: boolean): void {
    const { status } = verdict;
    const aborted = given || (entry !== undefined && this.#queue.mayBeWithdrawn(entry.key));
    this.#reporter.line(`gets ${status} for ${entry?.key ?? "nothing"}`);
    const unasked = status === "withdrawn" ? !aborted : status === "undecided" && !aborted && !this.#isClosed;
    this.#check(!unasked, () => `${entry?.key} is ${status}, without a request`);
    // Entries of a failed store may come back.
    if (status === "withdrawn") this.#queue.withdrawn(this.client, entry!.key, this.#degraded ? "lost" : "withdrawn");
    else this.#verdicts.reported(verdict, entry);
  }

  #check(holds: boolean, what: () => string): void {
    this.#reporter.check(holds, what);
  }
}

/** As whom a client applies drafts: until its token has come, as if it had none. */
export function authorOf({ principal, clientId }: AnyClient): string {
  return principal ?? `dev:${clientId}`;
}

/** The messages of a frame; none if it is damaged. */
function messagesIn(frame: string): ServerMessage[] {
  try {
    const messages = [JSON.parse(frame) as ServerMessage | ServerMessage[]].flat();
    return messages.filter(({ payload }) => payload !== undefined);
  } catch {
    return [];
  }
}
