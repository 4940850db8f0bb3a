import * as z from "zod/mini";
import { forbiddenKeys } from "../../protocol/index.ts";

/** Characters of the name of a document. */
const nameLengthMax = 128;

/**
 * A part of the changes of a text, in the order of the text before them: a number of UTF-16 code units that stay; or
 * how many are deleted, and the lines that take their place, joined by line feeds. It is what `ChangeSet.toJSON` of
 * `@codemirror/state` makes.
 */
const part = z.union([
  z.int().check(z.gte(1)),
  z.tuple([z.int().check(z.gte(0))], z.string()).check(
    z.refine(([deleted, ...lines]) => deleted > 0 || lines.length > 1 || (lines[0] ?? "") !== "", {
      error: "It deletes nothing and inserts nothing.",
    }),
    // A carriage return is no part of a text: a field of a page cannot show it, and would give another text back.
    z.refine(([, ...lines]) => !lines.some((line) => /[\r\n]/.test(line)), {
      error: "Each line is a string of its own, without its line feed, and without a carriage return.",
    }),
  ),
]);

/** The name of a document. It becomes a key of the state. */
const name = z.string().check(
  z.minLength(1),
  z.maxLength(nameLengthMax),
  z.refine((text) => !forbiddenKeys.has(text), { error: "This name is reserved." }),
);

/** Changes of one document: of the text as it was after the event that `expectedEventId` names. */
export const textEdit = z.strictObject({ doc: name, changes: z.array(part) });

/** The payload of an event that changes a text. */
export type TextEdit = z.infer<typeof textEdit>;
