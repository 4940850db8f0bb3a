import {
  type Effect,
  type Intake,
  type Partition,
  Session,
  type SessionState,
  type Subscriber,
} from "../core/index.ts";
import { closeCode, limits } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import type { Codec } from "./codec.ts";

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
  readonly codec: Codec;
  readonly intake: Intake;
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
      this.save(this.session.state);
    }
    const { partition, codec, intake } = this.#host;
    const { session } = this;
    const decoded = codec.decode(frame);
    const command = decoded.kind === "presence" ? partition.show(session, decoded, now) : decoded;
    if (!command) return;
    const bytes = typeof frame === "string" ? frame.length : frame.byteLength;
    if (!intake.offer(this, { session, command }, bytes)) this.end(1013, "overloaded");
  }

  deliver(replies: readonly Effect[], broadcasts: readonly EventRow[]): void {
    const arrays = this.session.state.client?.arrays === true;
    for (const frame of this.#host.codec.frames(replies, broadcasts, arrays)) {
      this.#carrier.send(frame);
      this.#unreadBytes += frame.length;
    }
    for (const effect of replies) {
      const code = effect.kind === "error" ? closeCode(effect.problem.code) : undefined;
      if (code !== undefined) this.end(code, "see the last message");
    }
    if (this.#unreadBytes > limits.unreadBytesMax) this.#endIfUnread();
  }

  save(session: SessionState): void {
    // Not of one that was ended meanwhile: nothing may wake up with it.
    if (!this.#over) this.#carrier.save({ session, seenAt: this.#seenAt });
  }

  /** Ends it from here. */
  end(code: number, reason: string): void {
    this.leave();
    this.#carrier.end(code, reason);
  }

  /** Its peer has left. */
  leave(): void {
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
