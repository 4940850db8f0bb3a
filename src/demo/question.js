import { part } from "./page.js";

/**
 * @typedef {object} Asked
 * @property {string} text
 * @property {string} action what the main button says
 * @property {string} [value] the text to edit; absent: there is none
 * @property {(value: string) => void} answer
 * @property {() => void} [top] what "to the top" does; absent: it is not offered
 * @property {() => void} focusBack gives the focus back to where it was
 */

/** A form that takes the place of a pane's toolbar, while the pane has a question. */
export class Question {
  #toolbar;
  #form;
  #text;
  #value;
  #action;
  #top;
  /** @type {Asked | undefined} */
  #asked;

  /** @param {HTMLElement} pane */
  constructor(pane) {
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

  get open() {
    return this.#asked !== undefined;
  }

  /** @param {Asked} asked */
  ask(asked) {
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

  /**
   * @param {string} text
   * @param {boolean} [enabled]
   */
  setAction(text, enabled = true) {
    this.#action.textContent = text;
    this.#action.disabled = !enabled;
  }

  answer() {
    const value = this.#value.value.trim();
    if (this.#action.disabled || (!this.#value.hidden && value === "")) return;
    this.#close()?.answer(value);
  }

  cancel() {
    this.#close();
  }

  #close() {
    const asked = this.#asked;
    const focused = this.#form.contains(document.activeElement);
    this.#asked = undefined;
    this.#form.hidden = true;
    this.#toolbar.hidden = false;
    if (focused) asked?.focusBack();
    return asked;
  }
}
