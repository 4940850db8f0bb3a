import {
  bytesOf,
  type Command,
  type Reply,
  type Frame,
  type FrameSource,
  type Intake,
  type Partition,
  Session,
  type SessionState,
  type Submission,
  type Subscriber,
  type Work,
} from "../core/index.ts";
import { type Author, bounds, endsConnection, type Failure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import type { Dialect, EndReason, TokenFrame } from "../wire/dialect.ts";
import type { Dialects } from "../wire/dialects.ts";

type Submit = Extract<Command, { kind: "submit" }>;

/** A connection on which nothing was received for this long ends; clients send a heartbeat far more often. */
const idleMsMax = 10 * 60 * 1_000;
/** The precision with which the time of a connection's last frame is stored. */
const seenAtStepMs = 60 * 1_000;

/** What is stored of a connection over hibernation; the platform's limit is 16 KiB. */
export interface Attachment {
  session: SessionState;
  /** When the last frame was received, to the nearest `seenAtStepMs`. */
  seenAt: number;
  /** The name of its dialect; absent: its first frame decides, or an earlier version wrote this. */
  dialect?: string;
  /** The trace id of the upgrade if it had a `traceparent`: problems of the connection have the same one. */
  traceId?: string;
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
}

/** What a connection needs of its partition. */
export interface ConnectionHost {
  readonly partition: Partition;
  readonly dialects: Dialects;
  readonly intake: Intake;
  now(): number;
  /** Returns the author of a token that was received in a frame, or why it is refused; undefined in open development mode, where tokens are ignored. */
  authenticate: ((session: Session, token: string) => Promise<Author | Failure>) | undefined;
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
  /** The size of what was sent since the last sign of life, in UTF-16 units. */
  #unreadBytes = 0;
  /** The time of the last sign of life other than a frame that was processed here. */
  #aliveAt = 0;
  #ended = false;
  /** The frames behind one that waits for the verifier or the tenant; undefined: no frame waits. */
  #waiting: Frame[] | undefined;
  #waitingBytes = 0;

  constructor(carrier: Carrier, host: ConnectionHost, attachment: Attachment) {
    this.#carrier = carrier;
    this.#host = host;
    this.#seenAt = attachment.seenAt;
    this.#dialect = host.dialects.named(attachment.dialect);
    this.session = new Session(this, attachment.session, attachment.traceId);
  }

  /** Accepts a frame of the peer. */
  receive(frame: Frame, now: number): void {
    if (this.#ended) return;
    this.#unreadBytes = 0;
    if (now - this.#seenAt >= seenAtStepMs) {
      this.#seenAt = now;
      this.save(this.session.kept);
    }
    this.#host.intake.arrive(this, frame, now);
  }

  /** Decodes a frame, when it is next. */
  read(frame: Frame, now: number): Work | undefined {
    if (this.#ended) return undefined;
    if (this.#waiting) {
      this.#enqueue(this.#waiting, frame);
      return undefined;
    }
    this.#dialect ??= this.#host.dialects.recognising(frame);
    const decoded = this.#dialect.decode(frame);
    if (decoded.kind === "token") return this.#authenticate(decoded, frame);
    if (decoded.kind === "presence") {
      const refused = this.#host.partition.show(this.session, decoded, now);
      return refused && this.#work(refused);
    }
    return this.#mustClaim(decoded) ? this.#claimFor(decoded, frame) : this.#work(decoded);
  }

  overflowed(): void {
    this.end("overloaded");
  }

  get #currentDialect(): Dialect {
    return this.#dialect ?? this.#host.dialects.last;
  }

  #work(command: Command): Work {
    return { session: this.session, command };
  }

  /** Queues a frame behind the one that waits. */
  #enqueue(waiting: Frame[], frame: Frame): void {
    this.#waitingBytes += bytesOf(frame);
    const bytesMax = this.session.state.author ? bounds.bytesBehindTokenMax : bounds.unauthenticatedBytesMax;
    const full = waiting.length === bounds.framesBehindTokenMax || this.#waitingBytes > bytesMax;
    if (full) this.overflowed();
    else waiting.push(frame);
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
    if (!authenticate) return this.#work(command(undefined));
    this.#hold(frame, async () => {
      const author = await authenticate(this.session, token);
      return "code" in author ? { kind: "refused", requestId, failure: author } : command(author);
    });
    return undefined;
  }

  /** Queues all later frames until the command of this one is known, so that they stay in order. */
  #hold(frame: Frame, find: () => Promise<Command>): void {
    const waiting: Frame[] = [];
    this.#waiting = waiting;
    this.#waitingBytes = 0;
    void this.#resume(frame, waiting, find());
  }

  async #resume(frame: Frame, waiting: readonly Frame[], found: Promise<Command>): Promise<void> {
    const { intake, now, step } = this.#host;
    const command = await found.catch(() => undefined);
    step(() => {
      this.#waiting = undefined;
      // Nobody can say what the frame asks for. The client connects again, and sends its frames again.
      if (!command) {
        this.end("overloaded");
        return;
      }
      if (!this.#ended && !intake.offer(this, this.#work(command), bytesOf(frame))) this.overflowed();
      // At once: under load there are frames that arrived after these, and are not decoded yet.
      for (const next of waiting) intake.decode(this, next, now());
    });
  }

  deliver(replies: readonly Reply[], broadcasts: readonly EventRow[]): void {
    const dialect = this.#currentDialect;
    for (const frame of dialect.frames(replies, broadcasts, this.session.state.wire)) {
      this.#carrier.send(frame);
      this.#unreadBytes += frame.length;
    }
    for (const reply of replies) {
      if (reply.kind !== "error" && reply.kind !== "draining") continue;
      const code = reply.kind === "error" ? reply.failure.code : "draining";
      if (endsConnection(code)) this.end(code, "see the last message");
    }
    if (this.#unreadBytes > bounds.unreadBytesMax) this.#endIfUnread();
  }

  save(session: SessionState): void {
    // Not for a connection that has ended: it must not be restored after hibernation.
    if (this.#ended) return;
    const { traceId } = this.session;
    this.#carrier.save({
      session,
      seenAt: this.#seenAt,
      ...(this.#dialect ? { dialect: this.#dialect.name } : {}),
      ...(traceId === undefined ? {} : { traceId }),
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
    this.#host.intake.read();
    this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.connectionEnded(this);
  }

  /** Ends the connection if nothing was received for a long time: a peer can vanish without a Close. */
  endIfIdle(now: number): void {
    if (now - Math.max(this.#seenAt, this.#carrier.lastSignOfLife()) >= idleMsMax) this.end("idle");
  }

  /**
   * Platform fact: a socket does not report how much it buffers. So a client that sends no frame and no
   * heartbeat while this much is sent to it counts as one that does not read.
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
