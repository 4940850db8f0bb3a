import { type Extension, type Range, StateEffect, type Text } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import type { Cursor, TextSource } from "./source.ts";

/** Colours of cursors: `more.color` is the number of one; without it, it follows from the connection. */
const colors = ["#1971c2", "#c2255c", "#2b8a3e", "#e8590c", "#7048e8", "#0b7285", "#a61e4d", "#5c940d"];
/** Characters of a name that are shown. */
const nameLengthMax = 40;

const moved = StateEffect.define<null>();

/** Shows the cursors and selections of the others with their names, and the own one to them. */
export function cursors(text: TextSource): Extension {
  return [ViewPlugin.define((view) => new Cursors(view, text), { decorations: (plugin) => plugin.decorations }), theme];
}

class Cursors {
  decorations: DecorationSet;
  readonly #text: TextSource;
  readonly #stop: (() => void) | undefined;

  constructor(view: EditorView, text: TextSource) {
    this.#text = text;
    this.decorations = this.#draw(view.state.doc);
    this.#stop = text.onCursors?.(() => {
      // They may come while the editor is changed.
      queueMicrotask(() => view.dispatch({ effects: moved.of(null) }));
    });
  }

  update(update: ViewUpdate): void {
    const { docChanged, transactions, selectionSet, focusChanged, view } = update;
    if (transactions.some(({ effects }) => effects.some((effect) => effect.is(moved)))) {
      this.decorations = this.#draw(update.state.doc);
    } else if (docChanged) this.decorations = this.decorations.map(update.changes);
    if (docChanged || selectionSet || focusChanged) {
      const { anchor, head } = update.state.selection.main;
      this.#text.select?.(view.hasFocus ? { anchor, head } : null);
    }
  }

  destroy(): void {
    this.#stop?.();
    this.#text.select?.(null);
  }

  #draw(doc: Text): DecorationSet {
    const ranges: Range<Decoration>[] = [];
    for (const cursor of this.#text.cursors ?? []) {
      if (Math.max(cursor.anchor, cursor.head) > doc.length) continue;
      const [anchor, head] = [wholeAt(doc, cursor.anchor), wholeAt(doc, cursor.head)];
      const [from, to] = [Math.min(anchor, head), Math.max(anchor, head)];
      const color = colorOf(cursor);
      if (from < to)
        ranges.push(Decoration.mark({ class: `cm-partita-selection cm-partita-${color}` }).range(from, to));
      const { name } = cursor.more ?? {};
      const shown = typeof name === "string" ? name.slice(0, nameLengthMax) : "";
      ranges.push(Decoration.widget({ widget: new Caret(shown, color), side: 1 }).range(head));
    }
    return Decoration.set(ranges, true);
  }
}

/** The offset, or the one before it where that is inside a surrogate pair: others may say anything. */
function wholeAt(doc: Text, at: number): number {
  return at > 0 && doc.sliceString(at - 1, at + 1).codePointAt(0)! > 0xffff ? at - 1 : at;
}

function colorOf({ peerId, more }: Cursor): number {
  const given = more?.["color"];
  if (Number.isInteger(given) && (given as number) >= 0) return (given as number) % colors.length;
  let sum = 0;
  for (let at = 0; at < peerId.length; at++) sum = (31 * sum + peerId.charCodeAt(at)) >>> 0;
  return sum % colors.length;
}

class Caret extends WidgetType {
  readonly #name: string;
  readonly #color: number;

  constructor(name: string, color: number) {
    super();
    this.#name = name;
    this.#color = color;
  }

  override eq(other: Caret): boolean {
    return other.#name === this.#name && other.#color === this.#color;
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement("span");
    caret.className = `cm-partita-caret cm-partita-${this.#color}`;
    caret.ariaHidden = "true";
    const label = document.createElement("span");
    label.textContent = this.#name;
    if (this.#name !== "") caret.append(label);
    return caret;
  }
}

const theme = EditorView.baseTheme({
  ...Object.fromEntries(colors.map((color, at) => [`.cm-partita-${at}`, { "--cursor": color }])),
  ".cm-partita-selection": { backgroundColor: "color-mix(in srgb, var(--cursor) 25%, transparent)" },
  ".cm-partita-caret": {
    position: "relative",
    borderLeft: "2px solid var(--cursor)",
    marginLeft: "-1px",
    marginRight: "-1px",
  },
  ".cm-partita-caret > span": {
    position: "absolute",
    bottom: "100%",
    left: "-1px",
    padding: "0 4px",
    fontSize: "11px",
    lineHeight: "15px",
    whiteSpace: "nowrap",
    color: "white",
    backgroundColor: "var(--cursor)",
    borderRadius: "3px 3px 3px 0",
    pointerEvents: "none",
    zIndex: "1",
  },
  ".cm-partita-status": { padding: "4px 8px", fontSize: "13px" },
});
