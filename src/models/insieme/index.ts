import * as z from "zod/mini";
import { defineModel, type Objection } from "../../model/index.ts";
import { isJsonObject, type JsonObject } from "../../protocol/index.ts";
import {
  compensateDelete,
  compensateMove,
  compensatePush,
  compensateSet,
  compensateUnset,
  compensateUpdate,
} from "./compensations.ts";
import { containerFor, notFound, objectionToSet, objectionToUnset, segmentsOf } from "./path.ts";
import { jsonObject, nodeId, position, root, target } from "./shapes.ts";
import { Tree, treeDepthMax } from "./tree.ts";

const replace = z.optional(z.boolean());
const parentId = z.optional(z.string().check(z.minLength(1)));

/**
 * The events of the Insieme library (0.0.8): a JSON document that is changed by paths, with trees in it. Reducers
 * have the results of the library; where it would silently ignore or break something, the validators reject.
 */
export const insieme = defineModel({
  name: "insieme",
  version: 1,
  initialState: (): JsonObject => ({}),
  events: {
    init: {
      payload: z.strictObject({ value: jsonObject }),
      // The permission to change a document does not include the permission to initialise it.
      permission: "init",
      validate(_, __, { head }) {
        if (head === 0) return undefined;
        return {
          field: "payload.value",
          code: "ALREADY_INITIALIZED",
          message: "init is for the first event only: this log has begun.",
        };
      },
      reduce(state, { payload }) {
        for (const key of Object.keys(state)) delete state[key];
        Object.assign(state, payload.value);
      },
    },

    set: {
      payload: z.strictObject({ target, value: z.unknown(), options: z.optional(z.strictObject({ replace })) }).check(
        z.refine(({ value }) => value !== undefined, { error: "A value is needed; null is one.", path: ["value"] }),
        z.refine(({ value, options }) => options?.replace === true || !Array.isArray(value), {
          error: "An array is set with options.replace only.",
          path: ["value"],
        }),
      ),
      entity: ({ payload }) => segmentsOf(payload.target)[0]!,
      validate: (state, { payload }) => objectionToSet(state, payload.target),
      reduce(state, { payload }) {
        const container = containerFor(state, payload.target);
        const key = segmentsOf(payload.target).at(-1)!;
        const current = container[key];
        if (payload.options?.replace !== true && isJsonObject(current) && isJsonObject(payload.value)) {
          Object.assign(current, payload.value);
        } else {
          container[key] = payload.value as JsonObject;
        }
      },
      compensate: (state, { payload }) => compensateSet(state, payload),
    },

    unset: {
      shrinks: true,
      payload: z.strictObject({ target }),
      entity: ({ payload }) => segmentsOf(payload.target)[0]!,
      validate: (state, { payload }) => objectionToUnset(state, payload.target),
      reduce(state, { payload }) {
        delete containerFor(state, payload.target)[segmentsOf(payload.target).at(-1)!];
      },
      compensate: (state, { payload }) => compensateUnset(state, payload),
    },

    treePush: {
      payload: z.strictObject({
        target,
        value: z.looseObject({ id: nodeId }),
        options: z.optional(z.strictObject({ parent: parentId, position: z.optional(position) })),
      }),
      entity: ({ payload }) => segmentsOf(payload.target)[0]!,
      validate(state, { payload }, context) {
        const tree = Tree.at(state, payload.target, context);
        if (!tree) return noTree(payload.target);
        if (!tree.isSound) return unsound(payload.target);
        const { id } = payload.value;
        const parent = payload.options?.parent ?? root;
        const objections: Objection[] = [];
        if (tree.hasNode(id) || tree.hasItem(id)) {
          objections.push({
            field: "payload.value.id",
            code: "DUPLICATE_ID",
            message: `There is a node "${id}" already.`,
          });
        }
        if (parent !== root && !tree.hasNode(parent)) objections.push(noParent(parent));
        else if (tree.depthOf(parent) + 1 > treeDepthMax) objections.push(tooDeep);
        return objections;
      },
      reduce(state, { payload }, context) {
        const tree = Tree.at(state, payload.target, context)!;
        const { id, ...data } = payload.value;
        tree.ensureContainers();
        tree.items[id] = data as JsonObject;
        tree.insert(id, payload.options?.parent ?? root, payload.options?.position);
      },
      compensate: (state, { payload }, context) => compensatePush(state, payload, context),
    },

    treeUpdate: {
      payload: z.strictObject({ target, value: jsonObject, options: z.strictObject({ id: nodeId, replace }) }),
      entity: ({ payload }) => segmentsOf(payload.target)[0]!,
      validate(state, { payload }, context) {
        const tree = Tree.at(state, payload.target, context);
        if (!tree) return noTree(payload.target);
        return tree.hasItem(payload.options.id) ? undefined : noNode(payload.options.id);
      },
      reduce(state, { payload }, context) {
        const { items } = Tree.at(state, payload.target, context)!;
        const { id: _, ...data } = payload.value as JsonObject;
        const current = items[payload.options.id];
        if (payload.options.replace === true || !isJsonObject(current)) {
          items[payload.options.id] = data;
        } else {
          Object.assign(current, data);
          delete current["id"];
        }
      },
      compensate: (state, { payload }, context) =>
        compensateUpdate(state, { ...payload, value: payload.value as JsonObject }, context),
    },

    treeMove: {
      payload: z.strictObject({
        target,
        options: z.strictObject({ id: nodeId, parent: parentId, position: z.optional(position) }),
      }),
      entity: ({ payload }) => segmentsOf(payload.target)[0]!,
      validate(state, { payload }, context) {
        const tree = Tree.at(state, payload.target, context);
        if (!tree) return noTree(payload.target);
        if (!tree.isSound) return unsound(payload.target);
        const { id, parent = root } = payload.options;
        if (!tree.hasNode(id)) return noNode(id);
        if (parent === root) return undefined;
        if (!tree.hasNode(parent)) return noParent(parent);
        if (tree.isInside(parent, id)) {
          return {
            field: "payload.options.parent",
            code: "CYCLE",
            message: "A node cannot go into itself or below itself.",
          };
        }
        return tree.depthOf(parent) + tree.heightOf(id) > treeDepthMax ? tooDeep : undefined;
      },
      reduce(state, { payload }, context) {
        const { id, parent = root, position: where } = payload.options;
        Tree.at(state, payload.target, context)!.move(id, parent, where);
      },
      compensate: (state, { payload }, context) => compensateMove(state, payload, context),
    },

    treeDelete: {
      shrinks: true,
      payload: z.strictObject({ target, options: z.strictObject({ id: nodeId }) }),
      entity: ({ payload }) => segmentsOf(payload.target)[0]!,
      validate(state, { payload }, context) {
        const tree = Tree.at(state, payload.target, context);
        if (!tree) return noTree(payload.target);
        if (!tree.isSound) return unsound(payload.target);
        return tree.hasNode(payload.options.id) ? undefined : noNode(payload.options.id);
      },
      reduce(state, { payload }, context) {
        const tree = Tree.at(state, payload.target, context)!;
        tree.ensureContainers();
        tree.remove(payload.options.id);
      },
      compensate: (state, { payload }, context) => compensateDelete(state, payload, context),
    },
  },
});

function noTree(path: string): Objection {
  return notFound(`There is no tree at "${path}": set it to {} first.`);
}

function unsound(path: string): Objection {
  return notFound(`The tree at "${path}" has two nodes of one id, or one with the id of the top: set it again.`);
}

function noParent(parent: string): Objection {
  return { field: "payload.options.parent", code: "PARENT_NOT_FOUND", message: `There is no node "${parent}".` };
}

function noNode(id: string): Objection {
  return { field: "payload.options.id", code: "NODE_NOT_FOUND", message: `There is no node "${id}".` };
}

const tooDeep: Objection = {
  field: "payload.options.parent",
  code: "SCHEMA_ERROR",
  message: `A tree has at most ${treeDepthMax} levels.`,
};
