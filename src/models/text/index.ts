/**
 * Texts that several edit at the same time: concurrent changes are merged by operational transformation.
 *
 * @module partita/models/text
 */
import { defineModel } from "../../model/index.ts";
import { textEvent, type Texts } from "./edit.ts";

export { changesOf, editOf } from "./changes.ts";
export { inverseIn, lengthIn, textEvent, textIn, type Texts } from "./edit.ts";
export { type Rope } from "./rope.ts";
export { type TextEdit } from "./shapes.ts";

/** Text documents, several in a partition, by their names. */
export const text = defineModel({
  name: "text",
  // 2: the pieces are found by `sizes`.
  version: 2,
  // Who wrote what is shown in the document.
  authors: "shown",
  initialState: (): { texts: Texts } => ({ texts: {} }),
  events: { edit: textEvent<{ texts: Texts }>((state) => state.texts) },
});
