// The models of the simulator once more, on plain data and without any code of the product: what states and views are
// judged by.

import { inventory } from "./naive-inventory.ts";
import { naiveTexts } from "./naive-texts.ts";

/** JSON of a test: its shape is known where it is used. */
type Plain = any;

/** An event as a rule or a reducer sees it. */
export interface NaiveEvent {
  readonly type: string;
  readonly version?: number | undefined;
  readonly payload: Plain;
  readonly clientId: string;
  readonly principal: string;
  /** What the model shows of it. */
  readonly author?: string | undefined;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** The events before it. */
  readonly head: number;
}

/** A draft as it was submitted. */
export interface NaiveDraft {
  readonly type: string;
  readonly payload: Plain;
  readonly expectedEventId?: number;
}

/** An event of the log; the payload is JSON text. */
interface NaiveRow {
  readonly eventId: number;
  readonly type: string;
  readonly clientId: string;
  readonly payload: string;
  readonly expectedEventId?: number | undefined;
}

export interface NaiveModel {
  /** What it shows of principals. Absent: the client ids, and no authors. */
  readonly authors?: "shown" | "pseudonym" | "hidden";
  /** The types that a client shows when they are decided, and does not judge. */
  readonly unshown?: readonly string[];
  initial(): Plain;
  /** Applies an event. False: the model rejects it, and the state is unchanged. */
  apply(state: Plain, event: NaiveEvent): boolean;
  /** What an event changes; undefined: anything. */
  entity(type: string, payload: Plain): string | undefined;
  /** A state of the product as this model has it. Absent: it is the same. */
  plain?(state: Plain): Plain;
  /** Whether this draft is this event, after those before it, where drafts are merged. Absent: they are committed as submitted. */
  becomes?(draft: NaiveDraft, event: NaiveRow, before: readonly NaiveRow[]): boolean;
  /** How what a client did is undone, event type by event type. Absent: it is not judged. */
  readonly undo?: Readonly<Record<string, NaiveUndo>>;
}

/** How an event of one type is undone. */
export interface NaiveUndo {
  /** Where it writes. */
  place(payload: Plain): string;
  /** Absent: it is not undone. */
  back?(payload: Plain): { type: string; payload: Plain };
  /** What is in that place, as far as an undo asks for it: what a client left there has to be there. */
  value(state: Plain, payload: Plain): Plain;
  /** What a client left there. */
  left(payload: Plain, clientId: string): Plain;
}

const isObject = (value: Plain): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
const has = (object: Plain, key: string): boolean => Object.hasOwn(object, key);

/** Whether `payload` has these members and no others. */
function isOf(payload: Plain, members: Record<string, (value: Plain) => boolean>): boolean {
  return (
    isObject(payload) &&
    Object.keys(payload).every((key) => has(members, key)) &&
    Object.keys(members).every((key) => members[key]!(payload[key]))
  );
}
const int = (value: Plain): boolean => Number.isSafeInteger(value);
const text = (value: Plain): boolean => typeof value === "string";

const desk: NaiveModel = {
  initial: () => ({ total: 0, seats: {}, notes: [] }),
  apply(state, { type, version = 1, payload, clientId, principal, timestamp, head }) {
    const note = (line: string) => {
      state.notes.push(line);
      if (state.notes.length > 20) state.notes.shift();
    };
    if (version !== 1) return false;
    if (type === "add" && isOf(payload, { by: int })) {
      if (state.total + payload.by < 0) return false;
      state.total += payload.by;
    } else if (type === "take" && isOf(payload, { seat: text })) {
      if (has(state.seats, payload.seat)) return false;
      state.seats[payload.seat] = clientId;
    } else if (type === "leave" && isOf(payload, { seat: text })) {
      if (!has(state.seats, payload.seat)) return false;
      delete state.seats[payload.seat];
    } else if (type === "note" && isOf(payload, { text })) {
      if (payload.text === "mine" && (head + principal.length) % 3 === 0) return false;
      note(payload.text === "when" ? `${clientId}@${timestamp}` : payload.text);
    } else if (type === "brittle" && isOf(payload, {})) {
      if (timestamp % 3 === 0) return false;
      note("brittle");
    } else return false;
    return true;
  },
  entity: (_, payload) => payload.seat,
  undo: {
    // Of a sum each can take back its own part.
    add: {
      place: () => "total",
      back: ({ by }) => ({ type: "add", payload: { by: -by } }),
      value: () => undefined,
      left: () => undefined,
    },
    take: {
      place: ({ seat }) => `seats.${seat}`,
      back: ({ seat }) => ({ type: "leave", payload: { seat } }),
      value: (state, { seat }) => state.seats[seat],
      left: (_, clientId) => clientId,
    },
    leave: {
      place: ({ seat }) => `seats.${seat}`,
      back: ({ seat }) => ({ type: "take", payload: { seat } }),
      value: (state, { seat }) => state.seats[seat],
      left: () => undefined,
    },
    note: { place: () => "notes", value: () => undefined, left: () => undefined },
    brittle: { place: () => "notes", value: () => undefined, left: () => undefined },
  },
};

const counter: NaiveModel = {
  initial: () => ({ count: 0, byKey: {}, notes: [] }),
  apply(state, { type, version = 1, payload, clientId, timestamp }) {
    if (type === "add") {
      const by = version === 1 ? payload?.amount : version === 2 && isOf(payload, { by: int }) ? payload.by : undefined;
      if (!int(by) || state.count + by < 0) return false;
      state.count += by;
      return true;
    }
    if (version !== 1) return false;
    if (type === "put" && isOf(payload, { key: text, value: int })) state.byKey[payload.key] = payload.value;
    else if (type === "note" && isOf(payload, { text })) {
      if (state.notes.includes(payload.text)) return false;
      state.notes.push(payload.text);
      if (payload.text === "when") state.notes.push(`${clientId}@${timestamp}`);
    } else return false;
    return true;
  },
  entity: (_, payload) => payload.key,
};

const insieme: NaiveModel = {
  initial: () => ({}),
  apply(state, { type, version = 1, payload, head }) {
    if (version !== 1 || !isObject(payload)) return false;
    const { target, value, options = {} } = payload;
    if (type === "init") {
      if (head > 0 || !isObject(value)) return false;
      for (const key of Object.keys(state)) delete state[key];
      Object.assign(state, structuredClone(value));
      return true;
    }
    if (typeof target !== "string" || target === "") return false;
    const path = target.split(".");
    switch (type) {
      case "set":
        return set(state, path, structuredClone(value), options.replace === true);
      case "unset":
        return unset(state, path);
      case "treePush":
      case "treeUpdate":
      case "treeMove":
      case "treeDelete": {
        const tree = valueAt(state, path);
        if (!isObject(tree)) return false;
        if (tree.tree !== undefined && !Array.isArray(tree.tree)) return false;
        if (tree.items !== undefined && !isObject(tree.items)) return false;
        return changeTree(type, tree, structuredClone(value), options);
      }
    }
    return false;
  },
  entity: (_, payload) => payload.target?.split(".")[0],
};

function valueAt(state: Plain, path: readonly string[]): Plain {
  let value = state;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Array.isArray(value) || has(value, key) ? value[key] : undefined;
  }
  return value;
}

/** Whether a path goes from a tree into its nodes, which tree events alone change. */
function entersTree(state: Plain, path: readonly string[]): boolean {
  return path.slice(0, -1).some((key, at) => {
    const holder = valueAt(state, path.slice(0, at));
    return key === "tree" && isObject(holder) && Array.isArray(holder.tree) && isObject(holder.items);
  });
}

function set(state: Plain, path: readonly string[], value: Plain, replace: boolean): boolean {
  if (value === undefined || (Array.isArray(value) && !replace) || entersTree(state, path)) return false;
  for (let length = 1; length < path.length; length++) {
    const above = valueAt(state, path.slice(0, length));
    if (above === undefined || above === null) break;
    if (typeof above !== "object") return false;
  }
  let container = state;
  for (const key of path.slice(0, -1)) {
    const next = container[key];
    if (!isObject(next)) container[key] = Array.isArray(next) ? { ...next } : {};
    container = container[key];
  }
  const key = path.at(-1)!;
  if (!replace && isObject(container[key]) && isObject(value)) Object.assign(container[key], value);
  else container[key] = value;
  return true;
}

function unset(state: Plain, path: readonly string[]): boolean {
  const above = valueAt(state, path.slice(0, -1));
  if (entersTree(state, path) || !isObject(above) || !has(above, path.at(-1)!)) return false;
  // Nothing is unset inside an array.
  if (path.some((_, length) => Array.isArray(valueAt(state, path.slice(0, length))))) return false;
  delete above[path.at(-1)!];
  return true;
}

/** The list that has the node, and its index there. */
function find(nodes: Plain[], id: string): { list: Plain[]; at: number } | undefined {
  const at = nodes.findIndex((node) => node.id === id);
  if (at >= 0) return { list: nodes, at };
  for (const { children } of nodes) {
    const found = find(children, id);
    if (found) return found;
  }
  return undefined;
}

/** Where a position is in a list. */
function indexIn(list: Plain[], position: Plain): number {
  if (position === "last") return list.length;
  if (!isObject(position)) return 0;
  if (has(position, "after")) return list.findIndex(({ id }) => id === position.after) + 1 || list.length;
  return Math.max(
    list.findIndex(({ id }) => id === position.before),
    0,
  );
}

/** The nodes of the runs have 8 names: no tree is too deep, and none is set with nodes in it. */
function changeTree(type: string, holder: Plain, value: Plain, options: Plain): boolean {
  const { id = value?.id, parent = "_root", position, replace } = options;
  const nodes = holder.tree ?? [];
  const items = holder.items ?? {};
  const place = find(nodes, id);
  const listOf = (name: string): Plain[] | undefined => {
    if (name === "_root") return nodes;
    const found = find(nodes, name);
    return found?.list[found.at].children;
  };
  if (type === "treeUpdate") {
    if (!has(items, id)) return false;
    items[id] = replace === true || !isObject(items[id]) ? { ...value } : { ...items[id], ...value };
    delete items[id].id;
    return true;
  }
  if (type === "treePush") {
    const list = listOf(parent);
    if (place || has(items, id) || !list) return false;
    const { id: _, ...data } = value;
    items[id] = data;
    list.splice(indexIn(list, position), 0, { id, children: [] });
  } else if (type === "treeMove") {
    if (!place || !listOf(parent)) return false;
    const node = place.list[place.at];
    if (parent === id || find(node.children, parent)) return false;
    place.list.splice(place.at, 1);
    const list = listOf(parent)!;
    list.splice(indexIn(list, position), 0, node);
  } else {
    if (!place) return false;
    const [removed] = place.list.splice(place.at, 1);
    const drop = (node: Plain) => {
      delete items[node.id];
      for (const child of node.children) drop(child);
    };
    drop(removed);
  }
  holder.tree = nodes;
  holder.items = items;
  return true;
}

const clubOf = (authors: "shown" | "pseudonym" | "hidden"): NaiveModel => ({
  authors,
  unshown: ["draw"],
  initial: () => ({ said: {}, lines: [] }),
  apply(state, { type, version = 1, payload, clientId, author = "anyone" }) {
    if (version !== 1) return false;
    const said = has(state.said, author) ? state.said[author] : 0;
    if (type === "say" && isOf(payload, { text })) {
      if (said >= 3 || (payload.text === "again" && state.lines.at(-1)?.startsWith(`${author}/`))) return false;
      state.said[author] = said + 1;
      state.lines.push(`${author}/${authors === "hidden" ? "" : clientId}: ${payload.text}`);
      if (state.lines.length > 12) state.lines.shift();
    } else if (type === "pass" && isOf(payload, {})) {
      if (said === 0) return false;
      state.said[author] = 0;
    } else if (type === "draw" && isOf(payload, {})) {
      if (state.lines.length === 0) return false;
      state.lines = [`${author} draws ${state.lines.length}`];
    } else if (type === "open" && isOf(payload, {})) state.said = {};
    else return false;
    return true;
  },
  entity: () => undefined,
});

const loungeOf = (version: 1 | 2): NaiveModel => ({
  authors: "shown",
  initial: () => ({ out: {}, seats: {}, lines: [] }),
  apply(state, { type, payload, author }) {
    if (type === "say") state.lines.push(version === 1 ? payload.mark : `${author}: ${payload.mark}`);
    else if (type === "sit") {
      if (has(state.seats, payload.seat)) return false;
      state.seats[payload.seat] = payload.mark;
    } else if (type === "showOut") {
      state.out[payload.who] = true;
      state.seats = {};
    } else if (type === "letIn") delete state.out[payload.who];
    else return false;
    return true;
  },
  entity: () => undefined,
});

const models: Record<string, NaiveModel> = {
  "lounge-1": loungeOf(1),
  "lounge-2": loungeOf(2),
  desk,
  counter,
  insieme,
  inventory,
  text: naiveTexts,
  "club-shown": clubOf("shown"),
  "club-pseudonym": clubOf("pseudonym"),
  "club-hidden": clubOf("hidden"),
};

/** The model of this name; of one that has several, in this version. */
export function naiveModel(name: string, version = 1): NaiveModel {
  return models[name] ?? models[`${name}-${version}`]!;
}
