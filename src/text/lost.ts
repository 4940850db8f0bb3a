import type { ChangeSet } from "@codemirror/state";
import type { QueueEntry } from "../client/index.ts";
import { changesOf, type TextEdit } from "../models/text/index.ts";
import type { LostText } from "./source.ts";

/** What an entry would have inserted into a document. A batch is of the application, which has its drafts. */
export function lostIn({ key, mode, drafts: [draft], parked }: QueueEntry, type: string, doc: string): LostText[] {
  if (mode !== "single" || draft!.type !== type) return [];
  const edit = draft!.payload as unknown as TextEdit;
  return edit.doc === doc ? lostOf(key, [changesOf(edit)], parked?.detail) : [];
}

/** What changes that are parts of one, in their order, would have inserted; none: they only delete. */
export function lostOf(key: string, changes: readonly ChangeSet[], reason = ""): LostText[] {
  const text = changes.map((part) => insertedBy(part)).join("");
  return text === "" ? [] : [{ key, text, reason }];
}

/** What is inserted, a line for each place. */
function insertedBy(changes: ChangeSet): string {
  const texts: string[] = [];
  changes.iterChanges((_, __, ___, ____, inserted) => {
    if (inserted.length > 0) texts.push(inserted.toString());
  });
  return texts.join("\n");
}
