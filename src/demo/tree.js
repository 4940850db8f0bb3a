/** @import { Json, JsonObject, WireEvent } from "../protocol/index.ts" */

/** Where in the partition's state the tree is. */
export const target = "files";
/** The parent that stands for the top. */
export const root = "_root";

/**
 * @typedef {{ id: string, children?: Node[] }} Node as in the state
 * @typedef {undefined | null | string | { after: string } | { before: string }} Position
 * @typedef {{ parents: string[], nodes: string[] } | "everything"} Changes
 *   whose children changed, and which nodes did
 * @typedef {{ id: string, parent?: string, position?: Position, replace?: boolean }} Options
 */

/**
 * The tree of one pane: folded from the events it was given, in the way of the model `insieme` on
 * the server. It checks nothing, because the partition has checked each event; an event costs what it changes.
 */
export class Tree {
  /** @type {JsonObject | undefined} `{ tree, items }`, as in the state */
  #holder;
  /** @type {Map<string, { node: Node, parent: string }>} */
  #places = new Map();

  /** Whether the partition has anything where the tree should be. */
  get exists() {
    return this.#holder !== undefined;
  }

  get size() {
    return this.#places.size;
  }

  /** @param {string} id */
  has(id) {
    return this.#places.has(id);
  }

  /**
   * @param {string} parent
   * @returns {Node[]}
   */
  childrenOf(parent) {
    if (parent === root) {
      const tree = this.#holder?.["tree"];
      return Array.isArray(tree) ? /** @type {Node[]} */ (/** @type {unknown} */ (tree)) : [];
    }
    const node = this.#places.get(parent)?.node;
    return node ? (node.children ??= []) : [];
  }

  /** @param {string} id */
  parentOf(id) {
    return this.#places.get(id)?.parent ?? root;
  }

  /** @param {string} id */
  nameOf(id) {
    const name = this.#item(id)["name"];
    return typeof name === "string" && name !== "" ? name : id;
  }

  /**
   * @param {string} id
   * @returns {"folder" | "file" | "link"}
   */
  typeOf(id) {
    const { type } = this.#item(id);
    if (type === "folder" || type === "file" || type === "link") return type;
    return this.childrenOf(id).length > 0 ? "folder" : "file";
  }

  /**
   * How many nodes are below `id`.
   * @param {string} id
   * @returns {number}
   */
  countBelow(id) {
    const children = this.childrenOf(id);
    return children.reduce((count, child) => count + this.countBelow(child.id), children.length);
  }

  /** @param {unknown} state the whole state of the partition */
  load(state) {
    this.#adopt(isObject(state) ? state[target] : undefined);
  }

  /**
   * @param {WireEvent} event
   * @returns {Changes}
   */
  apply({ type, payload }) {
    if (type === "init") {
      this.load(payload["value"]);
      return "everything";
    }
    const path = String(payload["target"]).split(".");
    if (path[0] !== target) return { parents: [], nodes: [] };
    if (type === "set" || type === "unset") {
      this.#write(type, path, payload);
      return "everything";
    }
    const { id, ...data } = /** @type {JsonObject & { id: string }} */ (payload["value"] ?? {});
    const options = /** @type {Options} */ (payload["options"] ?? {});
    switch (type) {
      case "treePush": {
        this.#grow();
        this.#items[id] = data;
        const parent = this.#place({ id, children: [] }, options);
        return { parents: [parent], nodes: [id] };
      }
      case "treeUpdate": {
        const current = this.#items[options.id];
        if (options.replace === true || !isObject(current)) this.#items[options.id] = data;
        else Object.assign(current, data);
        return { parents: [], nodes: [options.id] };
      }
      case "treeMove": {
        const { node, from } = this.#takeOut(options.id);
        return { parents: [from, this.#place(node, options)], nodes: [options.id] };
      }
      case "treeDelete": {
        const { node, from } = this.#takeOut(options.id);
        this.#forget(node);
        return { parents: [from], nodes: [] };
      }
      default:
        return { parents: [], nodes: [] };
    }
  }

  /** @returns {JsonObject} */
  get #items() {
    return /** @type {JsonObject} */ (this.#holder?.["items"]);
  }

  /**
   * @param {string} id
   * @returns {JsonObject}
   */
  #item(id) {
    const items = this.#holder?.["items"];
    const item = isObject(items) && Object.hasOwn(items, id) ? items[id] : undefined;
    return isObject(item) ? item : {};
  }

  /** @param {Json | undefined} value */
  #adopt(value) {
    this.#holder = isObject(value) ? value : undefined;
    this.#places.clear();
    this.#index(this.childrenOf(root), root);
  }

  /**
   * @param {Node[]} nodes
   * @param {string} parent
   */
  #index(nodes, parent) {
    // A `set` may put anything into a state: what is no node cannot be shown.
    if (!nodes.every(isNode)) nodes.splice(0, nodes.length, ...nodes.filter(isNode));
    for (const node of nodes) {
      this.#places.set(node.id, { node, parent });
      if (!Array.isArray(node.children)) node.children = [];
      this.#index(node.children, node.id);
    }
  }

  #grow() {
    const holder = (this.#holder ??= {});
    holder["tree"] ??= [];
    holder["items"] ??= {};
  }

  /**
   * @param {Node} node
   * @param {Options} options
   * @returns {string} the parent it is under now
   */
  #place(node, { parent = root, position }) {
    const siblings = this.childrenOf(parent);
    /** @param {string} id */
    const indexOf = (id) => siblings.findIndex((sibling) => sibling.id === id);
    let at = 0;
    if (position === "last") at = siblings.length;
    else if (typeof position === "object" && position !== null) {
      if ("after" in position) at = indexOf(position.after) + 1 || siblings.length;
      else at = Math.max(indexOf(position.before), 0);
    }
    siblings.splice(at, 0, node);
    this.#places.set(node.id, { node, parent });
    return parent;
  }

  /** @param {string} id */
  #takeOut(id) {
    const from = this.parentOf(id);
    const siblings = this.childrenOf(from);
    const at = siblings.findIndex((sibling) => sibling.id === id);
    const [node] = siblings.splice(at, 1);
    if (at < 0 || !node) throw new Error(`no node "${id}" to take out: this tree is not the partition's`);
    return { node, from };
  }

  /** @param {Node} node */
  #forget(node) {
    for (const child of node.children ?? []) this.#forget(child);
    this.#places.delete(node.id);
    delete this.#items[node.id];
  }

  /**
   * `set` and `unset` reach anything by its path; they are rare, so the tree is looked through anew.
   *
   * @param {"set" | "unset"} type
   * @param {string[]} path
   * @param {JsonObject} payload
   */
  #write(type, path, payload) {
    /** @type {JsonObject} */
    const state = this.#holder ? { [target]: this.#holder } : {};
    let container = state;
    for (const segment of path.slice(0, -1)) {
      const next = Object.hasOwn(container, segment) ? container[segment] : undefined;
      const inner = isObject(next) ? next : Array.isArray(next) ? Object.fromEntries(Object.entries(next)) : {};
      container[segment] = inner;
      container = inner;
    }
    const key = path.at(-1) ?? target;
    const current = Object.hasOwn(container, key) ? container[key] : undefined;
    const value = payload["value"] ?? null;
    const replace = /** @type {Options | undefined} */ (payload["options"])?.replace === true;
    if (type === "unset") delete container[key];
    else if (!replace && isObject(current) && isObject(value)) Object.assign(current, value);
    else container[key] = value;
    this.#adopt(state[target]);
  }
}

/** @param {unknown} value */
function isNode(value) {
  return isObject(value) && typeof value["id"] === "string";
}

/**
 * @param {unknown} value
 * @returns {value is JsonObject}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
