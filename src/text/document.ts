import type { ChangeSet } from "@codemirror/state";
import type { Client, MergedChange, QueueEntry, Verdict } from "../client/index.ts";
import { changesOf, editOf, inverseIn, lengthIn, type TextEdit, textIn, type Texts } from "../models/text/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { TextHistory } from "./history.ts";
import { lostIn, lostOf } from "./lost.ts";
import { piecesOf } from "./pieces.ts";
import { Places } from "./places.ts";
import type { Cursor, LostText, Origin, Selection, TextListener, TextSource } from "./source.ts";

/** How many texts are kept that the client does not keep: as many as it keeps rejected entries. */
const refusedMax = 256;

/** Which document, and where it is. */
export interface TextOptions<S> {
  /** The name of the document. */
  doc: string;
  /** The type of event that changes it. Default: `edit`. */
  type?: string;
  /** The part of the state that has the texts. Default: `state.texts`. */
  texts?(state: S): Texts;
  /**
   * Shows the own selection to others, and theirs in `cursors`. It is what the own presence has beside that, as
   * `{ name: "Ada" }`; `text` is the selection. The client needs the option `presence`. Default: no cursors.
   */
  presence?: JsonObject;
  /** The time in milliseconds, for the steps of `undo`. Default: `Date.now`. */
  now?(): number;
}

/** One document of a client, as an editor uses it: which has a copy of the text, and has to follow it change by change. */
export class TextDocument implements TextSource {
  readonly doc: string;
  readonly #client: Client<any, any, any>;
  readonly #type: string;
  readonly #texts: (state: any) => Texts;
  readonly #now: () => number;
  readonly #listeners = new Set<TextListener>();
  readonly #cursorListeners = new Set<() => void>();
  readonly #history = new TextHistory();
  readonly #places: Places | undefined;
  readonly #lostListeners = new Set<() => void>();
  /** What is lost with each entry, which stays as it is: `lost` is looked at with each change of the client. */
  readonly #lostWith = new WeakMap<QueueEntry, readonly LostText[]>();
  /** What the client does not keep: it was rejected before it was queued, or was queued for too long. */
  #refused: LostText[] = [];
  #refusals = 0;
  /** The keys of what is lost, as listeners know it. */
  #lostKeys = "";
  readonly #stops: (() => void)[];
  /** What submits now. */
  #submitting: "editor" | "history" | undefined;
  /** The listener that has what is submitted. */
  #by: TextListener | undefined;
  /** Whether what was submitted is in the view. */
  #entered = false;

  constructor(client: Client<any, any, any>, options: TextOptions<any>) {
    const { doc, type = "edit", texts = (state: { texts: Texts }) => state.texts, now = Date.now, presence } = options;
    this.#client = client;
    this.doc = doc;
    this.#type = type;
    this.#texts = texts;
    this.#now = now;
    this.#stops = [
      client.on("merged", (change) => this.#merged(change)),
      client.on("expired", ({ entry }) => this.#refuse(this.#lostIn(entry))),
      client.subscribe(() => this.#seeLost()),
    ];
    this.#lostKeys = this.#keysOfLost();
    if (presence) {
      const changed = () => this.#cursorListeners.forEach((listener) => listener());
      this.#places = new Places(client, this, { type, more: presence, changed });
    }
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
   * back, and listeners get that as a change. Several changes may become one event. A change that does not fit a frame
   * becomes several; then it is the verdict of the first one that was not accepted, or of the last one.
   *
   * `by`: the listener whose editor has the change already, where others have to follow, as a second editor of this text.
   * Without it no listener is called.
   *
   * @throws RangeError if `changes` is of a text with another length: then the editor has missed a change.
   */
  submit(changes: ChangeSet, by?: TextListener): Promise<Verdict> {
    const { length } = this;
    if (changes.length !== length)
      throw new RangeError(`a change of ${changes.length} units, and the text has ${length}`);
    this.#by = by;
    const { back, verdict } = this.#enter(changes, "editor");
    if (back) this.#history.add(back, this.#now());
    return verdict;
  }

  /** Whether there are own changes that `undo` takes back. */
  get canUndo(): boolean {
    return this.#history.canUndo;
  }

  /** Whether `redo` has something to do. */
  get canRedo(): boolean {
    return this.#history.canRedo;
  }

  /**
   * Takes back what was submitted here last, as it is now: what others have changed since stays. What was typed at one place
   * without a pause of half a second is one step; there are 200 of them, of 4 Mi units that were deleted. A rejection, and
   * a state that was replaced, end what can be undone. Listeners get the change as `own`. False: there is nothing to undo.
   */
  undo(): boolean {
    return this.#revert("undo");
  }

  /** Takes the last `undo` back, in the same way. False: there is none, or something was submitted after it. */
  redo(): boolean {
    return this.#revert("redo");
  }

  /**
   * Where the others are in `value`, by the presences of their clients, moved by what has come and by what is typed here.
   * A cursor that is not of this document, or of which that is not known, is left out. Empty without the option `presence`.
   */
  get cursors(): readonly Cursor[] {
    return this.#places?.cursors ?? [];
  }

  /** Calls `listener` after `cursors` may have changed. Returns a function that ends it. */
  onCursors(listener: () => void): () => void {
    this.#cursorListeners.add(listener);
    return () => this.#cursorListeners.delete(listener);
  }

  /** Shows the others the own selection in `value`; null: none. Nothing without the option `presence`. */
  select(selection: Selection | null): void {
    this.#places?.select(selection ?? undefined);
  }

  /**
   * Calls `listener` for each change of `value` that it does not have (see `submit`), against the value before it, in order
   * and at once: so a copy of the text that has them all is always the same as `value`. `own`: by `undo` and `redo` of this
   * object. Undefined: the state was replaced; read `value`. Returns a function that ends it.
   */
  subscribe(listener: TextListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * What was typed here and was rejected, or cannot be sent because nobody knows any more what it was made on, oldest first:
   * what it would have inserted. It stays in `client.rejected` or `client.parked`, over reloads, until `discard`. What only
   * deletes, and what is of a batch, is not here.
   */
  get lost(): readonly LostText[] {
    const { rejected, parked } = this.#client;
    return [...[...rejected, ...parked].flatMap((entry) => this.#lostIn(entry)), ...this.#refused];
  }

  /** Calls `listener` after `lost` has changed. Returns a function that ends it. */
  onLost(listener: () => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Forgets what is lost under this key, as `client.discard` does. */
  discard(key: string): void {
    this.#refused = this.#refused.filter((lost) => lost.key !== key);
    this.#client.discard(key);
    this.#seeLost();
  }

  /** Ends all subscriptions, and the own presence. */
  close(): void {
    for (const stop of this.#stops) stop();
    this.#places?.close();
    this.#listeners.clear();
    this.#cursorListeners.clear();
    this.#lostListeners.clear();
  }

  #merged(change: MergedChange | undefined): void {
    if (!change) {
      this.#history.clear();
      this.#tell(undefined, "remote");
      return;
    }
    const edit = change.payload as unknown as TextEdit;
    if (change.type !== this.#type || edit.doc !== this.doc) return;
    const changes = changesOf(edit);
    const submitting = change.draftId === undefined ? undefined : this.#submitting;
    this.#places?.viewChanged(changes, submitting ? 1 : -1);
    if (submitting) this.#entered = true;
    else this.#history.map(changes);
    this.#tell(changes, submitting === "history" ? "own" : "remote", submitting === "editor");
  }

  /** Submits a change. `back` takes it back; undefined: it is not in the view. */
  #enter(changes: ChangeSet, by: "editor" | "history"): { back: ChangeSet | undefined; verdict: Promise<Verdict> } {
    const verdicts: Promise<Verdict>[] = [];
    let back: ChangeSet | undefined;
    this.#submitting = by;
    try {
      const pieces = piecesOf(changes);
      for (const [at, piece] of pieces.entries()) {
        const inverse = this.#client.read((state) => inverseIn(this.#texts(state), this.doc, piece));
        this.#entered = false;
        verdicts.push(this.#client.submit(this.#type, editOf(this.doc, piece)));
        if (!this.#entered) {
          // It was refused here. The editor, which has it, cannot be changed while it submits.
          queueMicrotask(() => this.#merged(undefined));
          void this.#lose(pieces.slice(at), verdicts.at(-1)!);
          return { back: undefined, verdict: verdictOf(verdicts) };
        }
        back = back ? inverse.compose(back) : inverse;
      }
    } finally {
      this.#submitting = undefined;
    }
    const verdict = verdictOf(verdicts);
    void verdict.then(
      // What undoes it would now do something else.
      ({ status }) => status !== "accepted" && this.#history.clear(),
      () => {},
    );
    return { back, verdict };
  }

  /** Keeps the text of a change that was rejected here. */
  async #lose(changes: readonly ChangeSet[], verdict: Promise<Verdict>): Promise<void> {
    // A closed client has no verdict.
    const decided = await verdict.catch(() => undefined);
    const reason = decided && "problem" in decided ? decided.problem.detail : undefined;
    this.#refuse(lostOf(`refused-${++this.#refusals}`, changes, reason));
  }

  #lostIn(entry: QueueEntry): readonly LostText[] {
    let lost = this.#lostWith.get(entry);
    if (!lost) this.#lostWith.set(entry, (lost = lostIn(entry, this.#type, this.doc)));
    return lost;
  }

  #refuse(lost: readonly LostText[]): void {
    this.#refused.push(...lost);
    while (this.#refused.length > refusedMax) this.#refused.shift();
    this.#seeLost();
  }

  #keysOfLost(): string {
    return this.lost.map(({ key }) => key).join(" ");
  }

  #seeLost(): void {
    const keys = this.#keysOfLost();
    if (keys === this.#lostKeys) return;
    this.#lostKeys = keys;
    for (const listener of this.#lostListeners) listener();
  }

  #revert(what: "undo" | "redo"): boolean {
    return this.#history.run(what, (changes) => {
      const { back, verdict } = this.#enter(changes, "history");
      // A closed client: its status says so.
      verdict.catch(() => {});
      return back;
    });
  }

  /** `submitted`: by `submit`, so that some have it already. */
  #tell(changes: ChangeSet | undefined, origin: Origin, submitted = false): void {
    const by = this.#by;
    if (submitted && !by) return;
    for (const listener of this.#listeners) if (!submitted || listener !== by) listener(changes, origin);
  }
}

async function verdictOf(verdicts: readonly Promise<Verdict>[]): Promise<Verdict> {
  const all = await Promise.all(verdicts);
  return all.find(({ status }) => status !== "accepted") ?? all.at(-1)!;
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
