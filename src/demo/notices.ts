import type { Violation } from "../protocol/index.ts";
import { concernedBy, type Draft, madeBy, neededBy } from "./drafts.ts";
import { create } from "./page.ts";
import { root, type Tree } from "./tree.ts";
import type { TreeView } from "./tree-view.ts";

/** What the codes of the model mean for folders and files; the message of the model says it of nodes. */
const meanings: Readonly<Record<string, (name: string | undefined) => string>> = {
  DUPLICATE_ID: (name) => `${name ?? "It"} was added first.`,
  NODE_NOT_FOUND: (name) => `${name ?? "It"} is not there any more.`,
  PARENT_NOT_FOUND: (name) => `The folder ${name ?? "for it"} is not there any more.`,
  CYCLE: () => "A folder cannot go into itself, or into a folder that is in it.",
};
/** The most explanations of a pane. */
const explanationsMax = 50;

/** Why an entry is not shown: a problem of the server, or a failure on the client. */
export interface Reason {
  code: string;
  detail: string;
  errors?: readonly Violation[] | undefined;
}

/** An entry to explain. For a batch, `drafts` begins with the draft that the reason is about. */
export interface Explained {
  key: string;
  drafts: readonly Draft[];
  label: string;
  reason: Reason;
}

interface Explanation extends Explained {
  /** True: the server has decided. False: the entry is not valid at present, and still queued. */
  settled: boolean;
  /** The entry that this one depends on, and that fell first. */
  cause: string | undefined;
}

/**
 * Explains why a change of the user is not shown: next to its item, or above the tree if there is no such item. The
 * notice of an entry includes the entries that fell with it.
 */
export class Notices {
  readonly #top: HTMLElement;
  readonly #tree: Tree;
  readonly #view: TreeView;
  readonly #dismissed: (key: string) => void;
  /** In the order of the queue. */
  readonly #explanations = new Map<string, Explanation>();
  readonly #elements = new Map<string, { element: HTMLElement; text: string }>();

  /** `top` holds notices without an item; `dismissed` is called with the entry whose notice the user closes. */
  constructor(top: HTMLElement, tree: Tree, view: TreeView, dismissed: (key: string) => void) {
    this.#top = top;
    this.#tree = tree;
    this.#view = view;
    this.#dismissed = dismissed;
  }

  /** An entry is not valid any more. It stays queued. */
  fell(explained: Explained): void {
    if (this.#explanations.has(explained.key) || this.#explanations.size >= explanationsMax) return;
    const needed = new Set(explained.drafts.flatMap(neededBy));
    const causes = [...this.#explanations.values()].filter(({ drafts }) =>
      drafts.some((draft) => needed.has(madeBy(draft) ?? "")),
    );
    const cause = causes.at(-1);
    this.#explanations.set(explained.key, { ...explained, settled: false, cause: cause && (cause.cause ?? cause.key) });
  }

  /** An entry is settled, and is not in the log. */
  settled(explained: Explained): void {
    const cause = this.#explanations.get(explained.key)?.cause;
    this.#explanations.set(explained.key, { ...explained, settled: true, cause });
    if (this.#explanations.size > explanationsMax) this.#dismiss(this.#explanations.keys().next().value!);
  }

  /** Closes the notices about drafts that concern a node. */
  dismissAbout(node: string): void {
    for (const [key, { drafts, settled }] of this.#explanations) {
      if (settled && drafts.some((draft) => concernedBy(draft).includes(node))) this.#dismiss(key);
    }
  }

  /** Draws the notices. Only the entries of `unfit` are queued and not valid. */
  draw(unfit: ReadonlySet<string>): void {
    for (const [key, { settled }] of this.#explanations) {
      if (!settled && !unfit.has(key)) this.#explanations.delete(key);
    }
    const heads = [...this.#explanations.values()].filter(({ cause }) => !this.#explanations.has(cause ?? ""));
    const shown = new Set(heads.map(({ key }) => key));
    for (const [key, { element }] of this.#elements) {
      if (shown.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
    }
    for (const head of heads) {
      const element = this.#elementOf(head);
      const item = this.#itemOf(head);
      const placed = item !== root && this.#view.attach(item, element);
      if (!placed && element.parentElement !== this.#top) this.#top.append(element);
    }
  }

  #dismiss(key: string): void {
    for (const explanation of this.#explanations.values()) {
      if (explanation.key !== key && explanation.cause !== key) continue;
      this.#explanations.delete(explanation.key);
      this.#dismissed(explanation.key);
    }
  }

  /** The node of the first draft, or its nearest ancestor that exists. */
  #itemOf({ drafts: [draft] }: Explanation): string {
    const concerned = draft ? concernedBy(draft) : [root];
    return concerned.find((id) => this.#tree.has(id)) ?? this.#tree.nearest(concerned[0]!);
  }

  #elementOf(head: Explanation): HTMLElement {
    const along = [...this.#explanations.values()].filter(({ cause }) => cause === head.key);
    const text = JSON.stringify([head, ...along].map(({ key, settled }) => [key, settled]));
    const known = this.#elements.get(head.key);
    if (known?.text === text) return known.element;
    const element = known?.element ?? create("div", "notice");
    element.role = head.settled ? "alert" : "status";
    element.classList.toggle("open", !head.settled);
    const said = create("div", "said");
    said.append(this.#describe(head.settled ? "Rejected" : "Does not fit any more", head));
    if (!head.settled) said.append(create("p", "", "It waits, and the server decides."));
    for (const one of along) {
      said.append(this.#describe(one.settled ? "Rejected with it" : "Waits with it", one));
    }
    element.replaceChildren(said);
    if (head.settled) {
      const dismiss = create("button", "", "Dismiss");
      dismiss.type = "button";
      dismiss.addEventListener("click", ({ detail }) => {
        this.#dismiss(head.key);
        // Dismissed by keyboard: the focus must not be lost.
        if (detail === 0) this.#view.focus();
      });
      element.append(dismiss);
    }
    this.#elements.set(head.key, { element, text });
    return element;
  }

  #describe(what: string, { label, reason: { code, detail, errors } }: Explanation): HTMLElement {
    const [first = { message: detail, code }] = errors ?? [];
    const line = document.createElement("p");
    line.append(create("strong", "", `${what}: ${label}.`), ` ${this.#meaning(first)} `);
    line.append(create("code", "", first.code));
    return line;
  }

  /** The message of a code, with the name of what the message of the model quotes by its id. */
  #meaning({ code, message }: Pick<Violation, "code" | "message">): string {
    const id = /"([^"]+)"/.exec(message)?.[1];
    const name = id === undefined ? id : this.#tree.nameOf(id);
    return meanings[code]?.(name === id ? undefined : `“${name}”`) ?? message;
  }
}
