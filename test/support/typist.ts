import { ChangeSet, Text } from "@codemirror/state";
import { text } from "../../src/models/text/index.ts";
import { openText } from "../../src/text/index.ts";
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

  constructor(device: Device, doc = "d") {
    this.device = device;
    this.document = openText(device.client, { doc });
    this.shown = this.document.value;
    this.document.subscribe((changes) => {
      if (changes) this.shown = applied(changes, this.shown);
      else {
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
    this.check();
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
