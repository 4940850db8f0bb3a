import { previewOf } from "./json.ts";
import type { NodePath, TreeNode } from "./messages.ts";

/** Children that are shown at once; of more, ranges are shown. So no row ever has more. */
export const childrenMax = 100;
/** Characters of a value that is shown as a whole. */
const valueLengthMax = 200_000;

/** The root of a JSON value. */
export function rootOf(value: unknown): TreeNode {
  return nodeOf("state", [], value);
}

/** The children of the node at `path`, at most `childrenMax`. */
export function childrenOf(root: unknown, path: NodePath): TreeNode[] {
  const last = path.at(-1);
  const range = typeof last === "object" ? last : undefined;
  const base = range ? path.slice(0, -1) : path;
  const parent = resolve(root, base);
  const keys = Array.isArray(parent) ? undefined : keysOf(parent);
  const keyAt = (at: number): string | number => keys?.[at] ?? at;
  const { from, to } = range ?? { from: 0, to: (keys ?? (parent as unknown[])).length - 1 };
  const count = to - from + 1;
  if (count <= childrenMax) {
    return Array.from({ length: count }, (_, at) => {
      const key = keyAt(from + at);
      return nodeOf(String(key), [...base, key], member(parent, key));
    });
  }
  // Ranges of a hundred, or of ten thousand, or of a million.
  let width = childrenMax;
  while (Math.ceil(count / width) > childrenMax) width *= childrenMax;
  const base0 = withoutRanges(base);
  return Array.from({ length: Math.ceil(count / width) }, (_, at) => {
    const first = from + at * width;
    const end = Math.min(first + width - 1, to);
    return {
      key: `${first}…${end}`,
      path: [...base0, { from: first, to: end }],
      kind: "range",
      size: end - first + 1,
      preview: keys ? `${keyAt(first)} … ${keyAt(end)}` : "",
    };
  });
}

/** The value at `path` as indented text; of a large one the beginning. */
export function textAt(root: unknown, path: NodePath): string {
  const value = resolve(root, withoutRanges(path));
  return previewOf(value, valueLengthMax);
}

function withoutRanges(path: NodePath): NodePath {
  return path.filter((part) => typeof part !== "object");
}

function resolve(root: unknown, path: NodePath): unknown {
  let value = root;
  for (const part of path) if (typeof part !== "object") value = member(value, part);
  return value;
}

/** The keys of large objects, which each of their ranges needs. */
const known = new WeakMap<object, readonly string[]>();

function keysOf(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const keys = known.get(value) ?? Object.keys(value);
  known.set(value, keys);
  return keys;
}

function member(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function nodeOf(key: string, path: NodePath, value: unknown): TreeNode {
  if (Array.isArray(value)) return { key, path, kind: "array", size: value.length, preview: previewOf(value) };
  if (typeof value === "object" && value !== null) {
    return { key, path, kind: "object", size: keysOf(value).length, preview: previewOf(value) };
  }
  const kind = value === null ? "null" : (typeof value as "string" | "number" | "boolean");
  return { key, path, kind, size: 0, preview: previewOf(value) };
}
