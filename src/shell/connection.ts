import {
  bytesOf,
  costOfBytes,
  type Command,
  type Reply,
  type Frame,
  type FrameSource,
  type Intake,
  notConnected,
  type Partition,
  Session,
  type SessionState,
  type Submission,
  type Subscriber,
  type Work,
} from "../core/index.ts";
import { type Author, bounds, type Failure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import type { Decoded, Dialect, EndReason, TokenFrame } from "../wire/dialect.ts";
import type { Dialects } from "../wire/dialects.ts";
import type { HeldFrames } from "./held-frames.ts";
import { type KeptOutstanding, Outstanding, type OutstandingSums } from "./outstanding.ts";

type Submit = Extract<Command, { kind: "submit" }>;

/** A connection on which nothing was received for this long ends; clients send a heartbeat far more often. */
export const idleMsMax = 10 * 60 * 1_000;
/** The precision with which the time of a connection's last frame is stored. */
const seenAtStepMs = 60 * 1_000;

/** A submission of a passive client that is refused is done again for this long: longer than a burst takes to be paid off. */
const redoneMsMax = 20_000;

/** Frames that wait for the peer to read are looked at again after this long at the latest. */
const servedMsMax = 1_000;

/**
 * The version of attachments. Fields are added without a new one, and are optional. A new one is for what a version
 * before cannot read: after a rollback it ends such a connection, whose client connects again.
 */
export const attachmentVersion = 2;

/** What is stored of a connection over hibernation; the platform's limit is 16 KiB. */
export interface Attachment {
  /** See `attachmentVersion`; absent: an earlier version wrote this. */
  version?: number;
  session: SessionState;
  /** When the last frame was received, to the nearest `seenAtStepMs`. */
  seenAt: number;
  /** The name of its dialect; absent: its first frame decides, or an earlier version wrote this. */
  dialect?: string;
  /** The trace id of the upgrade if it had a `traceparent`: problems of the connection have the same one. */
  traceId?: string;
  /** What was sent to it and is not proven to be read; absent: little, or an earlier version wrote this. */
  outstanding?: KeptOutstanding;
}

/** What carries a connection's frames: a WebSocket, or a pair of HTTP requests. */
export interface Carrier {
  /** Must not throw, whatever the state of the peer. */
  send(frame: string): void;
  /** Closes it with this close code and reason, after everything that was sent. Must not throw. */
  end(code: number, reason: string): void;
  /** Stores the attachment over hibernation. */
  save(attachment: Attachment): void;
  /** When the peer last gave a sign of life other than a frame, in milliseconds since 1970; 0: never. */
  lastSignOfLife(): number;
  /** How many UTF-16 units its peer has not read yet, where the platform reports that. */
  readonly unreadUnits?: () => number;
  /** How many may be unread before its frames wait, and how many bytes its next page may have: less where others have read less. */
  readonly unreadMax?: () => number;
}

/** What a connection needs of its partition. */
export interface ConnectionHost {
  readonly partition: Partition;
  readonly dialects: Dialects;
  readonly intake: Intake;
  readonly outstanding: OutstandingSums;
  readonly held: HeldFrames;
  now(): number;
  /** Runs `run` once, after `delayMs` milliseconds. Returns a function that cancels it. */
  timer(run: () => void, delayMs: number): () => void;
  /** The same, for what is short and comes again and again. `run` leaves what is work to a turn. */
  pause(run: () => void, delayMs: number): () => void;
  /** Returns the author of a token that was received in a frame, or why it is refused; undefined in open development mode, where tokens are ignored. */
  authenticate: ((session: Session, token: string) => Promise<Author | Failure>) | undefined;
  /** A text that nobody can guess. */
  nonce(): string;
  /** Whether the tenant must count the partition before its first write. */
  mustClaim(): boolean;
  /** Returns why requests of this author are refused, or undefined. */
  admitRequest(author: Author): Promise<Failure | undefined>;
  /** Returns why new drafts of this author are refused, or undefined; has the tenant count the partition. */
  admitDraft(author: Author): Promise<Failure | undefined>;
  /** Runs one entry into the core that is not a frame. */
  step<T>(body: () => T): T;
  /** Called once, when the connection has ended. */
  connectionEnded(connection: Connection): void;
}

/** One connection: its session, its frames in both directions, and whether its peer still reads. A carrier transports the frames. */
export class Connection implements Subscriber, FrameSource {
  readonly session: Session;
  readonly #carrier: Carrier;
  readonly #host: ConnectionHost;
  /** Undefined until the first frame if the upgrade has not chosen one. */
  #dialect: Dialect | undefined;
  #seenAt: number;
  readonly #outstanding: Outstanding;
  /** The size of what was sent unasked since the last sign of life, in UTF-16 units. */
  #unreadBytes = 0;
  /** The time of the last sign of life other than a frame that was processed here. */
  #aliveAt = 0;
  #ended = false;
  /** Whether a `connect` has come. */
  #began = false;
  /** Whether a frame waits for the verifier or the tenant. */
  #held = false;
  /** The frames that wait: behind that one, or because the peer has to read first. */
  readonly #waiting: Frame[] = [];
  #waitingBytes = 0;
  /** Of a passive client: how many submissions are being answered, the last of them, and when that came. */
  #unanswered = 0;
  #asked: { readonly command: Command; readonly frame: Frame; readonly since: number } | undefined;
  /** Requests, other than drafts, that are being answered. */
  #requests = 0;
  /** Cancels the timer that serves the frames that wait for the peer to read. */
  #cancelTimer: (() => void) | undefined;
  /** Set while a turn or a timer will send events without a request: cancels the timer. */
  #cancelFollow: (() => void) | undefined;
  /** Whether the next turn serves them. */
  #servedNext = false;

  constructor(carrier: Carrier, host: ConnectionHost, attachment: Attachment) {
    this.#carrier = carrier;
    this.#host = host;
    this.#seenAt = attachment.seenAt;
    this.#dialect = host.dialects.named(attachment.dialect);
    this.session = new Session(this, attachment.session, attachment.traceId);
    this.#outstanding = new Outstanding(host.outstanding, attachment.outstanding, () => this.end("slow_consumer"));
  }

  /** What an operator sees of it. */
  get inspected() {
    const { session } = this;
    const { author, client, held, awaitsToken, presence } = session.state;
    return {
      principal: author?.principal,
      clientId: client?.clientId,
      dialect: this.#dialect?.name,
      awaitsToken: awaitsToken || undefined,
      expiresAt: author?.expiresAt,
      traceId: session.traceId,
      /** When it was last heard of, in milliseconds since 1970. */
      seenAt: Math.max(this.#seenAt, this.#aliveAt, this.#carrier.lastSignOfLife()),
      cursor: session.cursor.delivered,
      atHead: session.cursor.atHead,
      creditBytes: client?.credit,
      spentBytes: session.cursor.spentBytes,
      unprovenBytes: this.#outstanding.unproven,
      waitingFrames: this.#waiting.length,
      held,
      presence: presence !== undefined,
    };
  }

  /** Accepts a frame of the peer. */
  receive(frame: Frame, now: number): void {
    if (this.#ended) return;
    this.#unreadBytes = 0;
    if (now - this.#seenAt >= seenAtStepMs) {
      this.#seenAt = now;
      this.save(this.session.kept);
    }
    const messages = this.session.state.client && this.#dialect?.messages(frame);
    if (messages) this.#host.intake.arriveTogether(this, messages, now);
    else this.#host.intake.arrive(this, frame, now);
  }

  /** Decodes a frame, or queues it if others wait. What a waiting frame proves to be read counts at once. */
  read(frame: Frame, now: number): Work | undefined {
    if (this.#ended) return undefined;
    if (this.#held || this.#waiting.length > 0) {
      this.#enqueue(frame);
      // Nothing was delivered to a client that has not connected.
      if (this.session.state.client && this.#prove(this.#decode(frame), now)) this.serve();
      return undefined;
    }
    const decoded = this.#decode(frame);
    this.#prove(decoded, now);
    if (!this.#mustWait(decoded, now)) return this.#take(decoded, frame, now);
    this.#enqueue(frame);
    this.#serveLater();
    return undefined;
  }

  /** Serves the frames that wait, as far as the peer has read. */
  serve(): void {
    const { intake, now } = this.#host;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    while (!this.#held && !this.#ended) {
      const frame = this.#waiting[0];
      if (frame === undefined) return;
      const decoded = this.#decode(frame);
      intake.turns.spend(costOfBytes(bytesOf(frame)));
      if (this.#mustWait(decoded, now())) {
        this.#serveLater();
        return;
      }
      this.#waiting.shift();
      this.#waitingBytes -= bytesOf(frame);
      this.#host.held.remove(this, frame);
      const work = this.#take(decoded, frame, now());
      // At once: under load there are frames that arrived after these, and are not decoded yet.
      if (work && !intake.offer(this, work, bytesOf(frame))) this.overflowed();
    }
  }

  #decode(frame: Frame): Decoded {
    this.#dialect ??= this.#host.dialects.recognising(frame);
    // Nobody is known yet: what a large frame is about is not found out.
    if (!this.#began && !this.session.state.client && isLargeAtFirst(frame)) return tooEarly;
    const decoded = this.#dialect.decode(frame);
    this.#began ||= decoded.kind === "connect" || decoded.kind === "token";
    return decoded;
  }

  /** Returns the work that a frame asks for; undefined if that is none, or is known later. */
  #take(decoded: Decoded, frame: Frame, now: number): Work | undefined {
    if (decoded.kind === "token") return this.#authenticate(decoded, frame);
    if (decoded.kind === "presence") {
      const refused = this.#host.partition.show(this.session, decoded, now);
      return refused && this.#work(refused, frame);
    }
    return this.#mustClaim(decoded) ? this.#claimFor(decoded, frame) : this.#work(decoded, frame);
  }

  /** Whether a frame proves that something was read. */
  #prove(decoded: Decoded, now: number): boolean {
    const outstanding = this.#outstanding;
    let proven =
      decoded.kind === "state_chunk"
        ? outstanding.proveChunk(decoded, now)
        : outstanding.prove(knownEventOf(decoded) ?? -1, now);
    if (decoded.kind === "ack" && decoded.probe !== undefined) {
      proven = outstanding.proveProbe(decoded.probe, now) || proven;
    }
    if (proven) this.#keepOutstanding();
    return proven;
  }

  /** Over hibernation, too: what was read must not count against its principal when the partition wakes. */
  #keepOutstanding(): void {
    if (this.#outstanding.mustKeep) this.save(this.session.kept);
  }

  /** Whether the peer has to read before this frame is served. */
  #mustWait(decoded: Decoded, now: number): boolean {
    if (this.#requests >= bounds.readsInFlightMax && isReading(decoded)) return true;
    return decoded.kind !== "ack" && this.#msUntilRead(now) > 0;
  }

  /** After how many milliseconds a frame that waits is looked at again; 0: in the next turn. */
  #msUntilServed(now: number): number {
    // Its answers serve it: see `deliver`.
    if (this.#requests >= bounds.readsInFlightMax) return servedMsMax;
    return this.#msUntilRead(now);
  }

  #msUntilRead(now: number): number {
    const unread = this.#carrier.unreadUnits?.();
    if (unread === undefined) return this.#outstanding.msUntilServed(now);
    // The carrier calls `serve` when its peer has read.
    const most = this.pageBytes ?? bounds.streamUnreadMax / 2;
    return unread + this.#outstanding.reserved < most ? 0 : servedMsMax;
  }

  #serveLater(): void {
    this.#cancelTimer?.();
    const { pause, now } = this.#host;
    const delayMs = Math.min(this.#msUntilServed(now()), servedMsMax);
    if (delayMs > 0) this.#cancelTimer = pause(() => this.#serveNext(), delayMs);
    else this.#serveNext();
  }

  /** Serves them in a turn that has time for it: the pauses of many connections end together. */
  #serveNext(): void {
    if (this.#servedNext) return;
    this.#servedNext = true;
    this.#host.intake.turns.later(() => {
      this.#servedNext = false;
      this.serve();
    });
  }

  get pageBytes(): number | undefined {
    return this.#carrier.unreadMax?.();
  }

  /** A stream is written to all the time, which fails when its peer is gone; of a socket nothing is heard. */
  get mayVanish(): boolean {
    return this.#carrier.unreadUnits === undefined;
  }

  overflowed(): void {
    this.end("overloaded");
  }

  get #currentDialect(): Dialect {
    return this.#dialect ?? this.#host.dialects.last;
  }

  #work(command: Command, frame: Frame): Work {
    if (this.session.state.client?.passive && command.kind === "submit") {
      const since = this.#asked?.frame === frame ? this.#asked.since : this.#host.now();
      this.#asked = { command, frame, since };
      this.#unanswered++;
    }
    if (isRequest(command)) this.#requests++;
    else if (command.kind !== "ack") this.#outstanding.reserve(reservedFor(command, frame));
    return { session: this.session, command };
  }

  /** Queues a frame behind those that wait. */
  #enqueue(frame: Frame): void {
    this.#waitingBytes += bytesOf(frame);
    const bytesMax = this.session.state.author ? bounds.bytesBehindTokenMax : bounds.unauthenticatedBytesMax;
    const full = this.#waiting.length === bounds.framesBehindTokenMax || this.#waitingBytes > bytesMax;
    if (full) {
      this.overflowed();
      return;
    }
    this.#waiting.push(frame);
    this.#host.held.add(this, frame);
  }

  /** Whether this is the partition's first write, by a client that has connected. */
  #mustClaim(command: Command): command is Submit {
    return command.kind === "submit" && this.session.state.client !== undefined && this.#host.mustClaim();
  }

  #claimFor(command: Submit, frame: Frame): undefined {
    const { requestId, submission } = command;
    this.#hold(frame, async () => {
      const author = this.session.state.author!;
      const decline = (failure: Failure, kept?: Submission): Command => {
        return { kind: "declined", requestId, draftId: submission.key, submission: kept, failure };
      };
      const unknown = await this.#host.admitRequest(author);
      if (unknown) return decline(unknown);
      const failure = await this.#host.admitDraft(author);
      return failure ? decline(failure, submission) : command;
    });
  }

  #authenticate({ requestId, token, command }: TokenFrame, frame: Frame): Work | undefined {
    const { authenticate } = this.#host;
    if (!authenticate) return this.#work(command(undefined), frame);
    this.#hold(frame, async () => {
      const author = await authenticate(this.session, token);
      return "code" in author ? { kind: "refused", requestId, failure: author } : command(author);
    });
    return undefined;
  }

  /** Queues all later frames until the command of this one is known, so that they stay in order. */
  #hold(frame: Frame, find: () => Promise<Command>): void {
    this.#held = true;
    void this.#resume(frame, find());
  }

  async #resume(frame: Frame, found: Promise<Command>): Promise<void> {
    const { intake, step } = this.#host;
    const command = await found.catch(() => undefined);
    step(() => {
      this.#held = false;
      // Nobody can say what the frame asks for. The client connects again, and sends its frames again.
      if (!command) {
        this.end("overloaded");
        return;
      }
      if (!this.#ended && !intake.offer(this, this.#work(command, frame), bytesOf(frame))) this.overflowed();
      this.serve();
    });
  }

  deliver(given: readonly Reply[], broadcasts: readonly EventRow[]): void {
    const dialect = this.#currentDialect;
    const replies = this.#redo(given) ? [] : given;
    let units = 0;
    const { state, broadcastsNameDraftsOf } = this.session;
    for (const frame of dialect.frames(replies, broadcasts, state.wire, broadcastsNameDraftsOf)) {
      this.#carrier.send(frame);
      units += frame.length;
    }
    let asked = false;
    for (const reply of replies) {
      asked ||= isAsked(reply);
      this.#answered(reply);
      const reason = dialect.ending(reply, this.session.state.client !== undefined);
      if (reason) this.end(reason, "see the last message");
      // Its principal may not read any more; or that cannot be found out, and its client connects again.
      else if (reply.kind === "error" && this.session.endsWith(reply.failure))
        this.end(reply.failure.code === "forbidden" ? "forbidden" : "recycled", "see the last message");
    }
    this.#count(units, asked);
    for (const reply of replies) if (reply.kind === "state_chunk") this.#outstanding.sentChunk(reply);
    if (this.#waiting.length > 0 && !this.#held && !this.#ended) this.#serveLater();
    this.#probe();
    this.follow();
  }

  /** Stops counting what this reply answers. */
  #answered(reply: Reply): void {
    if (endsRequest(reply)) this.#requests = Math.max(this.#requests - 1, 0);
    else if (endsDraft(reply)) {
      this.#outstanding.release();
      this.#unanswered = Math.max(this.#unanswered - 1, 0);
    }
  }

  /**
   * Whether the one submission of a passive client is refused for now, and done again after a time, in place of this answer.
   * What it sends meanwhile waits behind it.
   */
  #redo(replies: readonly Reply[]): boolean {
    const asked = this.#asked;
    const reply = replies[0];
    if (!asked || !reply || !endsDraft(reply) || replies.length > 1 || this.#unanswered !== 1) return false;
    const seconds = this.#currentDialect.redoneAfter(reply);
    const { now, timer } = this.#host;
    if (seconds === undefined || now() + seconds * 1_000 > asked.since + redoneMsMax) return false;
    this.#answered(reply);
    this.#hold(asked.frame, () => new Promise((resolve) => void timer(() => resolve(asked.command), seconds * 1_000)));
    return true;
  }

  /** Has a client that makes no requests receive what it has not received yet, as fast as it reads. */
  follow(): void {
    if (this.#ended || this.#cancelFollow || !this.session.follows) return;
    const { intake, pause, now } = this.#host;
    const next = () => {
      this.#cancelFollow = undefined;
      if (this.#ended || !this.session.follows) return;
      if (this.#msUntilRead(now()) > 0) this.follow();
      else if (!intake.offer(this, this.#work({ kind: "follow", requestId: undefined }, ""), 0)) this.overflowed();
    };
    const delayMs = Math.min(this.#msUntilRead(now()), servedMsMax);
    const nextTurn = () => intake.turns.later(next);
    this.#cancelFollow = delayMs > 0 ? pause(nextTurn, delayMs) : () => {};
    if (delayMs === 0) nextTurn();
  }

  /** Has a client that returns probes prove what it has read: not every reply brings an event that it could name. */
  #probe(): void {
    if (this.#ended || !this.session.state.client?.probes || !this.#outstanding.probeDue) return;
    const probe = this.#host.nonce();
    this.#outstanding.probed(probe);
    this.deliver([{ kind: "probe", now: this.#host.now(), probe }], []);
  }

  #count(units: number, asked: boolean): void {
    if (this.#ended) return;
    const { author, cursor, state } = this.session;
    if (author) this.#outstanding.belongsTo(author.principal);
    // Before `connected` nothing is delivered.
    const delivered = state.client ? cursor.delivered : -1;
    // The clock is read only where it counts: on the platform that is a call, and this is done for each reader.
    if (!this.#carrier.unreadUnits) this.#outstanding.sent(units, delivered, asked ? this.#host.now() : undefined);
    this.#keepOutstanding();
    if (state.client?.passive) {
      this.#outstanding.assumeRead(this.#host.now());
      if (this.#outstanding.unproven > bounds.unreadBytesMax) this.end("slow_consumer");
      return;
    }
    if (asked) return;
    this.#unreadBytes += units;
    if (this.#unreadBytes > bounds.unreadBytesMax) this.#endIfUnread();
  }

  save(session: SessionState): void {
    // Not for a connection that has ended: it must not be restored after hibernation.
    if (this.#ended) return;
    const { traceId } = this.session;
    const outstanding = this.#outstanding.kept;
    this.#carrier.save({
      version: this.#currentDialect.attachmentVersion,
      session,
      seenAt: this.#seenAt,
      ...(this.#dialect ? { dialect: this.#dialect.name } : {}),
      ...(traceId === undefined ? {} : { traceId }),
      ...(outstanding ? { outstanding } : {}),
    });
  }

  /** Ends the connection if it has not sent its token. */
  endIfUnauthenticated(): void {
    if (this.#ended || !this.session.state.awaitsToken) return;
    this.end("unauthenticated", "no token came");
  }

  /** Ends the connection. `text`: the close reason that the peer receives. */
  end(reason: EndReason, text: string = reason): void {
    this.#finish();
    this.#carrier.end(this.#currentDialect.closeCode(reason), text);
  }

  /** Its peer has disconnected. The frames that it sent before are still processed. */
  disconnected(): void {
    this.#host.intake.read(this);
    this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer?.();
    this.#cancelFollow?.();
    this.#waiting.length = 0;
    this.#host.held.release(this);
    this.#outstanding.close(this.#host.now());
    this.#host.connectionEnded(this);
  }

  /** Ends the connection if nothing was received for a long time: a peer can vanish without a Close. */
  endIfIdle(now: number): void {
    // A passive client has no heartbeats: its connection ends with its token, or with what it does not read.
    if (this.session.state.client?.passive) return;
    if (now - Math.max(this.#seenAt, this.#carrier.lastSignOfLife()) >= idleMsMax) this.end("idle");
  }

  /**
   * Platform fact: a socket does not report how much it buffers. So a client that sends no frame and no
   * heartbeat while this much of the log and of presence is sent to it counts as one that is gone.
   */
  #endIfUnread(): void {
    const aliveAt = this.#carrier.lastSignOfLife();
    if (aliveAt > this.#aliveAt) {
      this.#aliveAt = aliveAt;
      this.#unreadBytes = 0;
      return;
    }
    this.end("slow_consumer");
  }
}

/** Whether a first frame is too large; one that is too large at any time is refused as such. */
function isLargeAtFirst(frame: Frame): boolean {
  const bytes = bytesOf(frame);
  return bytes > bounds.firstFrameBytesMax && bytes <= bounds.frameBytesMax;
}

const tooEarly: Command = { kind: "unreadable", requestId: undefined, draftId: undefined, failure: notConnected };

const readingKinds: ReadonlySet<string> = new Set<Decoded["kind"]>(["token", "connect", "sync", "state_chunk", "hash"]);

/** Whether a frame asks for a reply that can be much larger than itself. */
function isReading({ kind }: Decoded): boolean {
  return readingKinds.has(kind);
}

const unaskedKinds: ReadonlySet<string> = new Set<Reply["kind"]>(["presence", "head", "probe", "read_only"]);

/** Whether a client could have more of these replies by sending more frames. An acceptance is as new as its event. */
function isAsked(reply: Reply): boolean {
  if (reply.kind === "decided") {
    return reply.replayed || reply.verdict.results.some(({ kind }) => kind !== "accepted");
  }
  return !unaskedKinds.has(reply.kind);
}

/** What the reply to a draft may have, in UTF-16 units: an acceptance repeats the frame, a rejection lists what is wrong. */
function reservedFor(command: Command, frame: Frame): number {
  const drafts = "submission" in command ? (command.submission?.drafts.length ?? 1) : 1;
  return Math.max(bytesOf(frame), bounds.replyBytesReserved, drafts * bounds.replyBytesReservedPerDraft);
}

/** Whether this is the one reply to a draft or a batch. */
function endsDraft(reply: Reply): boolean {
  return reply.kind === "decided" || (reply.kind === "error" && reply.draftId !== undefined);
}

/** Whether a command has exactly one answer that `endsRequest`; not those that are answered by their draft's id, or never. */
function isRequest(command: Command): boolean {
  if (command.kind === "submit" || command.kind === "ack") return false;
  return !("draftId" in command) || command.draftId === undefined;
}

const finalKinds: ReadonlySet<string> = new Set<Reply["kind"]>([
  "connected",
  "page",
  "events",
  "state_chunk",
  "hash",
  "heartbeat",
  "renewed",
]);

/** Whether a reply is the last one to a request. An error does not say what it answers: so all requests are counted. */
function endsRequest(reply: Reply): boolean {
  if (reply.kind === "error") return reply.draftId === undefined;
  return finalKinds.has(reply.kind);
}

/** An event that the sender of this frame knows; undefined: it says none. */
function knownEventOf(decoded: Decoded): number | undefined {
  switch (decoded.kind) {
    case "ack":
      return decoded.eventId;
    case "sync":
      return decoded.sinceEventId;
    case "submit": {
      const { expectedEventId } = decoded.submission.drafts.at(-1)!;
      return typeof expectedEventId === "number" ? expectedEventId : undefined;
    }
    default:
      return undefined;
  }
}
