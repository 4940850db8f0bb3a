import { ChangeSet, Text } from "@codemirror/state";
import { text } from "../../src/models/text/index.ts";
import { openText, type Selection } from "../../src/text/index.ts";
import { movedOver } from "../../src/text/selection.ts";
import { testPartition } from "../../src/testing/index.ts";

type Device = Awaited<ReturnType<ReturnType<typeof room>["connect"]>>;

/** A partition of the model `text`. */
export const room = (seed = 1) => testPartition(text, { seed, name: "text-1" });

/** Someone with an editor: a copy of the text that follows the client change by change. */
export class Typist {
  readonly device: Device;
  readonly document: ReturnType<typeof openText>;
  /** What the editor shows. */
  shown: string;
  /** How often the whole text was read again. */
  replaced = 0;

  /** Where its cursor is. */
  selection: Selection | undefined;

  /** `presence`: it shows its cursor to others; its device has the option, too. */
  constructor(device: Device, { doc = "d", presence = false } = {}) {
    this.device = device;
    this.document = openText(device.client, {
      doc,
      now: () => device.ports.now(),
      ...(presence && { presence: { name: device.name } }),
    });
    this.shown = this.document.value;
    this.document.subscribe((changes, origin) => {
      if (changes) {
        this.shown = applied(changes, this.shown);
        this.selection &&= movedOver(this.selection, changes, origin === "own" ? 1 : -1);
      } else {
        this.shown = this.document.value;
        this.replaced++;
      }
    });
  }

  /** Replaces `deleted` units at `at` by `insert`, in the editor and in the client. */
  type(at: number, insert: string, deleted = 0): void {
    const { shown } = this;
    const from = whole(shown, Math.min(at, shown.length));
    const to = whole(shown, Math.min(from + deleted, shown.length));
    if (from === to && insert === "") return;
    const changes = ChangeSet.of({ from, to, insert: Text.of(insert.split("\n")) }, shown.length);
    this.shown = applied(changes, shown);
    void this.document.submit(changes);
    if (this.selection) this.select(from + insert.length);
    this.check();
  }

  /** Puts the cursor there, or selects up to it. */
  select(head: number, anchor = head): void {
    const { length } = this.shown;
    this.selection = { anchor: Math.min(anchor, length), head: Math.min(head, length) };
    this.document.select(this.selection);
  }

  /** The editor shows what the client has. */
  check(): void {
    const { value } = this.document;
    if (this.shown === value) return;
    throw new Error(
      `the editor of ${this.device.name} shows ${JSON.stringify(this.shown)}, and its client has ${JSON.stringify(value)}`,
    );
  }
}

function applied(changes: ChangeSet, doc: string): string {
  return changes.apply(Text.of(doc.split("\n"))).toString();
}

/** The offset, or the one before it where that is inside a surrogate pair. */
function whole(doc: string, at: number): number {
  const unit = doc.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000 ? at - 1 : at;
}
