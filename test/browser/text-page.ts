import { ChangeSet, Text } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { collaboration, type Cursor, type TextSource } from "../../src/text/codemirror.ts";
import { bindTextarea } from "../../src/text/textarea.ts";

/** What the network of the test carries. */
export type Sent =
  | { client: string; version: number; changes: unknown }
  | { client: string; selection: { anchor: number; head: number } | null };

declare const send: (sent: Sent) => void;

/** A text on a slow network of the test: it submits one change at a time, and maps what comes over what was not confirmed. */
class SlowText implements TextSource {
  value = "";
  cursors: Cursor[] = [];
  version = 0;
  #sent: ChangeSet | undefined;
  #unsent: ChangeSet | undefined;
  readonly #listeners = new Set<(changes: ChangeSet | undefined) => void>();
  readonly #cursorListeners = new Set<() => void>();
  readonly client: string;

  constructor(client: string) {
    this.client = client;
  }

  get length(): number {
    return this.value.length;
  }

  get pending(): boolean {
    return this.#sent !== undefined;
  }

  submit(changes: ChangeSet): void {
    this.#change(changes);
    this.#unsent = this.#unsent ? this.#unsent.compose(changes) : changes;
    this.#send();
  }

  subscribe(listener: (changes: ChangeSet | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onCursors(listener: () => void): () => void {
    this.#cursorListeners.add(listener);
    return () => this.#cursorListeners.delete(listener);
  }

  select(selection: { anchor: number; head: number } | null): void {
    send({ client: this.client, selection });
  }

  receive(sent: Sent): void {
    if ("selection" in sent) {
      if (sent.client === this.client) return;
      const { client: peerId, selection } = sent;
      const inside = (at: number) => Math.min(at, this.length);
      this.cursors = selection
        ? [{ peerId, anchor: inside(selection.anchor), head: inside(selection.head), more: { name: peerId } }]
        : [];
      for (const listener of this.#cursorListeners) listener();
      return;
    }
    this.version++;
    if (sent.client === this.client) {
      this.#sent = undefined;
      this.#send();
      return;
    }
    let changes = ChangeSet.fromJSON(sent.changes);
    const first = this.client < sent.client;
    const over = (own: ChangeSet): ChangeSet => {
      const mapped = own.map(changes, first);
      changes = changes.map(own, !first);
      return mapped;
    };
    this.#sent &&= over(this.#sent);
    this.#unsent &&= over(this.#unsent);
    this.#change(changes);
    for (const listener of this.#listeners) listener(changes);
  }

  #change(changes: ChangeSet): void {
    this.value = changes.apply(Text.of(this.value.split("\n"))).toString();
    this.cursors = this.cursors.map((cursor) => ({
      ...cursor,
      // It may be in a text that has not come yet.
      anchor: changes.mapPos(Math.min(cursor.anchor, changes.length)),
      head: changes.mapPos(Math.min(cursor.head, changes.length)),
    }));
  }

  #send(): void {
    if (this.#sent || !this.#unsent) return;
    this.#sent = this.#unsent;
    this.#unsent = undefined;
    send({ client: this.client, version: this.version, changes: this.#sent.toJSON() });
  }
}

/** For the page: a text in an editor. */
export const textPage = {
  text: undefined as SlowText | undefined,
  view: undefined as EditorView | undefined,
  undone: 0,
  status: { status: "online", loaded: true },
  listeners: new Set<() => void>(),

  open(client: string, editor: "codemirror" | "textarea"): void {
    const text = new SlowText(client);
    this.text = text;
    const user = {
      undo: () => void this.undone++,
      redo: () => void (this.undone -= 100),
      status: this.status,
      on: (_: "status", listener: () => void) => {
        this.listeners.add(listener);
        return () => void this.listeners.delete(listener);
      },
    };
    const parent = document.querySelector("main")!;
    if (editor === "textarea") {
      const field = document.createElement("textarea");
      parent.append(field);
      bindTextarea(field, text, user);
      field.focus();
    } else {
      this.view = new EditorView({ parent, doc: text.value, extensions: [collaboration(text, { client: user })] });
      this.view.focus();
    }
  },

  receive(sent: Sent): void {
    this.text!.receive(sent);
  },

  setStatus(status: { status: string; loaded: boolean }): void {
    Object.assign(this.status, status);
    for (const listener of this.listeners) listener();
  },

  /** What the editor shows, and where its cursor is. */
  shown(): { doc: string; value: string; head: number; pending: boolean; version: number } {
    const field = document.querySelector("textarea");
    const { value, pending, version } = this.text!;
    const doc = field ? field.value : this.view!.state.doc.toString();
    const head = field ? field.selectionEnd : this.view!.state.selection.main.head;
    return { doc, value, head, pending, version };
  },

  put(head: number): void {
    const field = document.querySelector("textarea");
    if (field) field.setSelectionRange(head, head);
    else this.view!.dispatch({ selection: { anchor: head } });
  },
};

Object.assign(globalThis, { textPage });
