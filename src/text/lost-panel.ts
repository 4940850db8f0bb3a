import type { Extension } from "@codemirror/state";
import { EditorView, type Panel, showPanel } from "@codemirror/view";
import type { LostText, TextSource } from "./source.ts";

/** What the panel says. */
export interface LostWords {
  title?: string;
  insert?: string;
  discard?: string;
}

/** Shows the oldest text that was typed and not taken, until it is inserted again or discarded. */
export function lostPanel(text: TextSource, words: LostWords = {}): Extension {
  if (!text.onLost) return [];
  return [showPanel.of((view) => new LostPanel(view, text, words)), theme];
}

class LostPanel implements Panel {
  readonly dom = document.createElement("div");
  readonly top = true;
  readonly destroy: () => void;
  readonly #view: EditorView;
  readonly #text: TextSource;
  readonly #shown = document.createElement("pre");
  #lost: LostText | undefined;

  constructor(view: EditorView, text: TextSource, words: LostWords) {
    const { title = "This was not saved:", insert = "Insert at the cursor", discard = "Discard" } = words;
    this.#view = view;
    this.#text = text;
    this.dom.className = "cm-partita-lost";
    this.dom.setAttribute("role", "alert");
    this.dom.append(
      title,
      this.#shown,
      newButton(insert, () => this.#insert()),
      newButton(discard, () => this.#lost && text.discard?.(this.#lost.key)),
    );
    this.destroy = text.onLost!(() => this.#show());
    this.#show();
  }

  #show(): void {
    [this.#lost] = this.#text.lost ?? [];
    this.dom.hidden = !this.#lost;
    this.#shown.textContent = this.#lost?.text ?? "";
    this.#shown.title = this.#lost?.reason ?? "";
  }

  /** Where it is rejected again, it is lost again, under another key. */
  #insert(): void {
    const view = this.#view;
    const lost = this.#lost;
    const { doc, readOnly } = view.state;
    if (!lost || readOnly) return;
    view.dispatch(view.state.replaceSelection(lost.text), { scrollIntoView: true });
    // The editor refuses changes until its text is loaded.
    if (view.state.doc !== doc) this.#text.discard?.(lost.key);
    view.focus();
  }
}

function newButton(label: string, run: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", run);
  return button;
}

const theme = EditorView.baseTheme({
  ".cm-partita-lost": { padding: "4px 8px", fontSize: "13px" },
  ".cm-partita-lost > pre": { maxHeight: "6em", overflow: "auto", whiteSpace: "pre-wrap", margin: "4px 0" },
  ".cm-partita-lost > button": { marginRight: "8px" },
});
