import { bounds, type Json, utf8Length } from "../../src/protocol/index.ts";
import { sha256 } from "../support/partition.ts";
import type { Ledger } from "./ledger.ts";
import type { ServerLink } from "./link.ts";
import type { Trace } from "./trace.ts";
import type { Asked, Told } from "./wire.ts";

type Answer = Exclude<Told, { type: "broadcast" | "head" | "presence" | "probe" | "read_only" | "draining" }>;

/** About what an event weighs for the server beyond its payload, in bytes: never less than that. */
const overheadBytes = 500;

/** Whether a connection ends with an error of this code because of its token. */
export const isEnding = (code: string): boolean => ["auth_expired", "auth_revoked"].includes(code);

/** What checks a connection, message by message, whatever its wire. */
export interface Talk {
  /** Whether every frame was answered. */
  readonly quiet: boolean;
  /** The last event that this connection was given. */
  readonly cursor: number;
  asked(asked: Asked): void;
  /** Takes the messages of one frame. `headBefore`: the last event before this step; `array`: whether the frame is one. */
  told(messages: readonly Told[], headBefore: number, array: boolean): void;
  /** The object was evicted, and woken. */
  woken(): void;
  /** Where an acceptance stood for the broadcast, the cursor goes on. */
  skipOwn(): void;
}

/**
 * Checks what the server says on one connection, as it says it: an answer to each frame, in their
 * order; every event cursor + 1; and no verdict while a refused draft holds the others back.
 */
export class Conversation implements Talk {
  readonly #name: string;
  readonly #exclusive: boolean;
  readonly #ledger: Ledger;
  readonly #trace: Trace;
  /** The verified principal; undefined: `connect` names it. */
  readonly #author: string | undefined;
  /** Frames without an answer. */
  readonly #unanswered: Asked[] = [];
  #principal: string | undefined;
  #clientId: string | undefined;
  #echo = true;
  /** The chunks so far of the state that the client loads. */
  #chunks: { eventIndex: number; chunks: number; texts: string[] } | undefined;
  #arrays = false;
  #probes = false;
  #readOnly = false;
  #credit: number | undefined;
  readonly #unacknowledged: { eventId: number; bytes: number }[] = [];
  /** What was acknowledged behind something that had no answer yet: it is taken up after that. */
  #late: { behind: Asked; heard: readonly { bytes: number }[] }[] = [];
  readonly #broadcasts = new Set<number>();
  /** Requests that are answered only where they fail. */
  readonly #silent = new Set<string>();
  #cursor = 0;
  /** Its token is no longer good: what it asked for besides is refused, in any order. */
  #ending = false;
  /** Whether it has been given all there was, so that broadcasts flow. */
  #live = false;
  /** A `sync` was refused, so that it has acknowledged nothing. */
  #unheard = false;
  /** Own events that were reported as accepted, and not yet delivered. */
  readonly #own = new Set<number>();
  /** The draft or batch that was refused, and holds this connection back. */
  #held: string | undefined;
  /** Its keys: for a batch also those of its drafts. */
  #heldKeys: readonly string[] = [];
  /** When it was refused. */
  #heldAt = 0;
  /** Whether the model fails on it: then nothing is stored of it, and a commit in doubt can have decided those behind it. */
  #heldFails = false;
  /** The last event that was made by a frame of this connection. */
  #lastMade = 0;

  /** `author`: the verified principal. */
  constructor(link: Pick<ServerLink, "name" | "exclusive">, author: string | undefined, ledger: Ledger, trace: Trace) {
    this.#name = link.name;
    this.#exclusive = link.exclusive;
    this.#author = author;
    this.#ledger = ledger;
    this.#trace = trace;
  }

  /** Whether every frame was answered. */
  get quiet(): boolean {
    return this.#unanswered.length === 0;
  }

  /** The last event that this connection was given. */
  get cursor(): number {
    return this.#cursor;
  }

  asked(asked: Asked): void {
    if (asked.kind === "array") {
      for (const part of asked.parts) this.asked(part);
      return;
    }
    if (asked.kind === "ack" || asked.kind === "presence") this.#silent.add(asked.id);
    else this.#unanswered.push(asked);
    // Before it is taken up, so the bound is held at least as well as this.
    if (asked.kind === "ack") this.#acknowledged(asked.eventId);
    if (asked.kind === "sync") this.#acknowledged(asked.since ?? 0);
  }

  /** After hibernation the server counts what is unacknowledged from zero. */
  woken(): void {
    this.#unacknowledged.length = 0;
    this.#late = [];
  }

  /** Takes the messages of one frame. `headBefore`: the last event before this step; `array`: whether the frame is one. */
  told(messages: readonly Told[], headBefore: number, array: boolean): void {
    let batchEnd: number | undefined;
    for (const message of messages) {
      if (message.type === "broadcast") {
        batchEnd = this.#broadcast(message.payload, messages.length > 1 ? batchEnd : undefined);
      } else if (message.type === "head") this.#outOfCredit(message.payload.currentEventIndex);
      else if (message.type === "draining") this.#unanswered.length = 0;
      else if (message.type === "probe") this.#check(this.#probes, () => "a probe comes that was not asked for");
      else if (message.type === "read_only")
        this.#check(this.#readOnly, () => "read_only comes, and was not asked for");
      else if (message.type !== "presence") this.#answer(message, headBefore);
    }
    // After the answer to connect, which may be in the array.
    this.#check(!array || this.#arrays, () => "an array comes that was not asked for");
    if (messages.length > 1 && batchEnd !== undefined) {
      this.#check(this.#cursor >= batchEnd, () => `a frame ends inside a batch, at event ${this.#cursor}`);
    }
  }

  #broadcast(told: { eventId: number; event: object }, batchEnd: number | undefined): number | undefined {
    const { eventId } = told;
    this.skipOwn();
    this.#check(this.#live, () => `event ${eventId} is broadcast to somebody who is behind, or not connected`);
    this.#check(
      eventId === this.#cursor + 1,
      () => `event ${eventId} is broadcast, but the cursor is at ${this.#cursor}`,
    );
    this.#ledger.checkEvent(told, `broadcast on ${this.#name}`);
    this.#spend(told);
    this.#broadcasts.add(eventId);
    this.#cursor = eventId;
    this.skipOwn();
    return this.#ledger.rows[eventId - 1]?.batchEnd ?? batchEnd;
  }

  #spend(told: { eventId: number; event: object }): void {
    if (this.#credit === undefined) return;
    this.#unacknowledged.push({ eventId: told.eventId, bytes: utf8Length(JSON.stringify(told)) });
    const bytes = this.#unacknowledged.reduce((sum, entry) => sum + entry.bytes, 0);
    this.#check(bytes <= this.#credit, () => `${bytes} bytes are unacknowledged, of ${this.#credit}`);
  }

  #acknowledged(upTo: number): void {
    const count = this.#unacknowledged.findIndex(({ eventId }) => eventId > upTo);
    const heard = this.#unacknowledged.splice(0, count < 0 ? this.#unacknowledged.length : count);
    this.#late = this.#late.filter(({ behind }) => this.#unanswered.includes(behind));
    const behind = this.#unanswered.at(-1);
    if (behind && heard.length > 0) this.#late.push({ behind, heard });
  }

  #outOfCredit(currentEventIndex: number): void {
    this.#check(this.#live && this.#credit !== undefined, () => "head comes to somebody who is not out of credit");
    this.#check(
      currentEventIndex > this.#cursor && currentEventIndex <= this.#ledger.head,
      () => `head tells of event ${currentEventIndex}, at ${this.#cursor}`,
    );
    // What is next would not have fitted into the credit: an atomic batch is not parted.
    const next = this.#ledger.rows[this.#cursor];
    const rows = this.#ledger.rows.slice(this.#cursor, next?.batchEnd ?? this.#cursor + 1);
    const wanted = rows.reduce((sum, row) => sum + row.payloadBytes + overheadBytes, 0);
    const late = this.#late.filter(({ behind }) => this.#unanswered.includes(behind)).flatMap(({ heard }) => heard);
    const open = [...late, ...this.#unacknowledged];
    const spent = open.reduce((sum, { bytes }) => sum + bytes + overheadBytes, 0);
    this.#check(
      this.#unheard || spent + wanted > (this.#credit ?? 0),
      () => `head comes with ${spent} of ${this.#credit} bytes of credit spent, before ${wanted} more`,
    );
    this.#live = false;
  }

  #answer(message: Answer, headBefore: number): void {
    // The last message of a connection that the server ends; what it was asked meanwhile is not answered.
    const ends = (code: string) => isEnding(code) || code === "forbidden";
    if (message.type === "error" && message.inReplyTo === undefined && ends(message.payload.code)) {
      this.#unanswered.length = 0;
      this.#ending = true;
    }
    if (this.#ending) return;
    // What failed of these is answered out of line.
    if (message.type === "error" && this.#silent.delete(message.inReplyTo ?? "")) return;
    const asked = this.#unanswered.shift();
    const say = () => `${message.type} answers ${asked?.frame ?? "nothing"}`;
    if (!asked) {
      this.#check(false, say);
      return;
    }
    switch (message.type) {
      case "connected":
        this.#check(asked.kind === "connect" && message.inReplyTo === asked.id, say);
        if (asked.kind === "connect") this.#connected(asked, message.payload);
        return;
      case "sync_response":
        this.#check((asked.kind === "sync" || asked.kind === "connect") && message.inReplyTo === asked.id, say);
        if (asked.kind === "sync" || asked.kind === "connect") this.#page(asked, message.payload);
        return;
      case "state_chunk":
        this.#check(asked.kind === "state_chunk" && message.inReplyTo === asked.id, say);
        if (asked.kind === "state_chunk") this.#chunk(asked, message.payload);
        return;
      case "renewed":
        this.#check(asked.kind === "renew" && message.inReplyTo === asked.id, say);
        return;
      case "heartbeat":
        this.#check(asked.kind === "heartbeat" && message.inReplyTo === asked.id, say);
        return;
      case "hash":
        this.#check(asked.kind === "hash" && message.inReplyTo === asked.id, say);
        this.#hash(message.payload);
        return;
      case "event_accepted":
      case "event_rejected":
        this.#check(asked.kind === "submit" && message.payload.draftId === asked.draftId, say);
        if (asked.kind !== "submit") return;
        this.#settled(
          asked.draftId,
          message.type === "event_accepted"
            ? this.#overtakes(message.payload.eventId, headBefore)
            : this.#isNew(asked.draftId, message.timestamp),
        );
        this.#ledger.checkVerdict(this.#principal!, asked, message);
        if (message.type === "event_accepted") this.#made(message.payload.eventId, headBefore);
        return;
      case "events_result":
        this.#check(asked.kind === "batch" && message.payload.batchId === asked.batchId, say);
        if (asked.kind !== "batch") return;
        this.#settled(
          asked.batchId,
          message.payload.results.some(
            (result) =>
              (result.status === "accepted" && this.#overtakes(result.eventId, headBefore)) ||
              (result.status === "rejected" &&
                this.#isNew(asked.mode === "atomic" ? asked.batchId : result.draftId, message.timestamp)),
          ),
        );
        this.#ledger.checkBatchResult(this.#principal!, asked, message);
        for (const result of message.payload.results) {
          if (result.status === "accepted") this.#made(result.eventId, headBefore);
          // It stopped there for now: nothing may pass it, nor what was refused before it.
          if (result.status === "not_processed" && result.retryable && this.#held === undefined)
            this.#hold(asked.batchId, asked, message.timestamp);
        }
        return;
      case "error": {
        const { code, retryable, draftId } = message.payload;
        const known = message.inReplyTo === undefined || message.inReplyTo === asked.id;
        this.#check(known && (asked.kind === "nonsense" || code !== "bad_request"), say);
        if (code === "rate_limited" && draftId === undefined) this.#refusedRead(asked, message.payload, say);
        if (this.#principal === undefined || draftId === undefined || asked.kind === "nonsense") return;
        // It says nothing of the draft: the connection ends.
        if (isEnding(code)) return;
        this.#ledger.checkRefused(this.#principal, draftId, code, headBefore);
        if (!retryable) this.#settled(draftId, true);
        else if (this.#held === undefined) this.#hold(draftId, asked, message.timestamp);
      }
    }
  }

  #connected(
    asked: Extract<Asked, { kind: "connect" }>,
    payload: Extract<Told, { type: "connected" }>["payload"],
  ): void {
    const { currentEventIndex } = payload;
    const clientId = (JSON.parse(asked.frame) as { payload: { clientId: string } }).payload.clientId;
    this.#clientId = clientId;
    this.#principal = this.#author ?? `dev:${clientId}`;
    this.#echo = asked.echo;
    this.#arrays = asked.arrays;
    this.#probes = asked.probes;
    this.#readOnly = asked.readOnly;
    this.#credit = asked.credit;
    this.#live = asked.since === undefined;
    this.#cursor = asked.since ?? currentEventIndex;
    this.#check(currentEventIndex <= this.#ledger.head, () => `connected tells of event ${currentEventIndex}`);
    const logId = this.#ledger.logId();
    this.#check(
      logId === undefined || logId === payload.serverId,
      () => `the log is ${logId}, not ${payload.serverId}`,
    );
    const { snapshot } = payload;
    this.#check(
      payload.modelVersion !== undefined
        ? payload.initialState === undefined && !snapshot
        : snapshot
          ? asked.stateChunks && payload.initialState === undefined
          : (payload.initialState !== undefined) === asked.initialState,
      () => "initialState comes as it was asked",
    );
    this.#chunks = snapshot && { ...snapshot, texts: [] };
    if (snapshot) {
      this.#live = false;
      this.#cursor = snapshot.eventIndex;
    }
    if (payload.initialState !== undefined) {
      const same = this.#ledger.plainly(payload.initialState) === this.#ledger.stateAt(currentEventIndex);
      this.#check(same, () => `initialState at event ${currentEventIndex} is not what the log folds to`);
    }
    // The first page answers the same request; between two versions of the model there are verdicts only.
    if (payload.modelVersion !== undefined) this.#live = false;
    else if (asked.since !== undefined) this.#unanswered.unshift(asked);
  }

  /** The chunks of a snapshot are its state together, also if another one is written meanwhile. */
  #chunk(
    asked: Extract<Asked, { kind: "state_chunk" }>,
    { eventIndex, chunk, text }: Extract<Told, { type: "state_chunk" }>["payload"],
  ): void {
    this.#check(
      eventIndex === asked.eventIndex && chunk === asked.chunk,
      () => `chunk ${chunk} of the snapshot at event ${eventIndex} was not asked for`,
    );
    const loading = this.#chunks;
    if (loading?.eventIndex !== eventIndex || chunk !== loading.texts.length) return;
    loading.texts.push(text);
    if (loading.texts.length < loading.chunks) return;
    const same = this.#ledger.plainly(JSON.parse(loading.texts.join("")) as Json) === this.#ledger.stateAt(eventIndex);
    this.#check(same, () => `the chunks of the snapshot at event ${eventIndex} are not what the log folds to`);
  }

  #page(
    asked: Extract<Asked, { kind: "connect" | "sync" }>,
    payload: Extract<Told, { type: "sync_response" }>["payload"],
  ): void {
    const { snapshot, events, currentEventIndex, hasMore, nextSinceEventId } = payload;
    this.#check(snapshot === undefined || asked.since === undefined, () => "a snapshot comes that was not asked for");
    if (snapshot) {
      if (!("state" in snapshot)) throw new Error("no client of this world asks for chunks");
      const same = this.#ledger.plainly(snapshot.state) === this.#ledger.stateAt(snapshot.eventIndex);
      this.#check(same, () => `the snapshot at event ${snapshot.eventIndex} is not what the log folds to`);
    }
    const from = snapshot?.eventIndex ?? asked.since ?? 0;
    for (const [at, told] of events.entries()) {
      this.#check(told.eventId === from + 1 + at, () => `a page after ${from} has event ${told.eventId} at ${at}`);
      this.#ledger.checkEvent(told, `on a page on ${this.#name}`);
    }
    const limit = asked.kind === "sync" ? asked.limit : undefined;
    const most = Math.min(Math.max(limit ?? bounds.pageEventsDefault, 1), bounds.pageEventsMax);
    this.#check(events.length < most + bounds.batchEventsMax, () => `a page of ${events.length}, asked for ${most}`);
    const last = this.#ledger.rows[nextSinceEventId - 1];
    this.#check(
      events.length === 0 || last?.batchEnd === undefined || last.batchEnd === nextSinceEventId,
      () => `a page ends inside a batch, at event ${nextSinceEventId}`,
    );
    this.#check(
      nextSinceEventId === from + events.length &&
        hasMore === nextSinceEventId < currentEventIndex &&
        currentEventIndex <= this.#ledger.head &&
        (events.length > 0 || !hasMore),
      () => `a page after ${from} of ${events.length} goes on at ${nextSinceEventId} of ${currentEventIndex}`,
    );
    this.#cursor = nextSinceEventId;
    this.#live = !hasMore;
    this.#own.clear();
  }

  #hash({ eventIndex, sha256: told }: Extract<Told, { type: "hash" }>["payload"]): void {
    const text = this.#ledger.hashedAt(eventIndex);
    if (text === undefined) return;
    const hash = Buffer.from(sha256(text)).toString("hex");
    this.#check(told === hash, () => `the hash after event ${eventIndex} is not that of what the log folds to`);
  }

  /** An own event was reported as accepted: without echo that is its delivery, and new ones come in the order of their frames. */
  #made(eventId: number, headBefore: number): void {
    if (!this.#echo && eventId > this.#cursor) this.#own.add(eventId);
    const row = this.#ledger.rows[eventId - 1];
    if (eventId <= headBefore || row?.clientId !== this.#clientId) return;
    // Frames that come twice, and what an older connection brings late, have no order.
    this.#check(
      !this.#exclusive || eventId > this.#lastMade,
      () => `event ${eventId} was submitted after event ${this.#lastMade}`,
    );
    this.#lastMade = eventId;
    // A page may have it already: of a commit in doubt, which the client asked for the log after.
    this.#check(!this.#broadcasts.has(eventId), () => `event ${eventId} was broadcast before its verdict`);
  }

  /** A read was refused: it says when it may come again, and nothing else has changed. */
  #refusedRead(
    { kind }: Asked,
    { rateLimit, retryAfter }: Extract<Told, { type: "error" }>["payload"],
    say: () => string,
  ): void {
    // Some of the nonsense is a read, of what is ahead of the log.
    const reads = ["connect", "sync", "hash", "state_chunk", "nonsense"].includes(kind);
    this.#check(reads && rateLimit?.policy === "reads" && (retryAfter ?? 0) > 0, say);
    if (kind === "sync") this.#unheard = true;
  }

  /** Whether an event is new and not behind what holds this connection back: a commit in doubt can have decided both. */
  #overtakes(eventId: number, headBefore: number): boolean {
    const decided = this.#heldKeys.some((key) => {
      const event = this.#ledger.event(this.#principal!, key);
      return event ? event.eventId < eventId : this.#ledger.rejection(this.#principal!, key) !== undefined;
    });
    return eventId > headBefore && !decided && !this.#heldFails;
  }

  /** Whether a rejection was made since the connection is held back, as far as is known. */
  #isNew(draftId: string, at: number): boolean {
    return at > this.#heldAt && !this.#ledger.isKnown(this.#principal!, draftId);
  }

  #hold(draftId: string, asked: Asked, at: number): void {
    this.#held = draftId;
    this.#heldKeys = [draftId, ...(asked.kind === "batch" ? asked.members.map((member) => member.draftId) : [])];
    this.#heldAt = at;
    this.#heldFails = asked.frame.includes('"type":"explode"');
  }

  /**
   * A verdict, or another final answer. `now`: it was made now: not while another draft holds this connection back.
   * A replay may come at any time.
   */
  #settled(draftId: string, now: boolean): void {
    this.#check(
      !now || this.#held === undefined || this.#held === draftId,
      () => `${draftId} is decided while ${this.#held} was refused before it`,
    );
    if (this.#held !== draftId) return;
    this.#held = undefined;
    this.#heldKeys = [];
  }

  /** Where an acceptance stood for the broadcast, the cursor goes on. */
  skipOwn(): void {
    while (this.#own.delete(this.#cursor + 1)) this.#cursor++;
  }

  #check(holds: boolean, what: () => string): void {
    this.#trace.check(holds, () => `${this.#name}: ${what()}`);
  }
}
