import { isJsonObject, type Json, type JsonObject } from "../protocol/index.ts";

/** Where in the partition's state the tree is. */
export const target = "files";
/** The parent that stands for the top. */
export const root = "_root";

/** Nodes that are gone, and still known by name and parent. */
const goneMax = 1_000;

export interface TreeNode {
  readonly id: string;
  readonly children?: Json;
}

interface Place {
  node: TreeNode;
  parent: string;
  children: readonly TreeNode[];
}

const none: readonly TreeNode[] = [];

/**
 * The tree in a client's state, with a way to each node. The state shares with the one before what
 * did not change, so following it costs what changed: a subtree that is the same object is passed over.
 */
export class Tree {
  #exists = false;
  #top = none;
  #items: JsonObject = {};
  readonly #places = new Map<string, Place>();
  readonly #gone = new Map<string, { parent: string; name: string }>();

  /** Whether the state has anything where the tree should be. */
  get exists(): boolean {
    return this.#exists;
  }

  get size(): number {
    return this.#places.size;
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  /** The same array as before if no child, and nothing below one, has changed. */
  childrenOf(parent: string): readonly TreeNode[] {
    return parent === root ? this.#top : (this.#places.get(parent)?.children ?? none);
  }

  /** Also of a node that is gone: where it was. */
  parentOf(id: string): string {
    return (this.#places.get(id) ?? this.#gone.get(id))?.parent ?? root;
  }

  /** What is known of a node besides its place; the same object as before if that is the same. */
  itemOf(id: string): JsonObject | undefined {
    const item = Object.hasOwn(this.#items, id) ? this.#items[id] : undefined;
    return isJsonObject(item) ? item : undefined;
  }

  /** Also of a node that is gone; of one that was never there, the id. */
  nameOf(id: string): string {
    const name = this.itemOf(id)?.["name"] ?? this.#gone.get(id)?.name;
    return typeof name === "string" && name !== "" ? name : id;
  }

  typeOf(id: string): "folder" | "file" | "link" {
    const type = this.itemOf(id)?.["type"];
    if (type === "folder" || type === "file" || type === "link") return type;
    return this.childrenOf(id).length > 0 ? "folder" : "file";
  }

  /** How many nodes are below `id`. */
  countBelow(id: string): number {
    const children = this.childrenOf(id);
    return children.reduce((count, child) => count + this.countBelow(child.id), children.length);
  }

  /** The nearest node at or above `id` that is there, where it was if it is gone; `root` if there is none. */
  nearest(id: string): string {
    let at = id;
    while (at !== root && !this.#places.has(at)) at = this.parentOf(at);
    return at;
  }

  /** Follows the state of the partition to what it is now. */
  load(state: JsonObject): void {
    const holder = state[target];
    const { tree, items } = isJsonObject(holder) ? holder : {};
    const top = nodesIn(tree);
    // Before the items, in which the names are of what goes now.
    this.#follow(this.#top, top, root);
    this.#top = top;
    this.#items = isJsonObject(items) ? items : {};
    this.#exists = isJsonObject(holder);
  }

  #follow(before: readonly TreeNode[], after: readonly TreeNode[], parent: string): void {
    if (before === after) return;
    for (const node of after) {
      const place = this.#places.get(node.id);
      if (place?.node === node && place.parent === parent) continue;
      const children = place?.node === node ? place.children : nodesIn(node.children);
      this.#places.set(node.id, { node, parent, children });
      this.#follow(place?.children ?? none, children, node.id);
    }
    const kept = new Set(after.map(({ id }) => id));
    for (const { id } of before) if (!kept.has(id)) this.#forget(id, parent);
  }

  /** A node has left `parent`; unless it is somewhere else by now, it is gone, with all that is below. */
  #forget(id: string, parent: string): void {
    const place = this.#places.get(id);
    if (place?.parent !== parent) return;
    this.#gone.delete(id);
    this.#gone.set(id, { parent, name: this.nameOf(id) });
    if (this.#gone.size > goneMax) this.#gone.delete(this.#gone.keys().next().value!);
    this.#places.delete(id);
    for (const child of place.children) this.#forget(child.id, id);
  }
}

/** A state may come from anywhere, so what is no node is passed over. */
function nodesIn(list: Json | undefined): readonly TreeNode[] {
  if (!Array.isArray(list)) return none;
  return list.every(isNode) ? list : list.filter(isNode);
}

function isNode(value: Json): value is Json & TreeNode {
  return isJsonObject(value) && typeof value["id"] === "string";
}
