import { EditorView } from "@codemirror/view";
import { type Client, createClient, memoryStore } from "../../src/client/index.ts";
import { text } from "../../src/models/text/index.ts";
import { collaboration } from "../../src/text/codemirror.ts";
import { openText, type TextDocument } from "../../src/text/index.ts";
import { bindTextarea } from "../../src/text/textarea.ts";

type Editor = "codemirror" | "textarea";

/** What an editor shows around its cursor. */
interface Shown {
  before: string;
  after: string;
  /** Where the browser draws the caret, and where the editor has its cursor. */
  drawn: number;
  head: number;
}

/** For the page: a text of a client in an editor. */
export const textPage = {
  client: undefined as Client<any, any> | undefined,
  text: undefined as TextDocument | undefined,
  view: undefined as EditorView | undefined,
  /** What was shown in each frame. */
  frames: [] as Shown[],
  /** How many frames there were before `turn`. */
  marked: 0,

  async open(url: string, partition: string, name: string, editor: Editor, paused = false): Promise<void> {
    this.client = createClient({
      url,
      partition,
      model: text,
      clientId: name,
      presence: true,
      store: memoryStore(),
      tabs: false,
    });
    if (paused) this.client.pause();
    else await this.client.ready;
    this.text = openText(this.client, { doc: "d", presence: { name } });
    const parent = document.querySelector("main")!;
    if (editor === "textarea") {
      const field = document.createElement("textarea");
      parent.append(field);
      bindTextarea(field, this.text);
      field.focus();
    } else {
      const extensions = [collaboration(this.text, { client: this.client })];
      this.view = new EditorView({ parent, doc: this.text.value, extensions });
      this.view.focus();
    }
  },

  /** What the editor shows, and how far its client is. */
  shown() {
    const field = document.querySelector("textarea");
    const doc = field ? field.value : this.view!.state.doc.toString();
    const head = field ? field.selectionEnd : this.view!.state.selection.main.head;
    const { eventId, pending, status } = this.client!;
    const cursors = this.text!.cursors.map(({ more, head }) => ({ name: more!["name"], head }));
    const { value } = this.text!;
    return { doc, value, head, cursors, eventId, pending: pending.length, status: status.status };
  },

  put(head: number): void {
    const field = document.querySelector("textarea");
    if (field) field.setSelectionRange(head, head);
    else this.view!.dispatch({ selection: { anchor: head } });
  },

  /** Puts the cursor at the beginning, from the next frame on. */
  turn(): void {
    this.marked = this.frames.length;
    this.put(0);
  },

  /** From now on looks at the cursor in each frame. */
  watch(): void {
    const look = () => {
      const { doc, head } = this.shown();
      const { focusNode, focusOffset } = document.getSelection()!;
      const drawn = this.view ? this.view.posAtDOM(focusNode!, focusOffset) : head;
      this.frames.push({ before: doc.slice(0, head), after: doc.slice(head), drawn, head });
      requestAnimationFrame(look);
    };
    look();
  },
};

Object.assign(globalThis, { textPage });
