import { ChangeSet, Text } from "@codemirror/state";
import { editOf, lengthIn, type TextEdit } from "../../src/models/text/index.ts";
import { openText, type Selection } from "../../src/text/index.ts";
import { movedOver } from "../../src/text/selection.ts";
import type { room } from "./merging-room.ts";
import { NaiveFollower, type NaiveText, type Seen } from "./naive-follower.ts";

type TestDevice = Awaited<ReturnType<ReturnType<typeof room>["connect"]>>;

/** What a typist needs of a device. */
export interface TypingDevice extends Pick<TestDevice, "name" | "client"> {
  readonly ports: Pick<TestDevice["ports"], "now">;
}

/** Someone with an editor: a copy of the text that follows the client change by change. */
export class Typist<Device extends TypingDevice = TestDevice> {
  readonly device: Device;
  readonly document: ReturnType<typeof openText>;
  /** What the editor shows. */
  shown: string;
  /** How often the whole text was read again. */
  replaced = 0;

  /** Where its cursor is. */
  selection: Selection | undefined;
  #follower: NaiveFollower | undefined;
  #withdrawals = 0;
  /** Whether all drafts were in the view at the last check. */
  #showed = true;

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
        this.#follower?.replaced(this.device.client.eventId);
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
    this.change(() => {
      this.shown = applied(changes, shown);
      void this.document.submit(changes);
      if (this.selection) this.select(from + insert.length);
    });
  }

  /** Inserts at `at`, in a batch with a change of another text. */
  batch(mode: "atomic" | "sequential", at: number, insert: string): void {
    const { client } = this.device;
    const { doc } = this.document;
    const from = whole(this.shown, Math.min(at, this.shown.length));
    const edits = [
      editOf(doc, ChangeSet.of({ from, insert }, this.shown.length)),
      editOf(
        `beside ${doc}`,
        ChangeSet.of(
          { from: 0, insert },
          client.read(({ texts }) => lengthIn(texts, `beside ${doc}`)),
        ),
      ),
    ];
    const drafts = edits.map((payload) => ({ type: "edit" as const, payload }));
    this.change(() => void client.submitBatch(mode, drafts));
  }

  /** Changes the text by `make`, as by an undo. */
  change(make: () => void): void {
    this.check();
    make();
    this.#follower?.take(this.#seen);
    this.check();
  }

  /**
   * From now on `check` compares what the client shows with what a naive reference makes of each event that comes. `follower`:
   * that of the client before it, which has ended, and of which all is stored.
   */
  follow(text: NaiveText, follower?: NaiveFollower): void {
    const { client, name } = this.device;
    const { doc } = this.document;
    this.#follower = follower ?? new NaiveFollower(name, text);
    const forget = () => this.#follower!.forget();
    for (const leaves of ["rejected", "parked", "expired", "reset"] as const) client.on(leaves, forget);
    client.on("confirmed", ({ events }) => {
      for (const { eventId, event } of events) {
        const edit = event.payload as TextEdit;
        if (edit.doc === doc) text.add(eventId, event.clientId, edit.changes);
      }
    });
  }

  /** Puts the cursor there, or selects up to it. */
  select(head: number, anchor = head): void {
    const { length } = this.shown;
    this.selection = { anchor: Math.min(anchor, length), head: Math.min(head, length) };
    this.document.select(this.selection);
  }

  /** Drafts leave the view, until the returned function is called: what it shows meanwhile is not known. */
  withdraws(): () => void {
    this.#withdrawals++;
    return () => {
      this.#withdrawals--;
      this.#follower?.forget();
    };
  }

  get follower(): NaiveFollower | undefined {
    return this.#follower;
  }

  /** The editor shows what the client has. */
  check(): void {
    const { client } = this.device;
    if (!client.loaded) return;
    const { value } = this.document;
    if (this.shown !== value)
      throw new Error(
        `the editor of ${this.device.name} shows ${JSON.stringify(this.shown)}, and its client has ${JSON.stringify(value)}`,
      );
    // Drafts that are not shown may be shown later.
    const shows = this.#withdrawals === 0 && client.pending.every(({ failure, waiting }) => !failure && !waiting);
    if (!shows || !this.#showed) this.#follower?.forget();
    this.#showed = shows;
    this.#follower?.check(this.#seen);
  }

  get #seen(): Seen {
    const { client } = this.device;
    const drafts = client.merging!.pendingOf("edit", { doc: this.document.doc });
    const changes = drafts.map(({ payload }) => (payload as unknown as TextEdit).changes);
    return { eventId: client.eventId, drafts: changes, shown: this.document.value };
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
