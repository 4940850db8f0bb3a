import { type AuditHead, type Failure, leafText, segmentEvents } from "../../protocol/index.ts";
import { AuditTable, type EventRow, type Storage, submitterOf } from "../../storage/port.ts";
import { costOfBytes } from "../cost.ts";
import type { Environment } from "../environment.ts";
import { hexOf } from "../hex.ts";
import type { Memory } from "../memory.ts";
import { Refusal } from "../refusal.ts";
import { consistencyOf, hashBytes, leafHash, nodesEndingWith, pathOf, rootOf } from "./merkle.ts";

/** What one step reads and hashes: about a millisecond. */
const stepEvents = 128;
const stepBytes = 256 * 1_024;
/** A leaf, in the units of `State.work`: its row is read, and two hashes take 2 µs (docs/decisions/0027-audit.md). */
export const leafCost = 16;

/** A segment that is being sealed. */
export interface SegmentDraft {
  readonly segment: number;
  /** The hashes of its leaves, as far as they are made. */
  readonly leaves: Uint8Array[];
}

/** A segment whose head is to be signed. */
export interface UnsignedSegment extends SegmentDraft {
  readonly nodes: readonly Uint8Array[];
  readonly head: AuditHead;
}

/** What shows that an event is in the log: see PROTOCOL 15.4. */
export interface AuditProof {
  readonly eventId: number;
  /** A compact JWS. */
  readonly head: string;
  /** Hashes in hexadecimal, from the sibling of the event's leaf on. */
  readonly path: readonly string[];
}

/** What shows that the log of an earlier head is the beginning of that of a later one: see PROTOCOL 15.6. */
export interface ConsistencyProof {
  /** The signed head of `from` events, and the later one. */
  readonly earlier: string;
  readonly head: string;
  /** Hashes in hexadecimal, as RFC 6962, 2.1.2, orders them. */
  readonly path: readonly string[];
}

/** The audit of the log: signed heads of a Merkle tree over it, and proofs that an event is in it. */
export class Audit {
  readonly #environment: Environment;
  readonly #memory: Memory;
  readonly #table: AuditTable;

  constructor(environment: Environment, memory: Memory) {
    this.#environment = environment;
    this.#memory = memory;
    this.#table = environment.ports.storage.table(AuditTable);
  }

  /** How many segments are sealed in this storage. */
  static segmentsIn(storage: Storage): number {
    return storage.table(AuditTable).segments();
  }

  /** Begins the next segment; undefined: it is not whole. */
  begin(now: number): SegmentDraft | undefined {
    const { head, sealing } = this.#memory.load(now);
    return head.eventId < sealing.wholeAt ? undefined : { segment: sealing.segment, leaves: [] };
  }

  /**
   * Hashes the next leaves. Returns what it cost, in the units of `State.work`; undefined: all are there.
   *
   * @throws Damage where an event cannot be read.
   */
  hashMore({ segment, leaves }: SegmentDraft, now: number): number | undefined {
    const left = segmentEvents - leaves.length;
    if (left === 0) return undefined;
    this.#memory.load(now);
    const { storage } = this.#environment.ports;
    const rows = storage.events.after(segment * segmentEvents + leaves.length, Math.min(left, stepEvents), stepBytes);
    let bytes = 0;
    for (const row of rows) {
      leaves.push(hashOfLeaf(this.#environment, row));
      bytes += row.payloadBytes;
    }
    return rows.length * leafCost + costOfBytes(bytes);
  }

  /** The head that a segment makes, all of whose leaves are hashed. */
  close({ segment, leaves }: SegmentDraft, now: number): UnsignedSegment {
    const live = this.#memory.load(now);
    const { name, ports } = this.#environment;
    const nodes = nodesEndingWith(ports.sha256, segment, leaves, this.#nodeOf);
    const nodeOf = (last: number, level: number) => (last === segment ? nodes[level]! : this.#nodeOf(last, level));
    const root = hexOf(rootOf(ports.sha256, segment + 1, nodeOf));
    const size = (segment + 1) * segmentEvents;
    return { segment, leaves, nodes, head: { ...name, logId: live.logId!, size, root, timestamp: now } };
  }

  /** Stores a segment with its signed head, unless it was sealed meanwhile. */
  seal({ segment, leaves, nodes }: UnsignedSegment, signedHead: string, now: number): void {
    const { head, sealing, schedule } = this.#memory.load(now);
    if (sealing.segment !== segment) return;
    this.#memory.write(now, () => {
      this.#table.append({ segment, head: signedHead, nodes: joined(nodes), leaves: joined(leaves) });
      sealing.advance();
    });
    schedule.derive("seal", head.eventId < sealing.wholeAt ? undefined : now);
  }

  /**
   * The newest signed head.
   *
   * @throws Refusal where there is none.
   */
  head(now: number): string {
    return this.#headOf(this.#segments(now));
  }

  /**
   * Proves that an event is in the log, by the newest signed head or by that of `size` events.
   *
   * @throws Refusal where there is no such head, or it does not cover the event.
   */
  proof(eventId: number, size: number | undefined, now: number): AuditProof {
    const segments = size === undefined ? this.#segments(now) : this.#segmentsOf(size, now);
    if (eventId > segments * segmentEvents) throw new Refusal(notCovered);
    const { ports } = this.#environment;
    const index = eventId - 1;
    const leaves = parted(this.#table.leaves(Math.floor(index / segmentEvents))!);
    const path = pathOf(ports.sha256, index, segments, leaves, this.#nodeOf).map(hexOf);
    return { eventId, head: this.#headOf(segments), path };
  }

  /**
   * Proves that the log of `from` events is the beginning of that of `size` events; absent: of the newest head.
   *
   * @throws Refusal where one of these heads is not there, or the later one is the smaller.
   */
  consistency(from: number, size: number | undefined, now: number): ConsistencyProof {
    const before = this.#segmentsOf(from, now);
    const segments = size === undefined ? this.#segments(now) : this.#segmentsOf(size, now);
    if (before > segments) throw new Refusal(noSuchHead);
    const path = consistencyOf(this.#environment.ports.sha256, before, segments, this.#nodeOf).map(hexOf);
    return { earlier: this.#headOf(before), head: this.#headOf(segments), path };
  }

  /** How many segments are sealed, one at least. */
  #segments(now: number): number {
    this.#memory.load(now);
    const { model, sealed } = this.#environment;
    if (!model.audit) throw new Refusal(noAudit);
    const segments = this.#table.segments();
    if (segments === 0) throw new Refusal(sealed ? nothingSealed : noKey);
    return segments;
  }

  #segmentsOf(size: number, now: number): number {
    const segments = size / segmentEvents;
    if (!Number.isInteger(segments) || segments < 1 || segments > this.#segments(now)) throw new Refusal(noSuchHead);
    return segments;
  }

  #headOf(segments: number): string {
    return this.#table.head(segments - 1)!;
  }

  readonly #nodeOf = (last: number, level: number): Uint8Array => parted(this.#table.nodes(last)!)[level]!;
}

/** The hash of an event's leaf. */
export function hashOfLeaf({ name, authors, ports }: Environment, row: EventRow): Uint8Array {
  const { eventId, type, version, timestamp, payload } = row;
  const shown = {
    clientId: authors.clientIdOf(row.clientId),
    author: authors.of(submitterOf(row)),
    ...row.annotations,
  };
  const text = leafText({ eventId, partition: name.partition, type, version, timestamp, payload, ...shown });
  return leafHash(ports.sha256, text);
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * hashBytes);
  for (const [at, hash] of hashes.entries()) bytes.set(hash, at * hashBytes);
  return bytes;
}

function parted(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / hashBytes }, (_, at) =>
    bytes.subarray(at * hashBytes, (at + 1) * hashBytes),
  );
}

const noAudit: Failure = { code: "not_found", detail: "The model of this partition has no audit proofs." };
const noKey: Failure = {
  code: "not_configured",
  detail: "This deployment signs no audit proofs: set PARTITA_AUDIT_KEYS.",
};
const nothingSealed: Failure = {
  code: "not_found",
  detail: `There is no signed head yet: the first one covers ${segmentEvents} events.`,
};
const noSuchHead: Failure = { code: "not_found", detail: `There is no signed head of this size.` };
const notCovered: Failure = { code: "not_found", detail: "The signed head does not cover this event." };
