import { ChangeSet } from "@codemirror/state";
import type { TextEdit } from "./shapes.ts";

/** The change sets of payloads, because the same one is mapped, validated and applied. */
const known = new WeakMap<TextEdit["changes"], ChangeSet>();

/** The change set of a payload that has the right shape. */
export function changesOf({ changes }: Pick<TextEdit, "changes">): ChangeSet {
  let set = known.get(changes);
  if (!set) known.set(changes, (set = ChangeSet.fromJSON(changes)));
  return set;
}

/** The payload of a change set of the document `doc`. */
export function editOf(doc: string, set: ChangeSet): TextEdit {
  const changes = set.toJSON() as TextEdit["changes"];
  known.set(changes, set);
  return { doc, changes };
}
