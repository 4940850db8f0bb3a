import { bounds } from "../protocol/index.ts";

/** How many runs of frames can be proven separately; beyond that the newest run grows. */
const runsMax = 64;
/** More than the chunks of any snapshot. */
const chunksMax = 2 ** 16;
/** The precision with which unproven bytes are stored over hibernation. */
const keptStepBytes = 1024 * 1024;

/** What is kept of a connection's outstanding bytes over hibernation. */
export interface KeptOutstanding {
  /** Bytes that are not proven to be read. */
  unproven: number;
  /** The last event that was proven to be read; -1: none. */
  provenEventId: number;
}

/** A chunk of a snapshot. */
export interface Chunk {
  readonly eventId: number;
  readonly chunk: number;
}

/** Bytes of which a number a second is assumed to be read. */
class PacedBytes {
  readonly #perSecond: number;
  #bytes = 0;
  #at = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  at(now: number): number {
    const seconds = Math.max(now - this.#at, 0) / 1_000;
    this.#at = now;
    return (this.#bytes = Math.max(this.#bytes - seconds * this.#perSecond, 0));
  }

  /** Adds bytes; negative: takes them away. */
  add(bytes: number, now: number): void {
    this.#bytes = Math.max(this.at(now) + bytes, 0);
  }

  /** In how many milliseconds fewer than `most` are left; 0: now. */
  msUntilBelow(most: number, now: number): number {
    const excess = this.at(now) - most;
    return excess < 0 ? 0 : Math.floor((excess / this.#perSecond) * 1_000) + 1;
  }
}

/** What was sent in an order of its own, as events or chunks: a reader that knows a position has read what was sent until then. */
class Proofs {
  #delivered = -1;
  #proven: number;
  /** Each: a reader that knows the position has read what was sent up to `end`. */
  #runs: { position: number; end: number }[] = [];

  constructor(proven = -1) {
    this.#proven = proven;
  }

  /** The last position that was proven; -1: none. */
  get proven(): number {
    return this.#proven;
  }

  /** Counts what was delivered up to `position`, with `end` bytes sent. After a seek backwards positions come again. */
  delivered(position: number, end: number): void {
    if (position === this.#delivered) return;
    this.#delivered = position;
    const runs = this.#runs;
    while (runs.length > 0 && runs.at(-1)!.position >= position) runs.pop();
    if (runs.length === runsMax) runs.pop();
    runs.push({ position, end });
  }

  /** How many bytes this position proves to be read; undefined: none, because it was not sent, or was named before. */
  prove(position: number): number | undefined {
    if (position > this.#delivered || position <= this.#proven) return undefined;
    this.#proven = position;
    let end: number | undefined;
    while (this.#runs.length > 0 && this.#runs[0]!.position <= position) ({ end } = this.#runs.shift()!);
    return end;
  }
}

/** The position of a chunk of the snapshot at `eventId`. */
function chunkPosition({ eventId, chunk }: Chunk): number {
  return eventId * chunksMax + chunk;
}

/** The outstanding bytes of one principal. */
interface Principal {
  readonly paced: PacedBytes;
  /** What the replies to its drafts may have that are being decided. */
  reserved: number;
  readonly connections: Set<Outstanding>;
  /** The unproven bytes of its connections, of each what is beyond `bounds.outstandingBytesPerConnectionMax`. */
  unproven: number;
}

/** The outstanding bytes of a partition's connections together: of each principal, and of all. */
export class OutstandingSums {
  readonly #paced = new PacedBytes(bounds.readBytesPerSecondOfPartition);
  readonly #principals = new Map<string, Principal>();
  #reserved = 0;

  /** Adds a connection to its principal. */
  join(name: string, connection: Outstanding): Principal {
    let principal = this.#principals.get(name);
    if (!principal) {
      const paced = new PacedBytes(bounds.readBytesPerSecondPerPrincipal);
      principal = { paced, reserved: 0, connections: new Set(), unproven: 0 };
      this.#principals.set(name, principal);
    }
    principal.connections.add(connection);
    return principal;
  }

  leave(name: string, connection: Outstanding): void {
    const principal = this.#principals.get(name);
    principal?.connections.delete(connection);
    if (principal?.connections.size === 0) this.#principals.delete(name);
  }

  /** Adds bytes; negative: takes them away. */
  add(bytes: number, principal: Principal | undefined, now: number): void {
    this.#paced.add(bytes, now);
    principal?.paced.add(bytes, now);
  }

  /** Reserves bytes; negative: releases them. */
  reserve(bytes: number, principal: Principal | undefined): void {
    this.#reserved += bytes;
    if (principal) principal.reserved += bytes;
  }

  /** What is outstanding of all connections. */
  unread(now: number): number {
    return this.#paced.at(now) + this.#reserved;
  }

  /** In how many milliseconds both sums are below their bounds; 0: now. */
  msUntilBelow(principal: Principal | undefined, now: number): number {
    return Math.max(
      this.#paced.msUntilBelow(bounds.outstandingBytesMax - this.#reserved, now),
      principal?.paced.msUntilBelow(bounds.outstandingBytesPerPrincipalMax - principal.reserved, now) ?? 0,
    );
  }
}

/**
 * What was sent to one connection and not read yet, as far as that can be known. Platform fact: a socket does not
 * report how much it buffers. So what the client proves counts as read: by an event id that it can know only from
 * what was delivered to it, each once. Clients that prove nothing are assumed to read at a slow pace, for a bounded
 * number of bytes (docs/decisions/0011-outstanding.md). Bytes are counted in UTF-16 units.
 */
export class Outstanding {
  readonly #sums: OutstandingSums;
  readonly #exhausted: () => void;
  readonly #paced = new PacedBytes(bounds.readBytesPerSecond);
  #principal: Principal | undefined;
  #principalName: string | undefined;
  #sent: number;
  #proven = 0;
  /** When it was last assumed how much a passive client has read. */
  #assumedAt = 0;
  readonly #events: Proofs;
  readonly #chunks = new Proofs();
  /** The probes that may be returned, in the order in which they were sent, and how much was sent before each. */
  readonly #probes = new Map<string, number>();
  #probedAt = 0;
  /** What the reply to each draft that is being decided may have, in their order, and all of them. */
  readonly #reservations: number[] = [];
  #reserved = 0;
  #kept: number;

  /** `exhausted`: called when so much is not proven to be read that the connection has to end. */
  constructor(sums: OutstandingSums, kept: KeptOutstanding | undefined, exhausted: () => void) {
    this.#sums = sums;
    this.#exhausted = exhausted;
    this.#sent = this.#kept = kept?.unproven ?? 0;
    this.#events = new Proofs(kept?.provenEventId);
  }

  /** Bytes that are not proven to be read. */
  get unproven(): number {
    return this.#sent - this.#proven;
  }

  /** What is stored over hibernation; undefined: too little for that. */
  get kept(): KeptOutstanding | undefined {
    this.#kept = this.unproven;
    return this.unproven < keptStepBytes ? undefined : { unproven: this.unproven, provenEventId: this.#events.proven };
  }

  /** Whether what is stored over hibernation is out of date. */
  get mustKeep(): boolean {
    return Math.abs(this.unproven - this.#kept) >= keptStepBytes;
  }

  /**
   * Counts bytes that were sent. `delivered`: the last event that was delivered with them. `askedAt`: when they are sent,
   * where frames have asked for them, who may ask for more only when they are read; undefined of what a commit brings to all.
   */
  sent(bytes: number, delivered: number, askedAt: number | undefined): void {
    this.#sent += bytes;
    this.#events.delivered(delivered, this.#sent);
    if (askedAt !== undefined) {
      this.#paced.add(bytes, askedAt);
      this.#sums.add(bytes, this.#principal, askedAt);
    }
    const own = this.unproven;
    this.#countBeyond(own - bytes, own);
    if (own > bounds.unprovenBytesPerConnectionMax) this.#exhausted();
    else if (this.#principal && this.#principal.unproven > bounds.unprovenBytesPerPrincipalMax) {
      largestOf(this.#principal.connections).#exhausted();
    }
  }

  /** Counts what the reply to a draft may have, until it is sent: drafts are decoded before others are decided. */
  reserve(bytes: number): void {
    this.#reservations.push(bytes);
    this.#changeReserved(bytes);
  }

  /** The reply to the first of these drafts is sent, and counts itself. */
  release(): void {
    this.#changeReserved(-(this.#reservations.shift() ?? 0));
  }

  #changeReserved(bytes: number): void {
    this.#reserved += bytes;
    this.#sums.reserve(bytes, this.#principal);
  }

  /** What the replies to its drafts may have that are being decided. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Counts a chunk that was sent with the last bytes. */
  sentChunk(chunk: Chunk): void {
    this.#chunks.delivered(chunkPosition(chunk), this.#sent);
  }

  /** The client knows the event: what was sent up to it is read. Returns whether anything is proven by it. */
  prove(eventId: number, now: number): boolean {
    return this.#prove(this.#events.prove(eventId), now);
  }

  /** The same for a request for a chunk: what was sent up to the chunk before is read. */
  proveChunk(chunk: Chunk, now: number): boolean {
    return chunk.chunk > 0 && this.#prove(this.#chunks.prove(chunkPosition(chunk) - 1), now);
  }

  /** Whether so much was sent since the last proof and the last probe that a probe has to follow. */
  get probeDue(): boolean {
    return this.#sent - Math.max(this.#proven, this.#probedAt) >= bounds.probeEveryBytes;
  }

  /** Counts a probe, which nobody can guess: who returns it has read what was sent until now. */
  probed(probe: string): void {
    for (const [earlier, end] of this.#probes) if (end <= this.#proven) this.#probes.delete(earlier);
    this.#probes.set(probe, (this.#probedAt = this.#sent));
  }

  /** The client returns a probe: what was sent before it is read. */
  proveProbe(probe: string, now: number): boolean {
    return this.#prove(this.#probes.get(probe), now);
  }

  /** A client whose wire has nothing to prove with has read as much as fits the time since the last call. */
  assumeRead(now: number): void {
    const read = (Math.max(now - this.#assumedAt, 0) / 1_000) * bounds.passiveReadBytesPerSecond;
    this.#assumedAt = now;
    const before = this.unproven;
    this.#proven += Math.min(Math.floor(read), before);
    this.#countBeyond(before, this.unproven);
  }

  #prove(end: number | undefined, now: number): boolean {
    if (end === undefined || end <= this.#proven) return false;
    const before = this.unproven;
    const outstanding = this.at(now);
    this.#proven = end;
    this.#countBeyond(before, this.unproven);
    const released = Math.max(outstanding - this.unproven, 0);
    this.#paced.add(-released, now);
    this.#sums.add(-released, this.#principal, now);
    return true;
  }

  /** The outstanding bytes of what it has asked for. */
  at(now: number): number {
    return Math.min(this.#paced.at(now), this.unproven);
  }

  /** In how many milliseconds its frames are served again, unless something is proven before; 0: now. */
  msUntilServed(now: number): number {
    const own = this.at(now) + this.#reserved;
    if (own < bounds.outstandingShareBytes) return 0;
    const shared = this.#sums.msUntilBelow(this.#principal, now);
    return own < bounds.outstandingBytesPerConnectionMax
      ? shared
      : Math.max(shared, this.#paced.msUntilBelow(bounds.outstandingBytesPerConnectionMax - this.#reserved, now));
  }

  /** Counts it for its principal, too, as soon as that is known. */
  belongsTo(principal: string): void {
    if (this.#principal) return;
    this.#principalName = principal;
    this.#principal = this.#sums.join(principal, this);
    this.#principal.reserved += this.#reserved;
    this.#countBeyond(0, this.unproven);
  }

  /** The connection has ended, and its buffer with it. */
  close(now: number): void {
    this.#sums.add(-this.at(now), this.#principal, now);
    this.#changeReserved(-this.#reserved);
    this.#reservations.length = 0;
    this.#countBeyond(this.unproven, 0);
    if (this.#principalName !== undefined) this.#sums.leave(this.#principalName, this);
  }

  #countBeyond(before: number, after: number): void {
    if (this.#principal) this.#principal.unproven += beyond(after) - beyond(before);
  }
}

function beyond(bytes: number): number {
  return Math.max(bytes - bounds.outstandingBytesPerConnectionMax, 0);
}

function largestOf(connections: Iterable<Outstanding>): Outstanding {
  return [...connections].reduce((largest, other) => (other.unproven > largest.unproven ? other : largest));
}
