import { createHash } from "node:crypto";
import type { JsonObject } from "../../protocol/index.ts";
import type { Entry } from "./walk.ts";

/** A draft, as in `submit_event`. */
export interface Draft {
  draftId: string;
  event: { type: string; payload: JsonObject };
}

/** The path of the tree in the state. */
export const treeTarget = "files";
/** In open mode the client id is the principal. All connections and runs share it, so a retry finds its verdict. */
export const importClientId = "import";

/** The model's bound on the length of a node's id. */
const nodeIdLengthMax = 1_024;

/** Creates the tree if it does not exist. It merges, so it does not change a tree that has nodes. */
export const targetDraft: Draft = {
  draftId: "import-target",
  event: { type: "set", payload: { target: treeTarget, value: {} } },
};

/** The id of the node of `path`: `/` and the path, or its hash if that is too long. */
export function nodeIdOf(path: string): string {
  const id = `/${path}`;
  return id.length <= nodeIdLengthMax ? id : `sha256:${sha256(path)}`;
}

/** The id of the draft of `path`: the same in every run, so nothing is imported twice. */
export function draftIdOf(path: string): string {
  return `import-${sha256(path).slice(0, 32)}`;
}

/** The draft that adds `entry` to the tree. It is the same in every run. */
export function draftOf({ path, parent, name, type }: Entry): Draft {
  return {
    draftId: draftIdOf(path),
    event: {
      type: "treePush",
      payload: {
        target: treeTarget,
        value: { id: nodeIdOf(path), name, type },
        options: { ...(parent === undefined ? {} : { parent: nodeIdOf(parent) }), position: "last" },
      },
    },
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
