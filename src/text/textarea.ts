/**
 * A plain `textarea` or `input` on a text that others edit, too.
 *
 * @module partita/textarea
 */
import type { ChangeDesc, ChangeSet } from "@codemirror/state";
import { changeBetween } from "./replacing.ts";
import { endOf } from "./selection.ts";
import { type Origin, submitTyped, type TextSource } from "./source.ts";

export type { Cursor, LostText, Origin, Selection, TextListener, TextSource } from "./source.ts";

/**
 * Keeps a field and a text the same: what is typed is submitted as the smallest change, and what others change appears
 * without moving the cursor from its place in the text. The undo of the browser does not know what others have changed, so
 * its keys call those of the text. The own selection is shown to others while the field has the focus. Returns a function
 * that ends it.
 *
 * @example
 * const unbind = bindTextarea(document.querySelector("textarea")!, source);
 */
export function bindTextarea(field: HTMLTextAreaElement | HTMLInputElement, text: TextSource): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  /** The value of the field when it showed the text. */
  let shown: string;
  /** What leads from that to the text, where the field cannot show it: it has no carriage returns, and an `input` no lines. */
  let drift: ChangeDesc | undefined;
  let cursor = 0;
  /** While an input method composes a word, the field must not be written. */
  let composing = false;
  /** What others have changed meanwhile, against the text that the field showed. */
  let waiting: ChangeSet | undefined;

  const inText = (at: number) => drift?.mapPos(at) ?? at;
  const inField = (at: number) => drift?.invertedDesc.mapPos(at) ?? at;

  function write(): void {
    field.value = text.value;
    learn();
  }

  function learn(): void {
    shown = field.value;
    drift = changeBetween(shown, text.value)?.desc;
  }

  function remember(): void {
    const { selectionStart, selectionEnd, selectionDirection } = field;
    cursor = selectionStart ?? 0;
    // While a word is composed, others do not have the text of the field.
    if (composing || field.ownerDocument.activeElement !== field || selectionStart === null) return;
    const [anchor, head] =
      selectionDirection === "backward" ? [selectionEnd!, selectionStart] : [selectionStart, selectionEnd!];
    text.select?.({ anchor: inText(anchor), head: inText(head) });
  }

  function take(): void {
    const typed = changeBetween(shown, field.value, { before: cursor, after: field.selectionStart ?? 0 });
    if (!typed) return;
    shown = field.value;
    const change = drift ? typed.map(drift) : typed;
    drift &&= drift.mapDesc(typed, true);
    if (waiting) {
      // The typed text is before what came meanwhile, if both are at one place: as the cursor is.
      const mapped = change.map(waiting, true);
      waiting = waiting.map(change);
      submitTyped(text, mapped, listener);
    } else submitTyped(text, change, listener);
    remember();
  }

  function show(changes: ChangeSet, origin: Origin): void {
    const { selectionStart, selectionEnd, selectionDirection, scrollTop } = field;
    const [start, end] = [selectionStart, selectionEnd].map((at) => (at === null ? at : inText(at)));
    write();
    if (origin === "own") {
      // The cursor goes where an undo changes something.
      const at = inField(endOf(changes));
      field.setSelectionRange(at, at);
    } else if (start !== null && end !== null) {
      // What others insert at the cursor comes after it.
      field.setSelectionRange(
        inField(changes.mapPos(start!, -1)),
        inField(changes.mapPos(end!, -1)),
        selectionDirection ?? undefined,
      );
    }
    field.scrollTop = scrollTop;
    remember();
  }

  /** What leads from what the field shows to a text that is another one. */
  function replacement(): ChangeSet | undefined {
    drift = undefined;
    return changeBetween(shown, text.value);
  }

  function listener(changes: ChangeSet | undefined, origin: Origin): void {
    const all = changes ?? replacement();
    if (!all) return;
    if (composing) waiting = waiting && changes ? waiting.compose(changes) : all;
    else show(all, origin);
  }

  write();
  const unsubscribe = text.subscribe(listener);
  field.addEventListener("input", () => (composing ? undefined : take()), { signal });
  field.addEventListener("compositionstart", () => (composing = true), { signal });
  field.addEventListener(
    "compositionend",
    () => {
      composing = false;
      take();
      const came = waiting;
      waiting = undefined;
      if (came) show(came, "remote");
    },
    { signal },
  );
  field.ownerDocument.addEventListener("selectionchange", remember, { signal });
  field.addEventListener("blur", () => text.select?.(null), { signal });
  // By the keys, because the browser has nothing to undo after the field was written; and by its menu.
  const key = (event: Event) => {
    const what = keyOf(event as KeyboardEvent);
    if (what) run(what, event);
  };
  const menu = (event: Event) => {
    const { inputType } = event as InputEvent;
    if (inputType === "historyUndo") run("undo", event);
    else if (inputType === "historyRedo") run("redo", event);
  };
  const run = (what: "undo" | "redo", event: Event) => {
    event.preventDefault();
    text[what]?.();
  };
  field.addEventListener("keydown", key, { signal });
  field.addEventListener("beforeinput", menu, { signal });
  return () => {
    unsubscribe();
    controller.abort();
  };
}

function keyOf({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): "undo" | "redo" | undefined {
  if (!(ctrlKey || metaKey) || altKey) return undefined;
  const letter = key.toLowerCase();
  if (letter === "z") return shiftKey ? "redo" : "undo";
  return letter === "y" && !shiftKey ? "redo" : undefined;
}
