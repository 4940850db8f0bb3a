/**
 * A document of the model `text`, or of a model of the application that has texts, for an editor.
 *
 * @module partita/text
 */
export { openText, TextDocument, type TextOptions } from "./document.ts";
export type { Cursor, LostText, Origin, Selection, TextListener, TextSource } from "./source.ts";
