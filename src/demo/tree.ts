import { isJsonObject, type Json, type JsonObject } from "../protocol/index.ts";

/** The path of the tree in the state of the partition. */
export const target = "files";
/** The id of the top level as a parent. */
export const root = "_root";

/** The most deleted nodes whose name and parent are remembered. */
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
 * The tree in a client's state, indexed by node. A new state shares unchanged objects with the one before, so an update
 * costs only what changed: a subtree that is the same object is skipped.
 */
export class Tree {
  #exists = false;
  #top = none;
  #items: JsonObject = {};
  readonly #places = new Map<string, Place>();
  readonly #gone = new Map<string, { parent: string; name: string }>();

  /** Whether the state has a tree. */
  get exists(): boolean {
    return this.#exists;
  }

  get size(): number {
    return this.#places.size;
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  /** The same array as before if neither a child nor a descendant has changed. */
  childrenOf(parent: string): readonly TreeNode[] {
    return parent === root ? this.#top : (this.#places.get(parent)?.children ?? none);
  }

  /** The parent of a node; for a deleted node, its last parent. */
  parentOf(id: string): string {
    return (this.#places.get(id) ?? this.#gone.get(id))?.parent ?? root;
  }

  /** The data of a node; the same object as before if it has not changed. */
  itemOf(id: string): JsonObject | undefined {
    const item = Object.hasOwn(this.#items, id) ? this.#items[id] : undefined;
    return isJsonObject(item) ? item : undefined;
  }

  /** The name of a node, also of a deleted one; for an unknown node, its id. */
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

  /** `id` if it exists, otherwise its nearest ancestor that exists; `root` if there is none. */
  nearest(id: string): string {
    let at = id;
    while (at !== root && !this.#places.has(at)) at = this.parentOf(at);
    return at;
  }

  /** Updates the tree to a new state. */
  load(state: JsonObject): void {
    const holder = state[target];
    const { tree, items } = isJsonObject(holder) ? holder : {};
    const top = nodesIn(tree);
    // Before the items are replaced, because they have the names of the nodes that are deleted now.
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

  /** A node has left `parent`. Unless it has another parent now, it is deleted, with its descendants. */
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

/** The state may come from any application, so invalid nodes are skipped. */
function nodesIn(list: Json | undefined): readonly TreeNode[] {
  if (!Array.isArray(list)) return none;
  return list.every(isNode) ? list : list.filter(isNode);
}

function isNode(value: Json): value is Json & TreeNode {
  return isJsonObject(value) && typeof value["id"] === "string";
}
