import { part } from "./page.ts";

/** A question to the user of a pane. */
export interface Asked {
  text: string;
  /** The label of the main button. */
  action: string;
  /** The text to edit; absent: no text field. */
  value?: string;
  answer(value: string): void;
  /** The action of "to the top"; absent: the button is hidden. */
  top?(): void;
  /** Returns the focus to where it was. */
  focusBack(): void;
}

/** A form that replaces the toolbar of a pane while the pane has a question. */
export class Question {
  readonly #toolbar: HTMLElement;
  readonly #form: HTMLFormElement;
  readonly #text: HTMLElement;
  readonly #value: HTMLInputElement;
  readonly #action: HTMLButtonElement;
  readonly #top: HTMLButtonElement;
  #asked: Asked | undefined;

  constructor(pane: HTMLElement) {
    this.#toolbar = part(pane, "toolbar");
    this.#form = part(pane, "question", HTMLFormElement);
    this.#text = part(pane, "text");
    this.#value = part(pane, "value", HTMLInputElement);
    this.#action = part(pane, "action", HTMLButtonElement);
    this.#top = part(pane, "top", HTMLButtonElement);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer();
    });
    this.#top.addEventListener("click", () => this.#close()?.top?.());
    part(pane, "cancel").addEventListener("click", () => this.cancel());
  }

  get open(): boolean {
    return this.#asked !== undefined;
  }

  ask(asked: Asked): void {
    const { text, action, value, top } = asked;
    this.#asked = asked;
    this.#text.textContent = text;
    this.setAction(action);
    this.#value.hidden = value === undefined;
    this.#value.value = value ?? "";
    this.#top.hidden = top === undefined;
    this.#form.hidden = false;
    this.#toolbar.hidden = true;
    if (value === undefined) this.#action.focus();
    else this.#value.select();
  }

  setAction(text: string, enabled = true): void {
    this.#action.textContent = text;
    this.#action.disabled = !enabled;
  }

  answer(): void {
    const value = this.#value.value.trim();
    if (this.#action.disabled || (!this.#value.hidden && value === "")) return;
    this.#close()?.answer(value);
  }

  cancel(): void {
    this.#close();
  }

  #close(): Asked | undefined {
    const asked = this.#asked;
    const focused = this.#form.contains(document.activeElement);
    this.#asked = undefined;
    this.#form.hidden = true;
    this.#toolbar.hidden = false;
    if (focused) asked?.focusBack();
    return asked;
  }
}
