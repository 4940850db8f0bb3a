import type { ChangeSet } from "@codemirror/state";
import type { Client } from "../client/index.ts";
import { changesOf, editOf, lengthIn, type TextEdit, textIn, type Texts } from "../models/text/index.ts";
import type { Verdict } from "../client/index.ts";

/** Which document, and where it is. */
export interface TextOptions<S> {
  /** The name of the document. */
  doc: string;
  /** The type of event that changes it. Default: `edit`. */
  type?: string;
  /** The part of the state that has the texts. Default: `state.texts`. */
  texts?(state: S): Texts;
}

/** Called for each change of the text; see `TextDocument.subscribe`. */
export type TextListener = (changes: ChangeSet | undefined, origin: "own" | "remote") => void;

/** One document of a client, as an editor uses it: which has a copy of the text, and has to follow it change by change. */
export class TextDocument {
  readonly doc: string;
  readonly #client: Client<any, any, any>;
  readonly #type: string;
  readonly #texts: (state: any) => Texts;
  readonly #listeners = new Set<TextListener>();
  readonly #stop: () => void;
  #submitting = false;

  constructor(client: Client<any, any, any>, options: TextOptions<any>) {
    this.#client = client;
    this.doc = options.doc;
    this.#type = options.type ?? "edit";
    this.#texts = options.texts ?? ((state: { texts: Texts }) => state.texts);
    this.#stop = client.on("merged", (change) => {
      if (!change) this.#tell(undefined, "remote");
      else if (change.type === this.#type) {
        const edit = change.payload as unknown as TextEdit;
        const origin = change.draftId === undefined ? "remote" : "own";
        if (edit.doc === this.doc && !(this.#submitting && origin === "own")) this.#tell(changesOf(edit), origin);
      }
    });
  }

  /** The text, with the own changes that are not confirmed. */
  get value(): string {
    return this.#client.read((state) => textIn(this.#texts(state), this.doc));
  }

  /** Its length, in UTF-16 code units. */
  get length(): number {
    return this.#client.read((state) => lengthIn(this.#texts(state), this.doc));
  }

  /**
   * Submits a change of `value`, which has it when this returns. Resolves with the verdict. If it is rejected, it is taken
   * back, and listeners get that as a change. Several changes may become one event.
   *
   * @throws RangeError if `changes` is of a text with another length: then the editor has missed a change.
   */
  submit(changes: ChangeSet): Promise<Verdict> {
    const { length } = this;
    if (changes.length !== length)
      throw new RangeError(`a change of ${changes.length} units, and the text has ${length}`);
    this.#submitting = true;
    try {
      return this.#client.submit(this.#type, editOf(this.doc, changes));
    } finally {
      this.#submitting = false;
    }
  }

  /**
   * Calls `listener` for each change of `value` that `submit` of this object has not made, against the value before it, in
   * order and at once: so a copy of the text that has them all is always the same as `value`. `own`: what this client has
   * submitted in another way, as an undo. Undefined: the state was replaced; read `value`. Returns a function that ends it.
   */
  subscribe(listener: TextListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all subscriptions. */
  close(): void {
    this.#stop();
    this.#listeners.clear();
  }

  #tell(changes: ChangeSet | undefined, origin: "own" | "remote"): void {
    for (const listener of this.#listeners) listener(changes, origin);
  }
}

/**
 * Opens a document of a client whose model has it.
 *
 * @example
 * const text = openText(client, { doc: "readme" });
 * const stop = text.subscribe((changes) => editor.apply(changes));
 * void text.submit(ChangeSet.of({ from: 0, insert: "Hello" }, text.length));
 */
export function openText<S extends object>(client: Client<S, any, any>, options: TextOptions<S>): TextDocument {
  return new TextDocument(client, options);
}
