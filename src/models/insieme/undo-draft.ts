import type { JsonObject } from "../../protocol/index.ts";
import type { Place } from "./tree.ts";

/** The drafts that undo events of this model. */
export type UndoDraft =
  | { type: "set"; payload: { target: string; value: unknown; options?: { replace: true } } }
  | { type: "unset"; payload: { target: string } }
  | { type: "treePush"; payload: { target: string; value: JsonObject & { id: string }; options: Place } }
  | { type: "treeUpdate"; payload: { target: string; value: JsonObject; options: { id: string; replace?: true } } }
  | { type: "treeMove"; payload: { target: string; options: { id: string } & Place } }
  | { type: "treeDelete"; payload: { target: string; options: { id: string } } };
