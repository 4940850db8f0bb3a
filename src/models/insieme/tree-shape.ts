import type { DerivedHost } from "../../model/index.ts";
import { isJsonObject } from "../../protocol/index.ts";
import { root } from "./shapes.ts";

/** A node of a tree: its data is in `items`, under the same id. */
export interface TreeNode {
  id: string;
  children?: TreeNode[];
}

/** What is known of a node. */
interface Entry {
  readonly node: TreeNode;
  parent: string;
  /** The heights of its children, each followed by how many have it; the highest first. Absent for a leaf. */
  heights: number[] | undefined;
}

/** Removed ids are swept out from this number on. */
const sweepMin = 1_024;

/**
 * Where the nodes of a tree are, by their ids: derived from its array of nodes in one pass, and kept current. Each
 * question and each change costs the depth of a node at most, but for a removal, which costs what is removed.
 *
 * Heights are kept because a moved subtree must not make the tree too deep, and to measure it would cost its size.
 */
export class TreeShape {
  /**
   * Whether each id names one node, and none the top. Tree events reject a tree that was set otherwise: its nodes
   * would be ambiguous, and a traversal to the top by id might not end. They keep a sound tree sound.
   */
  readonly isSound: boolean;
  /**
   * A removed id keeps its place until it is swept out with many others: a Map that loses and gets the same key again
   * and again becomes slow (measured: 60 µs, where this takes less than one).
   */
  readonly #entries = new Map<string, Entry | undefined>();
  #removed = 0;
  readonly #host: DerivedHost;

  /** Derives it from `nodes`, which can hold any JSON, because a `set` is not restricted: only valid nodes count. */
  constructor(nodes: readonly TreeNode[], host: DerivedHost) {
    this.#host = host;
    let sound = true;
    const open: Open[] = [{ id: root, entry: undefined, children: validNodes(nodes), at: 0 }];
    // Without recursion: the depth of what was set is not bounded here. Each node comes before what is below it.
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const node = top.children[top.at++];
      if (!node) {
        open.pop();
        const above = open.at(-1)?.entry;
        if (above) changeCount(above, heightOf(top.entry!), 1);
        continue;
      }
      const { id } = node;
      const entry: Entry = { node, parent: top.id, heights: undefined };
      if (id === root || this.#entries.has(id)) sound = false;
      this.#entries.set(id, entry);
      const children = validNodes(node.children);
      if (children.length > 0) open.push({ id, entry, children, at: 0 });
      else if (top.entry) changeCount(top.entry, 1, 1);
    }
    this.isSound = sound;
  }

  has(id: string): boolean {
    this.#host.count(1);
    return this.#entries.get(id) !== undefined;
  }

  /** The node, as reducers see it. */
  node(id: string): TreeNode | undefined {
    return this.#host.wrap(this.#entries.get(id)?.node);
  }

  /** The id of the node above; the top is the root. */
  parentOf(id: string): string | undefined {
    this.#host.count(1);
    return this.#entries.get(id)?.parent;
  }

  /** Levels from the top down to `id`: 0 for the top itself. */
  depthOf(id: string): number {
    let depth = 0;
    for (let at: string | undefined = id; at !== undefined && at !== root; at = this.#entries.get(at)?.parent) depth++;
    this.#host.count(depth);
    return depth;
  }

  /** Levels of the subtree at `id`, itself included. */
  heightOf(id: string): number {
    this.#host.count(1);
    const entry = this.#entries.get(id);
    return entry ? heightOf(entry) : 0;
  }

  /** Whether `id` is `ancestor` or below it. */
  isInside(id: string, ancestor: string): boolean {
    let steps = 0;
    let at: string | undefined = id;
    while (at !== undefined && at !== ancestor) {
      at = this.#entries.get(at)?.parent;
      steps++;
    }
    this.#host.count(steps);
    return at !== undefined;
  }

  /** Whether a node with this id would be below itself under `parent`: only where the id is in use, which the rules reject. */
  wouldLoop(id: string, parent: string): boolean {
    return this.#entries.get(id) !== undefined && this.isInside(parent, id);
  }

  /** Accounts for a node without children, inserted under `parent`: the item of `siblings` at index `at`. */
  insert(id: string, parent: string, siblings: readonly TreeNode[], at: number): void {
    const before = this.#entries.get(id);
    this.#host.journal(() => {
      this.#changeHeight(parent, 1, 0);
      this.#set(id, before);
    });
    this.#set(id, { node: this.#host.unwrap(siblings)[at]!, parent, heights: undefined });
    this.#changeHeight(parent, 0, 1);
  }

  /** Accounts for a node that was moved under `parent`, with its subtree. */
  move(id: string, parent: string): void {
    const entry = this.#entries.get(id)!;
    const { parent: before } = entry;
    this.#host.journal(() => this.#place(entry, before));
    this.#place(entry, parent);
  }

  /** Accounts for a removed node and all below it. Returns their ids. */
  remove(removed: TreeNode): string[] {
    const nodes = [this.#host.unwrap(removed)];
    // The list grows during the iteration.
    for (const { children } of nodes) for (const child of validNodes(children)) nodes.push(child);
    const ids = nodes.map(({ id }) => id);
    const known = ids.map((id) => this.#entries.get(id));
    const parent = known[0]?.parent ?? root;
    const height = known[0] ? heightOf(known[0]) : 0;
    this.#host.count(ids.length);
    this.#host.journal(() => {
      for (const [at, id] of ids.entries()) this.#set(id, known[at]);
      this.#changeHeight(parent, 0, height);
    });
    this.#changeHeight(parent, height, 0);
    for (const id of ids) this.#set(id, undefined);
    this.#sweep();
    return ids;
  }

  #set(id: string, entry: Entry | undefined): void {
    const entries = this.#entries;
    if (entries.get(id) === undefined) {
      if (entry && this.#removed > 0 && entries.has(id)) this.#removed--;
    } else if (!entry) this.#removed++;
    entries.set(id, entry);
  }

  /** Forgets the removed ids, when they are at least half: so each costs a bounded time. */
  #sweep(): void {
    if (this.#removed < sweepMin || this.#removed * 2 < this.#entries.size) return;
    for (const [id, entry] of this.#entries) if (!entry) this.#entries.delete(id);
    this.#removed = 0;
  }

  #place(entry: Entry, parent: string): void {
    const height = heightOf(entry);
    this.#changeHeight(entry.parent, height, 0);
    entry.parent = parent;
    this.#changeHeight(parent, 0, height);
  }

  /** A child of `parent` had the height `before`, and has `after`; 0: there is none. */
  #changeHeight(parent: string, before: number, after: number): void {
    // The ids of an unsound tree need not lead to its top, and no event asks for its heights.
    if (!this.isSound) return;
    let [from, to] = [before, after];
    for (let entry = this.#entries.get(parent); entry && from !== to; entry = this.#entries.get(entry.parent)) {
      const old = heightOf(entry);
      if (from > 0) changeCount(entry, from, -1);
      if (to > 0) changeCount(entry, to, 1);
      from = old;
      to = heightOf(entry);
    }
  }
}

/** A node whose children are visited. */
interface Open {
  readonly id: string;
  /** Undefined for the top. */
  readonly entry: Entry | undefined;
  readonly children: readonly TreeNode[];
  at: number;
}

function heightOf({ heights }: Entry): number {
  return 1 + (heights?.[0] ?? 0);
}

/** A node has one more child of `height`, or one less. */
function changeCount(entry: Entry, height: number, by: 1 | -1): void {
  const { heights } = entry;
  if (!heights) {
    // The usual way to the first one: a `splice` takes ten times as long, and a deep tree has one for each node.
    entry.heights = [height, 1];
    return;
  }
  let at = 0;
  while (at < heights.length && heights[at]! > height) at += 2;
  if (heights[at] !== height) heights.splice(at, 0, height, 1);
  else if ((heights[at + 1]! += by) === 0) heights.splice(at, 2);
}

const none: readonly TreeNode[] = [];

/** The valid nodes among `children`, which can be any JSON. */
function validNodes(children: readonly TreeNode[] | undefined): readonly TreeNode[] {
  if (!Array.isArray(children) || children.length === 0) return none;
  return children.every(isNode) ? children : children.filter(isNode);
}

function isNode(node: unknown): boolean {
  return isJsonObject(node) && typeof node["id"] === "string";
}
