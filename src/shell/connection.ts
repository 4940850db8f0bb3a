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
  type Subscriber,
  type Work,
} from "../core/index.ts";
import { type Author, bounds, endsConnection, type Failure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import type { Dialect, EndReason, TokenFrame } from "../wire/dialect.ts";
import type { Dialects } from "../wire/dialects.ts";

type Submit = Extract<Command, { kind: "submit" }>;

/** A peer from which nothing came for so long is taken for gone; clients send a heartbeat far more often. */
const idleMsMax = 10 * 60 * 1_000;
/** How exactly the time of a connection's last frame survives hibernation. */
const seenAtStepMs = 60 * 1_000;

/** What is kept of a connection over hibernation; the platform's limit is 16 KiB. */
export interface Attachment {
  session: SessionState;
  /** When the last frame came, to the nearest `seenAtStepMs`. */
  seenAt: number;
  /** The name of the dialect that it speaks; absent: its first frame says so, or an earlier version wrote this. */
  dialect?: string;
  /** The trace id of the upgrade, where it came with a `traceparent`: problems of the connection have it, too. */
  traceId?: string;
}

/** What carries a connection's frames: a WebSocket, or a pair of HTTP requests. */
export interface Carrier {
  /** Must not throw, whatever has become of the peer. */
  send(frame: string): void;
  /** Ends it: after what was sent, the peer is told these. Must not throw. */
  end(code: number, reason: string): void;
  /** Keeps it over hibernation. */
  save(attachment: Attachment): void;
  /** When the peer last showed that it is there, other than by a frame; in milliseconds since 1970, 0: never. */
  lastSignOfLife(): number;
}

/** What a connection is part of. */
export interface ConnectionHost {
  readonly partition: Partition;
  readonly dialects: Dialects;
  readonly intake: Intake;
  now(): number;
  /** Returns the author of a token that came in a frame, or why it is refused; undefined in open development mode, where tokens are ignored. */
  authenticate: ((session: Session, token: string) => Promise<Author | Failure>) | undefined;
  /** Whether the partition has to be counted by its tenant before it is written to. */
  mustClaim(): boolean;
  /** Has it counted. Returns why that is refused, or undefined. */
  claim(author: Author): Promise<Failure | undefined>;
  /** Runs what did not come by a frame. */
  step<T>(body: () => T): T;
  /** The connection has ended; called once. */
  left(connection: Connection): void;
}

/** One connection: its session, its frames in and out, and whether its peer still reads. Its carrier is another's business. */
export class Connection implements Subscriber, FrameSource {
  readonly session: Session;
  readonly #carrier: Carrier;
  readonly #host: ConnectionHost;
  /** Undefined until the first frame, where the upgrade has chosen none. */
  #dialect: Dialect | undefined;
  #seenAt: number;
  /** What was sent since the last sign of life, in UTF-16 units. */
  #unreadBytes = 0;
  /** The last sign of life other than a frame that was counted. */
  #aliveAt = 0;
  #over = false;
  /** The frames that wait for the one before them, which waits for an answer from elsewhere; undefined: nothing does. */
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
    if (this.#over) return;
    this.#unreadBytes = 0;
    if (now - this.#seenAt >= seenAtStepMs) {
      this.#seenAt = now;
      this.save(this.session.kept);
    }
    this.#host.intake.arrive(this, frame, now);
  }

  /** Decodes a frame, when its turn comes. */
  read(frame: Frame, now: number): Work | undefined {
    if (this.#over) return undefined;
    if (this.#waiting) {
      this.#putBehind(this.#waiting, frame);
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

  get #spoken(): Dialect {
    return this.#dialect ?? this.#host.dialects.last;
  }

  #work(command: Command): Work {
    return { session: this.session, command };
  }

  /** Keeps a frame until the one before it has its answer. */
  #putBehind(waiting: Frame[], frame: Frame): void {
    this.#waitingBytes += bytesOf(frame);
    const bytesMax = this.session.state.author ? bounds.bytesBehindTokenMax : bounds.strangerBytesMax;
    const full = waiting.length === bounds.framesBehindTokenMax || this.#waitingBytes > bytesMax;
    if (full) this.overflowed();
    else waiting.push(frame);
  }

  /** Whether this would be the partition's first write, by an author who may write. */
  #mustClaim(command: Command): command is Submit {
    return command.kind === "submit" && this.session.state.client !== undefined && this.#host.mustClaim();
  }

  #claimFor(command: Submit, frame: Frame): undefined {
    const { requestId, submission } = command;
    this.#hold(frame, async () => {
      const failure = await this.#host.claim(this.session.state.author!);
      return failure ? { kind: "overflow", requestId, draftId: submission.key, failure } : command;
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

  /** Keeps the frames that come from here on until it is known what this one asks for, so that their order stays. */
  #hold(frame: Frame, find: () => Promise<Command>): void {
    const waiting: Frame[] = [];
    this.#waiting = waiting;
    this.#waitingBytes = 0;
    void this.#goOn(frame, waiting, find());
  }

  async #goOn(frame: Frame, waiting: readonly Frame[], found: Promise<Command>): Promise<void> {
    const command = await found;
    const { intake, now } = this.#host;
    this.#host.step(() => {
      try {
        // Frames that have arrived, and are not decoded yet, came after those that wait here: they join them.
        intake.read();
      } finally {
        this.#waiting = undefined;
        if (!this.#over && !intake.offer(this, this.#work(command), bytesOf(frame))) this.overflowed();
        for (const next of waiting) intake.decode(this, next, now());
      }
    });
  }

  deliver(replies: readonly Reply[], broadcasts: readonly EventRow[]): void {
    const dialect = this.#spoken;
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
    // Not of one that was ended meanwhile: nothing may wake up with it.
    if (this.#over) return;
    const { traceId } = this.session;
    this.#carrier.save({
      session,
      seenAt: this.#seenAt,
      ...(this.#dialect ? { dialect: this.#dialect.name } : {}),
      ...(traceId === undefined ? {} : { traceId }),
    });
  }

  /** Ends it if it has not sent its token. */
  endIfUnauthenticated(): void {
    if (this.#over || !this.session.state.awaitsToken) return;
    this.end("unauthenticated", "no token came");
  }

  /** Ends it from here. `text`: what the peer receives with the close code. */
  end(reason: EndReason, text: string = reason): void {
    this.#finish();
    this.#carrier.end(this.#spoken.closeCode(reason), text);
  }

  /** Its peer has left. The frames that came before are handled as if it were still there. */
  leave(): void {
    this.#host.intake.read();
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.left(this);
  }

  /** Ends it if its peer has vanished without a Close. */
  endIfIdle(now: number): void {
    if (now - Math.max(this.#seenAt, this.#carrier.lastSignOfLife()) >= idleMsMax) this.end("idle");
  }

  /**
   * Platform fact: nothing tells how much waits in a socket. So a client from which nothing came,
   * no frame and no heartbeat, while this much was sent is taken for one that does not read.
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
