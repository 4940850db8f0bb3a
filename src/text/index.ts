/**
 * A document of the model `text`, or of a model of the application that has texts, for an editor.
 *
 * @module partita/text
 */
export { openText, TextDocument, type TextListener, type TextOptions } from "./document.ts";
export type { Cursor, LostText, Origin, Selection, TextSource } from "./source.ts";
