import {
  type Command,
  type Effect,
  type Intake,
  type Partition,
  Session,
  type SessionState,
  type Subscriber,
} from "../core/index.ts";
import { endsConnection, type Failure, bounds, type Author } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import type { Dialect, TokenFrame } from "../wire/dialect.ts";

/** A peer from which nothing came for so long is taken for gone; clients send a heartbeat far more often. */
const idleMsMax = 10 * 60 * 1_000;
/** How exactly the time of a connection's last frame survives hibernation. */
const seenAtStepMs = 60 * 1_000;

/** What is kept of a connection over hibernation; the platform's limit is 16 KiB. */
export interface Attachment {
  session: SessionState;
  /** When the last frame came, to the nearest `seenAtStepMs`. */
  seenAt: number;
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
  readonly codec: Dialect;
  readonly intake: Intake;
  /** Whom the token of a frame speaks for, or why it is not taken; undefined: tokens are not looked at here. */
  authenticate: ((session: Session, token: string) => Promise<Author | Failure>) | undefined;
  /** Whether the partition has to be counted among its tenant's before it is written to. */
  mustClaim(): boolean;
  /** Counts it; why that cannot be, if so. */
  claim(author: Author): Promise<Failure | undefined>;
  /** Runs what did not come by a frame. */
  step<T>(body: () => T): T;
  /** It is over; said once. */
  left(connection: Connection): void;
}

/** One connection: its session, frames in and out, and whether its peer still reads. What carries it is another's business. */
export class Connection implements Subscriber {
  readonly session: Session;
  readonly #carrier: Carrier;
  readonly #host: ConnectionHost;
  #seenAt: number;
  /** What was sent since the last sign of life, in UTF-16 units. */
  #unreadBytes = 0;
  /** The last sign of life other than a frame that was counted. */
  #aliveAt = 0;
  #over = false;
  /** The frames that wait while something has to be found out for the one before them; undefined: nothing has. */
  #waiting: (string | ArrayBuffer)[] | undefined;
  #waitingBytes = 0;

  constructor(carrier: Carrier, host: ConnectionHost, attachment: Attachment) {
    this.#carrier = carrier;
    this.#host = host;
    this.#seenAt = attachment.seenAt;
    this.session = new Session(this, attachment.session);
  }

  /** Takes a frame of the peer. */
  receive(frame: string | ArrayBuffer, now: number): void {
    if (this.#over) return;
    this.#unreadBytes = 0;
    if (now - this.#seenAt >= seenAtStepMs) {
      this.#seenAt = now;
      this.save(this.session.kept);
    }
    const bytes = typeof frame === "string" ? frame.length : frame.byteLength;
    this.#host.intake.arrive(() => this.#read(frame, bytes, now), bytes);
  }

  #read(frame: string | ArrayBuffer, bytes: number, now: number): void {
    if (this.#over) return;
    if (this.#waiting) {
      this.#waitingBytes += bytes;
      const bytesMax = this.session.state.author ? bounds.bytesBehindTokenMax : bounds.strangerBytesMax;
      const full = this.#waiting.length === bounds.framesBehindTokenMax || this.#waitingBytes > bytesMax;
      if (full) this.end(1013, "overloaded");
      else this.#waiting.push(frame);
      return;
    }
    const { partition, codec } = this.#host;
    const { session } = this;
    const decoded = codec.decode(frame);
    if (decoded.kind === "token") this.#takeToken(decoded, bytes);
    else if (decoded.kind === "presence") {
      const refused = partition.show(session, decoded, now);
      if (refused) this.#offer(refused, bytes);
    } else if (this.#mustClaim(decoded)) {
      const { requestId, submission } = decoded;
      this.#hold(bytes, async () => {
        const failure = await this.#host.claim(session.state.author!);
        return failure ? { kind: "overflow", requestId, draftId: submission.key, failure } : decoded;
      });
    } else this.#offer(decoded, bytes);
  }

  /** Whether this would be the partition's first write, of somebody whom it could be. */
  #mustClaim(command: Command): command is Extract<Command, { kind: "submit" }> {
    return command.kind === "submit" && this.session.state.client !== undefined && this.#host.mustClaim();
  }

  #offer(command: Command, bytes: number): void {
    if (!this.#host.intake.offer(this, { session: this.session, command }, bytes)) this.end(1013, "overloaded");
  }

  #takeToken({ requestId, token, command }: TokenFrame, bytes: number): void {
    const { authenticate } = this.#host;
    if (!authenticate) {
      this.#offer(command(undefined), bytes);
      return;
    }
    this.#hold(bytes, async () => {
      const author = await authenticate(this.session, token);
      return "code" in author ? { kind: "refused", requestId, failure: author } : command(author);
    });
  }

  /** Keeps the frames that come back until it is known what this one asks for, so that their order stays. */
  #hold(bytes: number, find: () => Promise<Command>): void {
    const waiting: (string | ArrayBuffer)[] = [];
    this.#waiting = waiting;
    this.#waitingBytes = 0;
    void find().then((command) =>
      this.#host.step(() => {
        this.#waiting = undefined;
        if (this.#over) return;
        this.#offer(command, bytes);
        for (const frame of waiting) this.receive(frame, Date.now());
      }),
    );
  }

  deliver(replies: readonly Effect[], broadcasts: readonly EventRow[]): void {
    const { codec } = this.#host;
    for (const frame of codec.frames(replies, broadcasts, this.session.state.wire)) {
      this.#carrier.send(frame);
      this.#unreadBytes += frame.length;
    }
    for (const effect of replies) {
      if (effect.kind !== "error" && effect.kind !== "draining") continue;
      const code = effect.kind === "error" ? effect.failure.code : "draining";
      if (endsConnection(code)) this.end(codec.closeCode(code), "see the last message");
    }
    if (this.#unreadBytes > bounds.unreadBytesMax) this.#endIfUnread();
  }

  save(session: SessionState): void {
    // Not of one that was ended meanwhile: nothing may wake up with it.
    if (!this.#over) this.#carrier.save({ session, seenAt: this.#seenAt });
  }

  /** Ends it if it has not brought its token. */
  endIfStranger(): void {
    if (this.#over || !this.session.state.awaitsToken) return;
    this.end(this.#host.codec.closeCode("unauthenticated"), "no token came");
  }

  /** Ends it from here. */
  end(code: number, reason: string): void {
    this.#finish();
    this.#carrier.end(code, reason);
  }

  /** Its peer has left. What came before is taken as if it were still there. */
  leave(): void {
    this.#host.intake.read();
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.left(this);
  }

  /** Ends it if its peer has vanished without a word. */
  endIfIdle(now: number): void {
    if (now - Math.max(this.#seenAt, this.#carrier.lastSignOfLife()) >= idleMsMax) this.end(1001, "idle");
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
    this.end(1013, "slow_consumer");
  }
}
