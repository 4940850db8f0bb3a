/**
 * A plain `textarea` or `input` on a text that others edit, too.
 *
 * @module partita/textarea
 */
import { ChangeSet } from "@codemirror/state";
import { changeBetween } from "./replacing.ts";
import type { TextSource } from "./source.ts";

export type { Cursor, TextSource } from "./source.ts";

/**
 * Keeps a field and a text the same: what is typed is submitted as the smallest change, and what others change appears
 * without moving the cursor from its place in the text. The undo of the browser does not know what others have changed, so
 * its key is left to `undo` and `redo`. Returns a function that ends it.
 *
 * @example
 * const unbind = bindTextarea(document.querySelector("textarea")!, source, client);
 */
export function bindTextarea(
  field: HTMLTextAreaElement | HTMLInputElement,
  text: TextSource,
  client?: { undo(): unknown; redo(): unknown },
): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  /** The value that the field and the text had when they were the same. */
  let shown = text.value;
  let cursor = 0;
  /** While an input method composes a word, the field must not be written. */
  let composing = false;
  /** What others have changed meanwhile, against `shown`. */
  let waiting: ChangeSet | undefined;

  field.value = shown;

  const remember = () => void (cursor = field.selectionStart ?? 0);

  function take(): void {
    const change = changeBetween(shown, field.value, { before: cursor, after: field.selectionStart ?? 0 });
    remember();
    if (!change) return;
    shown = field.value;
    if (waiting) {
      // The typed text is before what came meanwhile, if both are at one place: as the cursor is.
      const mapped = change.map(waiting, true);
      waiting = waiting.map(change);
      text.submit(mapped);
    } else text.submit(change);
  }

  function show(changes: ChangeSet): void {
    const { selectionStart, selectionEnd, selectionDirection, scrollTop } = field;
    field.value = text.value;
    shown = field.value;
    if (selectionStart !== null && selectionEnd !== null) {
      // What others insert at the cursor comes after it.
      field.setSelectionRange(
        changes.mapPos(selectionStart, -1),
        changes.mapPos(selectionEnd, -1),
        selectionDirection ?? undefined,
      );
    }
    field.scrollTop = scrollTop;
    remember();
  }

  const unsubscribe = text.subscribe((changes) => {
    const all = changes ?? changeBetween(shown, text.value);
    if (!all) return;
    if (composing) waiting = waiting && changes ? waiting.compose(changes) : all;
    else show(all);
  });
  field.addEventListener("input", () => (composing ? undefined : take()), { signal });
  field.addEventListener("compositionstart", () => (composing = true), { signal });
  field.addEventListener(
    "compositionend",
    () => {
      composing = false;
      take();
      const came = waiting;
      waiting = undefined;
      if (came) show(came);
    },
    { signal },
  );
  field.ownerDocument.addEventListener("selectionchange", remember, { signal });
  const undo = (event: Event) => {
    const { inputType } = event as InputEvent;
    if (inputType !== "historyUndo" && inputType !== "historyRedo") return;
    event.preventDefault();
    if (inputType === "historyUndo") client?.undo();
    else client?.redo();
  };
  field.addEventListener("beforeinput", undo, { signal });
  return () => {
    unsubscribe();
    controller.abort();
  };
}
