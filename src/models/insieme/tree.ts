import type { ReduceContext, StateIndex } from "../../model/index.ts";
import { isJsonObject, type JsonObject } from "../../protocol/index.ts";
import { valueAt } from "./path.ts";
import { type Position, root } from "./shapes.ts";

/** How many levels a tree may have, so that no traversal and no rendering of it can overflow. */
export const treeDepthMax = 256;

/** A node of a tree: its data is in `items`, under the same id. */
export interface TreeNode {
  id: string;
  children?: TreeNode[];
}

/** The place of a node, as in `treePush` and `treeMove`. */
type Place = { parent: string; position: "first" | "last" | { after: string } | { before: string } };

/**
 * A tree of the state: `{ tree: [{ id, children }…], items: { id: data } }`. Nodes are found by id
 * through two indexes of the `tree` array, never by traversal.
 */
export class Tree {
  readonly #holder: JsonObject;
  readonly #context: ReduceContext;
  /** The members of `holder`, read once: each access to a state costs. */
  #tree: TreeNode[] | undefined;
  #items: JsonObject | undefined;
  #nodeIndex: StateIndex<TreeNode> | undefined;
  #parentIndex: StateIndex<string> | undefined;

  private constructor(
    holder: JsonObject,
    tree: TreeNode[] | undefined,
    items: JsonObject | undefined,
    context: ReduceContext,
  ) {
    this.#holder = holder;
    this.#tree = tree;
    this.#items = items;
    this.#context = context;
  }

  /** The tree at `target`; undefined if there is no object, or one with another `tree` or `items`. */
  static at(state: JsonObject, target: string, context: ReduceContext): Tree | undefined {
    const holder = valueAt(state, target);
    if (!isJsonObject(holder)) return undefined;
    const { tree, items } = holder;
    if (tree !== undefined && !Array.isArray(tree)) return undefined;
    if (items !== undefined && !isJsonObject(items)) return undefined;
    return new Tree(holder, tree as TreeNode[] | undefined, items, context);
  }

  /**
   * Whether each id names one node, and none the top. Tree events reject a tree that was set otherwise: its nodes
   * would be ambiguous, and a traversal to the top by id might not end. Tree events keep a sound tree sound, so one
   * check is enough.
   */
  get isSound(): boolean {
    if (!this.#tree) return true;
    const doubles = this.#context.index(this.#tree, "doubles", function* (nodes) {
      const seen = new Set([root]);
      for (const [{ id }] of walk(nodes, root)) {
        if (seen.has(id)) yield ["any", true] as const;
        seen.add(id);
      }
    });
    return !doubles.has("any");
  }

  /** Creates `tree` and `items` if the target is still `{}`. */
  ensureContainers(): void {
    if (!this.#tree) {
      this.#holder["tree"] = [];
      this.#tree = this.#holder["tree"] as unknown as TreeNode[];
    }
    if (!this.#items) {
      this.#holder["items"] = {};
      this.#items = this.#holder["items"];
    }
  }

  hasNode(id: string): boolean {
    return this.#nodes()?.has(id) ?? false;
  }

  hasItem(id: string): boolean {
    return this.#items !== undefined && id in this.#items;
  }

  /** Levels from the top down to `id`: 0 for the top itself. */
  depthOf(id: string): number {
    const parents = this.#parents();
    let depth = 0;
    for (let at: string | undefined = id; at !== undefined && at !== root; at = parents?.get(at)) depth++;
    return depth;
  }

  /** Levels of the subtree at `id`, itself included. */
  heightOf(id: string): number {
    const node = this.#nodes()?.get(id);
    return node ? heightOf(node) : 0;
  }

  /** Whether `id` is `ancestor` or below it. */
  isInside(id: string, ancestor: string): boolean {
    const parents = this.#parents();
    for (let at: string | undefined = id; at !== undefined; at = parents?.get(at)) if (at === ancestor) return true;
    return false;
  }

  get items(): JsonObject {
    return this.#items!;
  }

  node(id: string): TreeNode | undefined {
    return this.#nodes()?.get(id);
  }

  /** Whether `parent` has a list of children, even an empty one. The top of a tree always has one. */
  hasChildList(parent: string): boolean {
    return parent === root || Array.isArray(this.node(parent)?.children);
  }

  /** The place of a node; undefined if no position can name it, as in a tree that was set with invalid nodes. */
  placeOf(id: string): Place | undefined {
    const node = this.node(id)!;
    const parent = this.#parents()!.get(id)!;
    if (parent === "" || !this.hasChildList(parent)) return undefined;
    const siblings = this.#childrenOf(parent);
    const at = siblings.indexOf(node);
    if (at < 0) return undefined;
    if (at === 0) return { parent, position: "first" };
    if (this.#isNamed(siblings[at - 1]!)) return { parent, position: { after: siblings[at - 1]!.id } };
    if (at === siblings.length - 1) return { parent, position: "last" };
    if (this.#isNamed(siblings[at + 1]!)) return { parent, position: { before: siblings[at + 1]!.id } };
    return undefined;
  }

  /** Inserts a new node under `parent`. */
  insert(id: string, parent: string, position: Position): void {
    this.#place({ id, children: [] }, id, parent, position);
  }

  /** Moves a node with its subtree under `parent`. */
  move(id: string, parent: string, position: Position): void {
    const node = this.#detach(id);
    this.#place(node, id, parent, position);
  }

  /** Removes a node, all below it, and their items. */
  remove(id: string): void {
    if (!this.hasNode(id)) return;
    this.#deleteItems(this.#detach(id));
  }

  /** Whether `node` is the node that its id refers to. */
  #isNamed(node: TreeNode): boolean {
    return isJsonObject(node) && typeof node.id === "string" && node.id !== "" && this.node(node.id) === node;
  }

  #nodes(): StateIndex<TreeNode> | undefined {
    return (this.#nodeIndex ??= this.#findNodes());
  }

  #findNodes(): StateIndex<TreeNode> | undefined {
    if (!this.#tree) return undefined;
    return this.#context.index(this.#tree, "nodes", function* (nodes) {
      for (const [node] of walk(nodes, root)) yield [node.id, node] as const;
    });
  }

  #parents(): StateIndex<string> | undefined {
    return (this.#parentIndex ??= this.#findParents());
  }

  #findParents(): StateIndex<string> | undefined {
    if (!this.#tree) return undefined;
    return this.#context.index(this.#tree, "parents", function* (nodes) {
      for (const [node, parent] of walk(nodes, root)) yield [node.id, parent] as const;
    });
  }

  #childrenOf(parent: string): TreeNode[] {
    if (parent === root) return this.#tree!;
    const node = this.#nodes()!.get(parent)!;
    if (!Array.isArray(node.children)) node.children = [];
    return node.children;
  }

  #place(node: TreeNode, id: string, parent: string, position: Position): void {
    const nodes = this.#nodes()!;
    const siblings = this.#childrenOf(parent);
    const indexOf = (sibling: string) => {
      const found = nodes.get(sibling);
      return found ? siblings.indexOf(found) : -1;
    };
    let at = 0;
    if (position === "last") at = siblings.length;
    else if (typeof position === "object" && position !== null) {
      if ("after" in position) at = indexOf(position.after) + 1 || siblings.length;
      else at = Math.max(indexOf(position.before), 0);
    }
    siblings.splice(at, 0, node);
    nodes.setItem(id, siblings, at);
    this.#parents()!.set(id, parent);
  }

  #detach(id: string): TreeNode {
    const siblings = this.#childrenOf(this.#parents()!.get(id)!);
    return siblings.splice(siblings.indexOf(this.#nodes()!.get(id)!), 1)[0]!;
  }

  #deleteItems(node: TreeNode): void {
    for (const child of nodesOf(node.children)) this.#deleteItems(child);
    this.#nodes()!.delete(node.id);
    this.#parents()!.delete(node.id);
    delete this.items[node.id];
  }
}

/** Every node below `nodes`, with its parent's id. Invalid nodes are skipped. */
function* walk(nodes: readonly TreeNode[], parent: string): Generator<readonly [TreeNode, string]> {
  for (const node of nodesOf(nodes)) {
    yield [node, parent];
    yield* walk(node.children ?? [], node.id);
  }
}

/** The valid nodes among `children`, which can be any JSON, because a `set` is not restricted. */
function nodesOf(children: readonly TreeNode[] | undefined): readonly TreeNode[] {
  return Array.isArray(children) ? children.filter((node) => isJsonObject(node) && typeof node.id === "string") : [];
}

function heightOf(node: TreeNode): number {
  let height = 0;
  for (const child of nodesOf(node.children)) height = Math.max(height, heightOf(child));
  return height + 1;
}
