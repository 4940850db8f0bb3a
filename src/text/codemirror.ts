/**
 * CodeMirror 6 on a text that others edit, too.
 *
 * @module partita/codemirror
 */
import {
  Annotation,
  ChangeSet,
  EditorState,
  type Extension,
  Text,
  Transaction,
  type TransactionSpec,
} from "@codemirror/state";
import { EditorView, keymap, type Panel, showPanel, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { cursors } from "./cursors.ts";
import { lostPanel, type LostWords } from "./lost-panel.ts";
import { changeBetween } from "./replacing.ts";
import { endOf } from "./selection.ts";
import { type Origin, submitTyped, type TextListener, type TextSource } from "./source.ts";

export type { Cursor, LostText, Origin, Selection, TextListener, TextSource } from "./source.ts";

/** What of a client the editor uses: a client of `partita/client` has it. */
export interface EditorClient {
  readonly status: { readonly status: string; readonly loaded: boolean };
  on(event: "status", listener: () => void): () => void;
}

/** What an application may say of its editor. */
export interface CollaborationOptions {
  /** Shows whether there is a connection, and refuses changes until the text is loaded. */
  client?: EditorClient;
  /** What is shown above the text while there is no connection. */
  offline?: string;
  /** What is shown above the text while it cannot be changed: it is not loaded, or the editor is read-only. */
  readOnly?: string;
  /** The words above what was typed and was not taken, as where its author may not write; it can be inserted again or discarded. */
  lost?: LostWords;
}

/** On transactions that the text has already. */
const taken = Annotation.define<true>();

/**
 * Keeps an editor and a text the same. The document of the editor begins as `text.value`. Offsets of others' changes keep the
 * cursor where it is in the text. The keys of the editor for undo and redo call those of the text; leave `history()` of
 * CodeMirror out.
 *
 * @example
 * const view = new EditorView({ doc: source.value, extensions: [collaboration(source, { client })], parent: document.body });
 */
export function collaboration(text: TextSource, options: CollaborationOptions = {}): Extension {
  const { client } = options;
  return [
    EditorState.lineSeparator.of("\n"),
    EditorState.transactionFilter.of((transaction) => withoutReturns(transaction)),
    ViewPlugin.define((view) => new Follower(view, text)),
    cursors(text),
    ...(text.undo ? [keysOf(text)] : []),
    ...(client ? [statusOf(client, options)] : []),
    lostPanel(text, options.lost),
  ];
}

/** With line feeds only, as what is pasted from elsewhere may not have: a text has no carriage returns. */
function withoutReturns(transaction: Transaction): TransactionSpec {
  if (!transaction.docChanged || transaction.annotation(taken) !== undefined) return transaction;
  const specs: { from: number; to: number; insert: Text }[] = [];
  let found = false;
  transaction.changes.iterChanges((from, to, _, __, inserted) => {
    const given = inserted.toString();
    const insert = given.replaceAll(/\r\n?/g, "\n");
    found ||= insert !== given;
    specs.push({ from, to, insert: Text.of(insert.split("\n")) });
  }, true);
  if (!found) return transaction;
  const changes = ChangeSet.of(specs, transaction.changes.length);
  // Behind what was inserted, as after a paste.
  return { changes, selection: { anchor: endOf(changes) }, effects: transaction.effects, scrollIntoView: true };
}

/** Submits what is typed, and applies what others change. */
class Follower {
  readonly #view: EditorView;
  readonly #text: TextSource;
  readonly #listener: TextListener;
  readonly #stop: () => void;
  #ended = false;

  constructor(view: EditorView, text: TextSource) {
    this.#view = view;
    this.#text = text;
    this.#listener = (changes, origin) => {
      if (changes) this.#apply(changes, origin);
      else this.#replace();
    };
    this.#stop = text.subscribe(this.#listener);
    // A plugin cannot change the document while it is made.
    queueMicrotask(() => this.#replace());
  }

  update({ transactions }: ViewUpdate): void {
    for (const transaction of transactions) {
      if (transaction.docChanged && transaction.annotation(taken) === undefined)
        submitTyped(this.#text, transaction.changes, this.#listener);
    }
  }

  destroy(): void {
    this.#ended = true;
    this.#stop();
  }

  #apply(changes: ChangeSet, origin: Origin): void {
    const annotations = [taken.of(true), Transaction.addToHistory.of(false)];
    // The cursor stays before what others insert at its place, and goes where an undo changes something.
    if (origin === "remote") this.#view.dispatch({ changes, annotations });
    else this.#view.dispatch({ changes, annotations, selection: { anchor: endOf(changes) }, scrollIntoView: true });
  }

  /** Makes the document what the text is. */
  #replace(): void {
    if (this.#ended) return;
    const changes = changeBetween(this.#view.state.doc.toString(), this.#text.value);
    if (changes) this.#apply(changes, "remote");
  }
}

function keysOf(text: TextSource): Extension {
  // The keys do nothing else, where there is nothing to undo.
  const undo = () => (text.undo?.(), true);
  const redo = () => (text.redo?.(), true);
  return [
    keymap.of([
      { key: "Mod-z", run: undo, preventDefault: true },
      { key: "Mod-y", mac: "Mod-Shift-z", run: redo, preventDefault: true },
      { linux: "Ctrl-Shift-z", run: redo, preventDefault: true },
    ]),
    EditorView.domEventHandlers({
      // The menu of the browser: it knows only what it has seen typed.
      beforeinput({ inputType }) {
        if (inputType === "historyUndo") return undo();
        return inputType === "historyRedo" && redo();
      },
    }),
  ];
}

/** Refuses changes until the text is loaded, and says in a panel what others do not get. */
function statusOf(client: EditorClient, options: CollaborationOptions): Extension {
  const { offline = "Offline: what you type is sent later.", readOnly = "Read only" } = options;
  const text = ({ state }: EditorView): string => {
    const { status, loaded } = client.status;
    if (!loaded || state.readOnly) return readOnly;
    return status === "online" ? "" : offline;
  };
  const panel = (view: EditorView): Panel => {
    const dom = document.createElement("div");
    dom.className = "cm-partita-status";
    dom.setAttribute("role", "status");
    const show = () => {
      dom.textContent = text(view);
      dom.hidden = dom.textContent === "";
    };
    show();
    const stop = client.on("status", show);
    return { dom, top: true, update: show, destroy: stop };
  };
  return [
    showPanel.of(panel),
    EditorState.changeFilter.of((transaction) => client.status.loaded || transaction.annotation(taken) === true),
  ];
}
