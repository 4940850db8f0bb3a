import { segmentEvents } from "../../protocol/index.ts";

/** Bytes of a SHA-256. */
export const hashBytes = 32;

/** SHA-256 of bytes, or of the UTF-8 bytes of a text. */
type Hash = (bytes: Uint8Array | string) => Uint8Array;

/**
 * The nodes of the tree over whole segments. `level`: 0 is the root of a segment, and each next level covers twice as
 * many; `last`: the last segment that it covers. Only such nodes are asked for that are whole: they never change.
 */
export type NodeOf = (last: number, level: number) => Uint8Array;

/** The hash of a leaf (RFC 6962, 2.1): a leaf and a node never have the same input. */
export function leafHash(hash: Hash, text: string): Uint8Array {
  return hash(`\0${text}`);
}

export function nodeHash(hash: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + 2 * hashBytes);
  bytes[0] = 1;
  bytes.set(left, 1);
  bytes.set(right, 1 + hashBytes);
  return hash(bytes);
}

/** The levels of a segment, from its leaves to its root: each has half as many hashes as the one before. */
function levelsOf(hash: Hash, leaves: readonly Uint8Array[]): Uint8Array[][] {
  if (leaves.length !== segmentEvents) throw new Error(`a segment has ${segmentEvents} leaves`);
  const levels: Uint8Array[][] = [[...leaves]];
  for (let level = levels[0]!; level.length > 1; levels.push(level)) {
    const below = level;
    level = Array.from({ length: below.length / 2 }, (_, at) => nodeHash(hash, below[2 * at]!, below[2 * at + 1]!));
  }
  return levels;
}

/**
 * The nodes that are whole with the segment `segment`, which has these leaves: its root, and each larger node that ends
 * with it. Two a segment on the average.
 */
export function nodesEndingWith(
  hash: Hash,
  segment: number,
  leaves: readonly Uint8Array[],
  nodeOf: NodeOf,
): Uint8Array[] {
  const nodes = levelsOf(hash, leaves).at(-1)!;
  for (let level = 0; Math.floor(segment / 2 ** level) % 2 === 1; level++) {
    nodes.push(nodeHash(hash, nodeOf(segment - 2 ** level, level), nodes[level]!));
  }
  return nodes;
}

/** The root over the first `segments` segments. */
export function rootOf(hash: Hash, segments: number, nodeOf: NodeOf): Uint8Array {
  return rangeRoot(hash, 0, segments, nodeOf);
}

/**
 * The audit path (RFC 6962, 2.1.1) of the leaf `index` in the tree over the first `segments` segments, from its sibling to
 * the child of the root. `leaves`: of its segment.
 */
export function pathOf(
  hash: Hash,
  index: number,
  segments: number,
  leaves: readonly Uint8Array[],
  nodeOf: NodeOf,
): Uint8Array[] {
  let at = index % segmentEvents;
  const path: Uint8Array[] = [];
  for (const level of levelsOf(hash, leaves).slice(0, -1)) {
    path.push(level[at ^ 1]!);
    at >>= 1;
  }
  return [...path, ...pathIn(hash, Math.floor(index / segmentEvents), 0, segments, nodeOf)];
}

function pathIn(hash: Hash, segment: number, from: number, count: number, nodeOf: NodeOf): Uint8Array[] {
  if (count === 1) return [];
  const left = leftOf(count);
  return segment < from + left
    ? [...pathIn(hash, segment, from, left, nodeOf), rangeRoot(hash, from + left, count - left, nodeOf)]
    : [...pathIn(hash, segment, from + left, count - left, nodeOf), rangeRoot(hash, from, left, nodeOf)];
}

/**
 * The consistency proof (RFC 6962, 2.1.2) from the tree over the first `before` segments to that over the first `segments`:
 * it needs no leaf, because both trees end with a whole segment.
 */
export function consistencyOf(hash: Hash, before: number, segments: number, nodeOf: NodeOf): Uint8Array[] {
  return consistencyIn(hash, before, 0, segments, true, nodeOf);
}

/** `known`: its reader knows the root of this part, because it is the earlier tree. */
function consistencyIn(
  hash: Hash,
  before: number,
  from: number,
  count: number,
  known: boolean,
  nodeOf: NodeOf,
): Uint8Array[] {
  if (before === count) return known ? [] : [rangeRoot(hash, from, count, nodeOf)];
  const left = leftOf(count);
  return before <= left
    ? [...consistencyIn(hash, before, from, left, known, nodeOf), rangeRoot(hash, from + left, count - left, nodeOf)]
    : [
        ...consistencyIn(hash, before - left, from + left, count - left, false, nodeOf),
        rangeRoot(hash, from, left, nodeOf),
      ];
}

function rangeRoot(hash: Hash, from: number, count: number, nodeOf: NodeOf): Uint8Array {
  const level = Math.log2(count);
  if (Number.isInteger(level)) return nodeOf(from + count - 1, level);
  const left = leftOf(count);
  return nodeHash(hash, rangeRoot(hash, from, left, nodeOf), rangeRoot(hash, from + left, count - left, nodeOf));
}

/** The largest power of two below `count`. */
function leftOf(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}
