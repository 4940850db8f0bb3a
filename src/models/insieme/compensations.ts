import * as z from "zod/mini";
import type { ReduceContext } from "../../model/index.ts";
import { isJsonObject, type JsonObject } from "../../protocol/index.ts";
import { segmentsOf } from "./path.ts";
import { reach, restore, unmerge } from "./restore.ts";
import { nodeId, root } from "./shapes.ts";
import { type Place, Tree } from "./tree.ts";
import type { TreeNode } from "./tree-shape.ts";
import type { UndoDraft } from "./undo-draft.ts";

// The compensation of each event: exact, except that empty containers stay that the event has created on its path,
// because other clients may have put something into them since. There is none where no events can undo the event,
// or only events that would overwrite a whole tree with the changes of other clients.

type Compensations = UndoDraft[] | UndoDraft | undefined;

export function compensateSet(
  state: JsonObject,
  payload: { target: string; value?: unknown; options?: { replace?: boolean | undefined } | undefined },
): Compensations {
  const { target, value, options } = payload;
  const segments = segmentsOf(target);
  const current = reach(state, segments).value;
  if (options?.replace !== true && isJsonObject(current) && isJsonObject(value)) {
    const merge = (old: JsonObject): UndoDraft => ({ type: "set", payload: { target, value: old } });
    const drafts = unmerge(state, segments, current, value, merge);
    if (drafts) return drafts;
  }
  return restore(state, segments);
}

export function compensateUnset(state: JsonObject, { target }: { target: string }): Compensations {
  return restore(state, segmentsOf(target));
}

export function compensatePush(
  state: JsonObject,
  payload: { target: string; value: { id: string }; options?: { parent?: string | undefined } | undefined },
  context: ReduceContext,
): Compensations {
  const { target, value, options } = payload;
  const tree = Tree.at(state, target, context)!;
  // The push would create the parent's list of children, and no event removes only that.
  if (!tree.hasChildList(options?.parent ?? root)) return undefined;
  return { type: "treeDelete", payload: { target, options: { id: value.id } } };
}

export function compensateUpdate(
  state: JsonObject,
  payload: { target: string; value: JsonObject; options: { id: string; replace?: boolean | undefined } },
  context: ReduceContext,
): Compensations {
  const { target, options } = payload;
  const { id: _, ...value } = payload.value;
  const segments = [...segmentsOf(target), "items", options.id];
  const current = Tree.at(state, target, context)!.items[options.id];
  // Such data is not the result of a treeUpdate, but of a set.
  if (!isJsonObject(current) || "id" in current) return restore(state, segments);
  const update = (old: JsonObject, replace: { replace?: true }): UndoDraft => ({
    type: "treeUpdate",
    payload: { target, value: old, options: { id: options.id, ...replace } },
  });
  if (options.replace !== true) {
    const drafts = unmerge(state, segments, current, value, (old) => update(old, {}));
    if (drafts) return drafts;
  }
  return update(current, { replace: true });
}

export function compensateMove(
  state: JsonObject,
  payload: { target: string; options: { id: string; parent?: string | undefined } },
  context: ReduceContext,
): Compensations {
  const { target, options } = payload;
  const tree = Tree.at(state, target, context)!;
  // As with a push.
  if (!tree.hasChildList(options.parent ?? root)) return undefined;
  const place = tree.placeOf(options.id);
  return place && { type: "treeMove", payload: { target, options: { id: options.id, ...place } } };
}

/** Pushes the node and all below it again: parents before their children, these in their order. */
export function compensateDelete(
  state: JsonObject,
  { target, options: { id } }: { target: string; options: { id: string } },
  context: ReduceContext,
): Compensations {
  const tree = Tree.at(state, target, context)!;
  const place = tree.placeOf(id);
  if (!place) return undefined;
  const pushes: UndoDraft[] = [];
  // The list grows during the iteration.
  const nodes: { node: TreeNode; options: Place }[] = [{ node: tree.node(id)!, options: place }];
  for (const { node, options } of nodes) {
    const data = pushedData(tree, node);
    if (!data) return undefined;
    pushes.push({ type: "treePush", payload: { target, value: { ...data, id: node.id }, options } });
    for (const child of node.children!) nodes.push({ node: child, options: { parent: node.id, position: "last" } });
  }
  return pushes;
}

/** The data of a node, if a push would restore node and data exactly; not where a `set` made them different. */
function pushedData(tree: Tree, node: TreeNode): JsonObject | undefined {
  if (!isJsonObject(node) || Object.keys(node).length !== 2 || !Array.isArray(node.children)) return undefined;
  if (!z.safeParse(nodeId, node.id).success || tree.node(node.id) !== node || !tree.hasItem(node.id)) return undefined;
  const data = tree.items[node.id];
  return isJsonObject(data) && !("id" in data) ? data : undefined;
}
