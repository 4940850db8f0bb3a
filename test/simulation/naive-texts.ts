// The model `text` once more, on plain strings and without any code of the product.

import { naiveApply, naiveJoin, naiveMap, naiveOf, type NaiveOperation, naiveSplits } from "../support/naive-text.ts";
import type { NaiveModel } from "./naive.ts";

type Sent = Parameters<typeof naiveOf>[0];

interface Edit {
  doc: string;
  changes: Sent;
}

interface Branch {
  parts: (string | Branch)[];
}

const textOf = ({ parts }: Branch): string =>
  parts.map((part) => (typeof part === "string" ? part : textOf(part))).join("");

/** The length of the text that an operation can be made on. */
const lengthOf = (changes: Sent): number =>
  changes.reduce<number>((sum, part) => sum + (typeof part === "number" ? part : (part[0] as number)), 0);

export const naiveTexts: NaiveModel = {
  authors: "shown",
  initial: () => ({ texts: {} }),
  apply(state, { type, version = 1, payload }) {
    const { doc, changes } = payload as Edit;
    const text: string = state.texts[doc] ?? "";
    const operation = naiveOf(changes);
    if (type !== "edit" || version !== 1 || lengthOf(changes) !== text.length || naiveSplits(text, operation))
      return false;
    state.texts[doc] = naiveApply(text, operation);
    return true;
  },
  entity: (_, { doc }) => doc,
  plain: ({ texts }) => ({
    texts: Object.fromEntries(Object.entries(texts).map(([doc, rope]) => [doc, textOf(rope as Branch)])),
  }),
  becomes: ({ payload, expectedEventId }, row, before) => {
    const { doc, changes } = payload as Edit;
    const event = JSON.parse(row.payload) as Edit;
    let operation: NaiveOperation = naiveOf(changes);
    let text = "";
    for (const other of before) {
      const edit = JSON.parse(other.payload) as Edit;
      if (edit.doc !== doc) continue;
      const theirs = naiveOf(edit.changes);
      if (other.eventId > expectedEventId!) {
        operation = naiveJoin(naiveMap(operation, theirs, row.clientId < other.clientId));
      }
      text = naiveApply(text, theirs);
    }
    return event.doc === doc && naiveApply(text, operation) === naiveApply(text, naiveOf(event.changes));
  },
};
