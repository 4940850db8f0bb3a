import type { ReduceContext } from "../../model/index.ts";
import { isJsonObject, type JsonObject } from "../../protocol/index.ts";
import { valueAt } from "./path.ts";
import { type Position, root } from "./shapes.ts";
import { type TreeNode, TreeShape } from "./tree-shape.ts";

/** How many levels a tree may have, so that no traversal and no rendering of it can overflow. */
export const treeDepthMax = 256;

/** The place of a node, as in `treePush` and `treeMove`. */
export type Place = { parent: string; position: "first" | "last" | { after: string } | { before: string } };

/**
 * A tree of the state: `{ tree: [{ id, children }…], items: { id: data } }`. Nodes are found by id in the shape that
 * is derived from the `tree` array, never by traversal. Only the methods here change what is inside that array, each
 * after the shape was derived.
 */
export class Tree {
  readonly #holder: JsonObject;
  readonly #context: ReduceContext;
  /** The members of `holder`, read once: each access to a state costs. */
  #tree: TreeNode[] | undefined;
  #items: JsonObject | undefined;
  #known: TreeShape | undefined;

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

  /** See `TreeShape.isSound`. */
  get isSound(): boolean {
    return this.#shape?.isSound ?? true;
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
    return this.#shape?.has(id) ?? false;
  }

  hasItem(id: string): boolean {
    return this.#items !== undefined && id in this.#items;
  }

  /** Levels from the top down to `id`: 0 for the top itself. */
  depthOf(id: string): number {
    return this.#shape?.depthOf(id) ?? 0;
  }

  /** Levels of the subtree at `id`, itself included. */
  heightOf(id: string): number {
    return this.#shape?.heightOf(id) ?? 0;
  }

  /** Whether `id` is `ancestor` or below it. */
  isInside(id: string, ancestor: string): boolean {
    return this.#shape?.isInside(id, ancestor) ?? false;
  }

  get items(): JsonObject {
    return this.#items!;
  }

  node(id: string): TreeNode | undefined {
    return this.#shape?.node(id);
  }

  /** Whether `parent` has a list of children, even an empty one. The top of a tree always has one. */
  hasChildList(parent: string): boolean {
    return parent === root || Array.isArray(this.node(parent)?.children);
  }

  /** The place of a node; undefined if no position can name it, as in a tree that was set with invalid nodes. */
  placeOf(id: string): Place | undefined {
    const node = this.node(id)!;
    const parent = this.#shape!.parentOf(id)!;
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
    const shape = this.#shape!;
    // As with a move.
    if (shape.wouldLoop(id, parent)) throw new TypeError("a node cannot go below itself");
    const siblings = this.#childrenOf(parent);
    const at = this.#target(siblings, position);
    siblings.splice(at, 0, { id, children: [] });
    shape.insert(id, parent, siblings, at);
  }

  /** Moves a node with its subtree under `parent`. */
  move(id: string, parent: string, position: Position): void {
    const shape = this.#shape!;
    // Where this was not validated, as in the log of an older version: a tree must stay a tree.
    if (shape.isInside(parent, id)) throw new TypeError("a node cannot go below itself");
    const from = this.#childrenOf(shape.parentOf(id)!);
    const at = from.indexOf(shape.node(id)!);
    const to = this.#childrenOf(parent);
    this.#context.move(from, at, to, this.#target(to, position, from === to ? at : undefined));
    shape.move(id, parent);
  }

  /** Removes a node, all below it, and their items. */
  remove(id: string): void {
    const shape = this.#shape;
    if (!shape?.has(id)) return;
    const siblings = this.#childrenOf(shape.parentOf(id)!);
    const [removed] = siblings.splice(siblings.indexOf(shape.node(id)!), 1);
    for (const item of shape.remove(removed!)) delete this.items[item];
  }

  /** Whether `node` is the node that its id refers to. */
  #isNamed(node: TreeNode): boolean {
    return isJsonObject(node) && typeof node.id === "string" && node.id !== "" && this.node(node.id) === node;
  }

  get #shape(): TreeShape | undefined {
    if (!this.#tree) return undefined;
    return (this.#known ??= this.#context.derive(this.#tree, "shape", (nodes, host) => new TreeShape(nodes, host)));
  }

  #childrenOf(parent: string): TreeNode[] {
    if (parent === root) return this.#tree!;
    const node = this.#shape!.node(parent)!;
    if (!Array.isArray(node.children)) node.children = [];
    return node.children;
  }

  /** The index of a position among `siblings`. `without`: the index of the one that is removed before. */
  #target(siblings: readonly TreeNode[], position: Position, without = Infinity): number {
    const length = siblings.length - (without === Infinity ? 0 : 1);
    const indexOf = (id: string) => {
      const sibling = this.#shape!.node(id);
      const at = sibling ? siblings.indexOf(sibling) : -1;
      return at === without ? -1 : at > without ? at - 1 : at;
    };
    if (position === "last") return length;
    if (typeof position !== "object" || position === null) return 0;
    if ("after" in position) return indexOf(position.after) + 1 || length;
    return Math.max(indexOf(position.before), 0);
  }
}
