import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { text } from "../models/text/index.ts";
import { collaboration } from "../text/codemirror.ts";
import { openText, type TextDocument } from "../text/index.ts";
import { clientOf } from "./names.ts";
import { counted, part } from "./page.ts";
import { Examples } from "./play.ts";
import { paneClient } from "./side.ts";
import { LifeReader } from "./text-life.ts";
import { TimeView } from "./text-time.ts";
import { openSides, type SideOf } from "./two-sides.ts";

const partition = "text:demo";
const doc = "welcome";
/** The numbers of the colours of their cursors: like those of their panes. */
const colors = { Left: 5, Right: 4 };

const newClient = (clientId: string) => paneClient(text, partition, clientId, { presence: true });
type Writer = SideOf<ReturnType<typeof newClient>>;

/** The colours of the page, in a tree of its own: there the editor can add its style sheets, which the page's policy refuses. */
const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "transparent", fontSize: "1rem" },
  // The element around it shows where the focus is: it can be seen from the page.
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--sans)", lineHeight: "1.6" },
  ".cm-content": { padding: "1.2rem 0.5rem", caretColor: "var(--ink)" },
  ".cm-panels": { color: "var(--ink)", backgroundColor: "var(--hover)", borderColor: "var(--line)" },
});

const sides = openSides(partition, newClient, {
  draw() {
    void reader.readTo(Math.max(left.client.eventId, right.client.eventId));
  },
  describe: ({ payload }) => describe((payload as { changes?: unknown[] }).changes ?? []),
});
const { left, right, titles } = sides;
const reader = new LifeReader(partition, doc, clientOf, () => time.changed());
const time = new TimeView(reader.life, titles);
const writers = [left, right].map((side) => openEditor(side));
const [ofLeft, ofRight] = writers as [(typeof writers)[0], (typeof writers)[0]];

function openEditor(side: Writer): { side: Writer; source: TextDocument; view: EditorView } {
  const { client, person, element } = side;
  const color = colors[element.dataset["pane"] as keyof typeof colors];
  const source = openText(client, { doc, presence: { name: person, color } });
  client.on("reset", ({ why }) => why !== "far_behind" && reader.clear());
  const view = new EditorView({
    parent: part(element, "editor").attachShadow({ mode: "open" }),
    state: EditorState.create({
      doc: source.value,
      extensions: [
        collaboration(source, { client }),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": `The text of ${person}` }),
        look,
      ],
    }),
  });
  return { side, source, view };
}

function describe(changes: readonly unknown[]): string {
  let [typed, deleted] = [0, 0];
  for (const part of changes) {
    if (!Array.isArray(part)) continue;
    const [gone, ...lines] = part as [number, ...string[]];
    deleted += gone;
    typed += lines.join("\n").length;
  }
  const said = [
    ...(typed > 0 ? [`typed ${counted(typed, "character")}`] : []),
    ...(deleted > 0 ? [`deleted ${counted(deleted, "character")}`] : []),
  ];
  return said.join(", ");
}

/** Writes at the end of what that editor shows, as one step of its undo. */
function write({ view }: (typeof writers)[0], words: string): void {
  const { length } = view.state.doc;
  view.dispatch({ changes: { from: length, insert: words }, selection: { anchor: length + words.length } });
}

// The page begins with a text, and not with two empty fields.
const begin = (): void => {
  if (left.client.eventId > 0 || ofLeft.source.value !== "") return;
  write(ofLeft, "Type here, on both sides, at the same time.\n");
};
// It is not ready where the page has no token: the page says so.
left.client.ready.then(begin, () => {});

let written = false;
new Examples([left, right]).offer("same-line", {
  async play({ tell, conclude, reconnect }) {
    for (const side of [left, right]) side.connect(false);
    write(ofLeft, `\n${left.person} was here.`);
    await tell(`Both have lost the network. ${left.person} writes a line at the end,`);
    write(ofRight, `\n${right.person} was here.`);
    written = true;
    await tell(`and ${right.person} writes one at the same place.`);
    await reconnect(left);
    await tell(`${left.person} is back: that line is in the log.`);
    await reconnect(right);
    await conclude(`${right.person} is back, too: both have the same text, with both lines.`);
  },
  clean() {
    if (written) for (const { source } of writers) source.undo();
    written = false;
    for (const side of [left, right]) side.dismissAll();
  },
});
