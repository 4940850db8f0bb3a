import { bounds, type Json, utf8Length } from "../../src/protocol/index.ts";
import { isEnding } from "./conversation.ts";
import { type Application, memberOf, type Proposal } from "./drafts.ts";
import { garbage, premature } from "./garbage.ts";
import type { Ledger } from "./ledger.ts";
import type { Link, ServerFrame } from "./link.ts";
import type { Random } from "./random.ts";
import { Replica } from "./replica.ts";
import type { Schedule } from "./schedule.ts";
import { type Pending, Queue } from "./queue.ts";
import type { Trace } from "./trace.ts";
import type { Asked, Told } from "./wire.ts";

/** What a client is made of. */
export interface ClientParts {
  readonly name: string;
  /** Who it is by a verified token; undefined: `dev:<name>`. */
  readonly principal: string | undefined;
  readonly application: Application;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly trace: Trace;
  /** Events of a batch, at most. */
  readonly batchMax: number;
  /** Batches that it begins with, each as large as a batch may be. */
  readonly bulk: number;
  /** What it floods the partition with, once, if so. */
  readonly flood: "drafts" | "heartbeats" | undefined;
  /** Opens a connection to the partition; the caller attaches itself. `token`: what `connect` has to bring, if so. */
  open(client: Client): { link: Link; token: string | undefined };
  /** A new token; undefined: there are none here. */
  readonly newToken: (() => string) | undefined;
}

/** Events of each batch of the beginning: a frame has to hold them. */
const bulkEvents = 150;

/** Frames of a flood, beyond what may wait of one connection. */
const floodSurplus = 40;

/** The least that a client may ask for, so that it runs out. */
const creditBytes = 64 * 1024;

/** A typed answer of the server. */
type Message<Type extends Told["type"]> = Extract<Told, { type: Type }>;

/**
 * A reference client of the wire: keeps its undecided drafts, sends them again under the same ids
 * and in their order, follows the log by pages and broadcasts, and folds it. And it misbehaves, as far as the protocol
 * says what happens then.
 */
export class Client {
  readonly name: string;
  readonly replica: Replica;
  readonly queue = new Queue();
  readonly #parts: ClientParts;
  #link: Link | undefined;
  /** What `connect` has to bring. */
  #token: string | undefined;
  #connected = false;
  #serverId: string | undefined;
  /** Options of the present connection. */
  #options = { echo: true, initialState: false, since: undefined as number | undefined };
  /** The `connect` of the present connection. */
  #connecting: string | undefined;
  /** The request whose page or chunk is awaited. */
  #syncing: string | undefined;
  /** The state that comes in chunks, as far as it is here. */
  #loading: { eventIndex: number; chunks: number; text: string } | undefined;
  /** Whether there is more of the log than it has asked for. */
  #behind = false;
  #bulk: number;
  #flood: "drafts" | "heartbeats" | undefined;
  /** Set while it reads nothing of what its connection brings: since when, and for how long. */
  #deafSince: number | undefined;
  #deafForMs = 0;
  #drafts = 0;
  #requests = 0;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.#bulk = parts.bulk;
    this.#flood = parts.flood;
    this.replica = new Replica(parts.application.model);
  }

  get principal(): string {
    return this.#parts.principal ?? `dev:${this.name}`;
  }

  /** Whether it has nothing left to do: all decided, all seen. */
  get settled(): boolean {
    return (
      this.#connected &&
      this.queue.empty &&
      this.#syncing === undefined &&
      !this.#behind &&
      this.replica.cursor === this.#parts.ledger.head
    );
  }

  /** Why it is not settled. */
  describe(): string {
    const { head } = this.#parts.ledger;
    return `${this.name}: connected ${this.#connected}, ${this.queue.describe()}, at event ${this.replica.cursor} of ${head}, syncing ${this.#syncing}, behind ${this.#behind}`;
  }

  /** Does something. */
  act(): void {
    const { random, newToken } = this.#parts;
    if (!this.#link) {
      if (random.chance(0.3)) this.#open();
      return;
    }
    if (!this.#connected) return;
    if (this.#deafSince !== undefined) {
      this.#actDeaf(this.#deafSince + this.#deafForMs);
      return;
    }
    if (this.#flood !== undefined) {
      this.#flooding(this.#flood);
      this.#flood = undefined;
      return;
    }
    if (this.#bulk > 0) {
      this.#bulk--;
      this.#submitMany("atomic", bulkEvents, () => this.#parts.application.proposeAccepted(random));
      return;
    }
    const weights = {
      submit: 8,
      burst: 0.7,
      atomic: 1.5,
      sequential: 1.5,
      sync: 1.5,
      heartbeat: 0.4,
      ack: 0.4,
      hash: 0.6,
      deafen: 0.05,
      duplicate: 1,
      reuse: 0.5,
      garbage: 0.6,
      close: 0.15,
      renew: newToken ? 0.6 : 0,
    };
    const action = random.weighted(weights);
    switch (action) {
      case "submit":
        this.#submit();
        return;
      case "burst":
        for (let left = random.between(5, 20); left > 0; left--) this.#submit();
        return;
      case "atomic":
      case "sequential":
        this.#submitBatch(action);
        return;
      case "sync":
        this.#sync(
          random.chance(0.2) ? undefined : random.between(0, this.replica.cursor),
          random.chance(0.6) ? random.between(1, 12) : undefined,
        );
        return;
      case "heartbeat":
        this.#send("heartbeat", {}, { kind: "heartbeat" });
        return;
      case "ack":
        this.#send("ack", { eventId: this.replica.cursor }, { kind: "ack", eventId: this.replica.cursor });
        return;
      case "duplicate":
        this.#duplicate();
        return;
      case "reuse":
        this.#reuse();
        return;
      case "garbage":
        this.#garbage();
        return;
      case "renew":
        this.#send("renew", { token: newToken!() }, { kind: "renew" });
        for (let left = random.chance(0.3) ? random.between(5, 20) : random.between(0, 3); left > 0; left--)
          this.#submit();
        return;
      case "hash":
        // What comes with it in one window is where a hole could be.
        for (let left = random.between(0, 3); left > 0; left--) this.#submit();
        this.#send("hash", {}, { kind: "hash" });
        return;
      case "deafen":
        this.#deafForMs = random.between(50, 4_000);
        this.#deafSince = this.#parts.schedule.now;
        return;
      case "close":
        this.#close();
    }
  }

  /** It asks for more, and reads none of it. Then its connection is of no use any more. */
  #actDeaf(untilMs: number): void {
    const { random, schedule } = this.#parts;
    if (schedule.now >= untilMs) {
      this.#close();
      return;
    }
    for (let left = random.between(1, 8); left > 0; left--) {
      if (random.chance(0.3)) this.#send("heartbeat", {}, { kind: "heartbeat" });
      else this.#send("sync", { sinceEventId: 0 }, { kind: "sync", since: 0, limit: undefined });
    }
  }

  #close(): void {
    const link = this.#link!;
    link.closeFromClient();
    this.#closed(link);
  }

  /** Does only what is needed to settle. */
  settle(): void {
    if (!this.#link) this.#open();
    else if (this.#deafSince !== undefined) this.#close();
    else if (this.#connected && this.#syncing === undefined && this.#behind) this.#sync(this.replica.cursor, undefined);
  }

  /** More than may wait: what is above the bound is refused, and far above it the connection ends. */
  #flooding(kind: "drafts" | "heartbeats"): void {
    const { random, application } = this.#parts;
    for (let left = bounds.queueWorkPerConnectionMax + floodSurplus; left > 0; left--) {
      if (kind === "drafts") this.queue.add(this.#single(this.#newId(), application.proposeAccepted(random)));
      else for (let twice = 0; twice < 2; twice++) this.#send("heartbeat", {}, { kind: "heartbeat" });
    }
    this.#pump();
  }

  #open(): void {
    const { link, token } = this.#parts.open(this);
    this.#link = link;
    this.#token = token;
    link.attachClient({
      receive: (frame) => this.#receive(link, frame),
      closed: () => this.#closed(link),
    });
  }

  /** The server has accepted the connection. */
  opened(link: Link): void {
    if (this.#link !== link) return;
    const { random } = this.#parts;
    if (random.chance(0.05)) this.#nonsense((id) => premature(random, id));
    this.#connect();
    // What comes behind a token waits for its verification, and keeps its place.
    if (this.#token === undefined) return;
    for (let left = random.between(0, 3); left > 0; left--) this.#send("heartbeat", {}, { kind: "heartbeat" });
  }

  #connect(): void {
    const { random, application } = this.#parts;
    const how = random.weighted({ since: 6, plain: 2, initialState: 1.5 });
    const since = how === "since" ? this.replica.cursor : undefined;
    const initialState = how === "initialState";
    const stateChunks = initialState && random.chance(0.7);
    const echo = random.chance(0.7);
    const arrays = random.chance(0.5);
    const probes = random.chance(0.5);
    const credit = random.chance(0.4) ? creditBytes : undefined;
    this.#options = { echo, initialState, since };
    this.#connecting = this.#send(
      "connect",
      {
        clientId: this.name,
        version: "1",
        ...(this.#token === undefined ? {} : { token: this.#token }),
        ...(since === undefined ? {} : { sinceEventId: since }),
        ...(initialState ? { initialState } : {}),
        ...(stateChunks ? { stateChunks } : {}),
        ...(echo && random.chance(0.5) ? {} : { echo }),
        ...(arrays ? { frames: "array" } : {}),
        ...(credit === undefined ? {} : { credit }),
        ...(random.chance(0.1) ? { limits: true } : {}),
        ...(probes ? { probes } : {}),
        ...(random.chance(0.2) ? { model: application.model.name, modelVersion: application.model.version } : {}),
      },
      { kind: "connect", since, initialState, stateChunks, echo, arrays, credit, probes, readOnly: false },
    );
  }

  #closed(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#deafSince = undefined;
    this.#connected = false;
    this.#syncing = undefined;
    this.#loading = undefined;
    this.#behind = true;
    this.queue.disconnected();
  }

  #submit(): void {
    this.queue.add(this.#single(this.#newId(), this.#propose()));
    this.#pump();
  }

  #submitBatch(mode: "atomic" | "sequential"): void {
    const { random, batchMax } = this.#parts;
    this.#submitMany(mode, random.chance(0.8) ? random.between(1, 4) : random.between(1, batchMax), () =>
      this.#propose(),
    );
  }

  #submitMany(mode: "atomic" | "sequential", size: number, propose: () => Proposal): void {
    const drafts = Array.from({ length: size }, () => ({ draftId: this.#newId(), proposal: propose() }));
    const members = drafts.map(({ draftId, proposal }) => memberOf(draftId, proposal));
    const batchId = this.#newId();
    // What is undefined is left out of the frame.
    const events = drafts.map(({ draftId, proposal: { event, expectedEventId } }) => ({
      draftId,
      event,
      expectedEventId,
    }));
    for (const { draftId, proposal } of drafts) this.queue.remember(this.#single(draftId, proposal));
    this.queue.add({
      key: batchId,
      type: "submit_events",
      payload: { batchId, mode, events },
      asked: { kind: "batch", batchId, mode, members },
    });
    this.#pump();
  }

  /**
   * A decided draft comes again. Not while others are on their way: if this one is refused, they are
   * held back until it comes again, and a second copy behind them would set free what is behind that.
   */
  #duplicate(): void {
    const known = this.queue.empty ? this.queue.anyDecided(this.#parts.random) : undefined;
    if (known) this.#sendDraft(known);
  }

  /** The id of a decided draft comes again, for something else. */
  #reuse(): void {
    const known = this.queue.empty ? this.queue.anyDecided(this.#parts.random) : undefined;
    // A sequential batch has no record of its own, so its id is free.
    if (known && !this.queue.sequential(known.key)) this.#sendDraft(this.#single(known.key, this.#propose()));
  }

  #garbage(): void {
    const { random } = this.#parts;
    if (random.chance(0.2)) {
      this.#nonsense((id) =>
        JSON.stringify({ id, type: "connect", timestamp: 0, payload: { clientId: "other", version: "1" } }),
      );
    } else this.#nonsense((id) => garbage(random, id));
  }

  #nonsense(frameOf: (id: string) => string): void {
    const id = this.#nextRequest();
    this.#link?.fromClient({ kind: "nonsense", id, frame: frameOf(id) });
  }

  #sync(since: number | undefined, limit: number | undefined): void {
    const id = this.#send(
      "sync",
      { ...(since === undefined ? {} : { sinceEventId: since }), ...(limit === undefined ? {} : { limit }) },
      { kind: "sync", since, limit },
    );
    this.#syncing = id;
  }

  /** Sends what is not on its way, in order, unless a refused draft has to be waited for. */
  #pump(): void {
    if (!this.#connected) return;
    const pending = this.queue.toSend();
    while (pending.length > 0) {
      // Half of the time in one frame, as far as one holds them.
      if (this.#parts.random.chance(0.5)) this.#sendTogether(pending.splice(0, bounds.frameMessagesMax));
      else this.#sendDraft(pending.shift()!);
    }
  }

  /** Sends drafts in one frame, if it can hold them. */
  #sendTogether(drafts: readonly Pending[]): void {
    const parts = drafts.map(({ type, payload, asked }) => this.#asked(type, payload, asked));
    const frame = `[${parts.map((part) => part.frame).join()}]`;
    if (utf8Length(frame) <= bounds.frameBytesMax) this.#link?.fromClient({ id: "", frame, kind: "array", parts });
    else for (const part of parts) this.#link?.fromClient(part);
  }

  #sendDraft({ type, payload, asked }: Pending): void {
    this.#send(type, payload, asked);
  }

  #send(type: string, payload: object, asked: Unsent): string {
    const message = this.#asked(type, payload, asked);
    this.#link?.fromClient(message);
    return message.id;
  }

  #asked(type: string, payload: object, asked: Unsent): Asked {
    const id = this.#nextRequest();
    return { ...asked, id, frame: JSON.stringify({ id, type, timestamp: this.#parts.schedule.now, payload }) };
  }

  #receive(link: Link, { messages }: ServerFrame): void {
    if (this.#link !== link || this.#deafSince !== undefined) return;
    for (const message of messages) this.#take(message);
  }

  #take(message: Told): void {
    switch (message.type) {
      case "connected":
        this.#takeConnected(message);
        return;
      case "broadcast":
        if (this.replica.fold(message.payload) || this.#syncing !== undefined || this.#behind) return;
        this.#parts.trace.violated(`${this.name} misses what is before event ${message.payload.eventId}`);
        return;
      case "sync_response":
        this.#takePage(message);
        return;
      case "state_chunk":
        this.#takeChunk(message);
        return;
      case "event_accepted":
        if (!this.#options.echo) this.replica.foldOwn(message.payload);
        this.#decided(message.payload.draftId, message.payload.eventId);
        return;
      case "event_rejected":
        if (message.payload.reason !== "idempotency_key_reused") this.#decided(message.payload.draftId, undefined);
        else if (this.queue.isPending(message.payload.draftId) && !this.queue.isDecided(message.payload.draftId))
          this.#parts.trace.violated(`${message.payload.draftId} was never used before`);
        else this.queue.answered(message.payload.draftId);
        this.#recover();
        return;
      case "events_result":
        this.#takeResult(message);
        return;
      case "probe": {
        const { probe } = message.payload;
        const eventId = this.replica.cursor;
        if (this.#parts.random.chance(0.9)) this.#send("ack", { eventId, probe }, { kind: "ack", eventId });
        return;
      }
      case "heartbeat":
      case "hash":
      case "renewed":
      case "read_only":
      case "draining":
        return;
      case "head":
        this.#behind = true;
        if (this.#syncing === undefined) this.#sync(this.replica.cursor, undefined);
        return;
      case "error":
        this.#takeError(message);
    }
  }

  #takeConnected({ payload }: Message<"connected">): void {
    const { serverId, currentEventIndex, initialState, snapshot } = payload;
    if (this.#serverId !== undefined && this.#serverId !== serverId) {
      this.#parts.trace.check(this.replica.cursor === 0, () => `${this.name} gets another log`);
    }
    this.#serverId = serverId;
    this.#connected = true;
    this.#behind = false;
    if (initialState !== undefined) this.replica.reset(initialState, currentEventIndex);
    else if (snapshot) this.#load(snapshot);
    else if (this.#options.since !== undefined) this.#syncing = "connect";
    else if (this.replica.cursor < currentEventIndex) {
      const { random } = this.#parts;
      this.#sync(random.chance(0.3) ? undefined : this.replica.cursor, random.chance(0.5) ? 5 : undefined);
    }
    this.#pump();
  }

  #load({ eventIndex, chunks }: { eventIndex: number; chunks: number }): void {
    this.#loading = undefined;
    if (chunks > 0) {
      this.#loading = { eventIndex, chunks, text: "" };
      this.#chunk(eventIndex, 0);
    } else {
      this.replica.reset();
      this.#sync(0, undefined);
    }
  }

  #chunk(eventIndex: number, chunk: number): void {
    this.#syncing = this.#send("state_chunk", { eventIndex, chunk }, { kind: "state_chunk", eventIndex, chunk });
  }

  #takeChunk({ payload: { eventIndex, chunk, text } }: Message<"state_chunk">): void {
    const loading = this.#loading;
    if (loading?.eventIndex !== eventIndex) return;
    loading.text += text;
    if (chunk + 1 < loading.chunks) {
      this.#chunk(eventIndex, chunk + 1);
      return;
    }
    this.#loading = undefined;
    this.replica.reset(JSON.parse(loading.text) as Json, eventIndex);
    this.#sync(eventIndex, undefined);
  }

  #takePage({ payload, inReplyTo }: Message<"sync_response">): void {
    const { snapshot, events, hasMore, nextSinceEventId } = payload;
    if (snapshot && "state" in snapshot && snapshot.eventIndex > this.replica.cursor) {
      this.replica.reset(snapshot.state, snapshot.eventIndex);
    }
    for (const event of events) this.replica.fold(event);
    if (this.#syncing !== "connect" && this.#syncing !== inReplyTo) return;
    this.#syncing = undefined;
    this.#behind = hasMore;
    if (hasMore && this.#parts.random.chance(0.8)) this.#sync(nextSinceEventId, undefined);
  }

  #takeResult({ payload }: Message<"events_result">): void {
    const { batchId, results } = payload;
    // One of them was refused temporarily: the whole batch comes again, and nothing of it alone.
    const refused = results.some(isRefused);
    const pending = this.queue.isPending(batchId) && !refused;
    for (const result of results) {
      if (result.status === "accepted") {
        if (!this.#options.echo) this.replica.foldOwn(result);
        this.#decided(result.draftId, result.eventId);
      } else if (pending && result.status === "not_processed" && !("code" in result)) {
        // It is open: some are wanted still.
        if (this.#parts.random.chance(0.6)) this.queue.resubmit(result.draftId);
      } else if (result.status === "rejected" && this.queue.sequential(batchId) && !isReuse(result)) {
        this.#decided(result.draftId, undefined);
      }
    }
    const [first] = results;
    const atomic = !this.queue.sequential(batchId) && first?.status === "accepted";
    if (refused) this.queue.refused(batchId);
    else this.queue.decide(batchId, atomic ? first.eventId : undefined);
    this.#recover();
    this.#pump();
  }

  #takeError({ payload, inReplyTo }: Message<"error">): void {
    const { draftId, retryable, code, retryAfter = 0 } = payload;
    // The connection ends: what is open is sent again on the next one.
    if (isEnding(code)) return;
    if (draftId !== undefined && !draftId.startsWith("g-")) {
      if (!retryable) this.queue.answered(draftId);
      else if (this.#connected) this.queue.refused(draftId);
      this.#recover();
    } else if (code !== "already_connected" && !this.#connected && inReplyTo === this.#connecting && retryable) {
      const link = this.#link;
      const again = () => {
        if (this.#link === link && !this.#connected) this.#connect();
      };
      if (code === "rate_limited" || code === "overloaded") this.#parts.schedule.after(retryAfter * 1_000, again);
      else again();
    } else if (this.#syncing === inReplyTo && inReplyTo !== undefined) {
      this.#syncing = undefined;
      this.#behind = true;
      this.#loading = undefined;
    }
  }

  /** When all that was on its way is answered, sends what was refused again, in order. */
  #recover(): void {
    if (!this.queue.recoverable) return;
    const { schedule, random } = this.#parts;
    const link = this.#link;
    schedule.after(random.between(1, 60), () => {
      if (this.#link !== link) return;
      this.queue.recovered();
      this.#pump();
    });
  }

  #decided(draftId: string, eventId: number | undefined): void {
    const { ledger, trace } = this.#parts;
    const contradicted = this.queue.decide(draftId, eventId);
    if (contradicted && !ledger.isForgotten(this.principal, draftId))
      trace.violated(`${this.name} gets two verdicts on ${draftId}`);
    this.#recover();
  }

  #propose(): Proposal {
    return this.#parts.application.propose(this.#parts.random, this.replica.cursor);
  }

  #single(draftId: string, proposal: Proposal): Pending {
    return {
      key: draftId,
      type: "submit_event",
      payload: { draftId, ...proposal },
      asked: { kind: "submit", ...memberOf(draftId, proposal) },
    };
  }

  #newId(): string {
    return `${this.name}-d${++this.#drafts}`;
  }

  #nextRequest(): string {
    return `${this.name}-q${++this.#requests}`;
  }
}

type WithoutFrame<T> = T extends unknown ? Omit<T, "id" | "frame"> : never;
type Unsent = WithoutFrame<Asked>;

const isRefused = (result: object): boolean =>
  "status" in result && result.status === "not_processed" && "retryable" in result && result.retryable === true;
const isReuse = (result: { reason: string }): boolean => result.reason === "idempotency_key_reused";
