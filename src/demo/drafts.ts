import type { QueuedDraft } from "../client/index.ts";
import { isJsonObject, type JsonObject } from "../protocol/index.ts";
import { root, target, type Tree } from "./tree.ts";
import type { Position } from "./tree-view.ts";

/** The draft that adds a node. */
export interface PushDraft {
  type: "treePush";
  payload: {
    target: string;
    value: { id: string; name: string; type: "folder" | "file" };
    options: { parent: string; position: Position };
  };
}

export function push(value: PushDraft["payload"]["value"], parent: string, position: Position): PushDraft {
  return { type: "treePush", payload: { target, value, options: { parent, position } } };
}

/** A new id that contains the name, so that the log is readable. */
export function newId(name: string): string {
  const words = name.toLowerCase().match(/[\p{L}\p{N}.]+/gu) ?? [];
  return `${[...words.join("-")].slice(0, 24).join("")}~${crypto.randomUUID().slice(0, 8)}`;
}

/** A draft of any client. */
export type Draft = Pick<QueuedDraft, "type"> & { payload: Readonly<Record<string, unknown>> };

interface Read {
  /** The node that the draft changes. */
  id: string | undefined;
  parent: string | undefined;
  /** The name in the draft. */
  name: string | undefined;
  position: JsonObject;
}

/** The parts of a draft. Another application may have made it, so every part is optional. */
function read({ payload }: Draft): Read {
  const value = objectIn(payload["value"]);
  const options = objectIn(payload["options"]);
  return {
    id: textIn(value["id"]) ?? textIn(options["id"]),
    parent: textIn(options["parent"]),
    name: textIn(value["name"]),
    position: objectIn(options["position"]),
  };
}

/** A text that describes a draft. `tree` is the one before the draft, for the names. */
function labelOf(draft: Draft, tree: Tree): string {
  if (begins(draft)) return "begin the tree";
  const { id, name } = read(draft);
  if (id === undefined) return draft.type;
  const now = tree.nameOf(id);
  switch (draft.type) {
    case "treePush":
      return `add “${name ?? id}”`;
    case "treeUpdate":
      if (name === undefined) return `change “${now}”`;
      return now === name || now === id ? `rename to “${name}”` : `rename “${now}” to “${name}”`;
    case "treeMove":
      return `move “${now}”`;
    case "treeDelete":
      return `delete “${now}”`;
    default:
      return draft.type;
  }
}

/** A text that describes an entry of the queue. */
export function entryLabel({ drafts }: { drafts: readonly Draft[] }, tree: Tree): string {
  const [first, ...rest] = drafts;
  if (!first) return "nothing";
  return rest.length === 0 ? labelOf(first, tree) : `${labelOf(first, tree)} and ${rest.length} more`;
}

/** The node that shows a pending draft, and the word for it; undefined if none does. */
export function markOf(draft: Draft, tree: Tree): { id: string; word: string } | undefined {
  const { id } = read(draft);
  if (id === undefined) return undefined;
  switch (draft.type) {
    case "treePush":
      return { id, word: "new" };
    case "treeUpdate":
      return { id, word: "renamed" };
    case "treeMove":
      return { id, word: "moved" };
    case "treeDelete":
      // The folder of the deleted node.
      return { id: tree.parentOf(id), word: "item deleted" };
    default:
      return undefined;
  }
}

/** Whether a draft only creates an empty tree, as the first edit does. */
export function begins({ type, payload }: Draft): boolean {
  return type === "init" || (type === "set" && payload["target"] === target);
}

/** The nodes that a draft is about, the nearest first. */
export function concernedBy(draft: Draft): string[] {
  const { id, parent = root } = read(draft);
  return id === undefined ? [parent] : [id, parent];
}

/** The nodes that must exist for a draft to be valid. */
export function neededBy(draft: Draft): string[] {
  const { id, parent, position } = read(draft);
  const beside = Object.values(position).filter((sibling) => typeof sibling === "string");
  return [draft.type === "treePush" ? undefined : id, parent, ...beside].filter((node) => node !== undefined);
}

/** The node that a draft or an event changes; undefined: none, or the whole tree. */
export function nodeOf(draft: Draft): string | undefined {
  return read(draft).id;
}

/** The node that a draft creates. */
export function madeBy(draft: Draft): string | undefined {
  return draft.type === "treePush" ? read(draft).id : undefined;
}

function objectIn(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
