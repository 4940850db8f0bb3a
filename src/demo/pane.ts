import { createClient, indexedDbStore, type Peer, type PendingEntry } from "../client/index.ts";
import { insieme } from "../models/insieme/index.ts";
import { begins, type Draft, entryLabel, markOf } from "./drafts.ts";
import { Editor } from "./editor.ts";
import { clientOf, personOf } from "./names.ts";
import { Notices, type Reason } from "./notices.ts";
import { oncePerFrame, part, say } from "./page.ts";
import { StatusBar } from "./status-bar.ts";
import { endWithoutToken } from "./tokens.ts";
import { type InsiemeClient, Submitter } from "./submitter.ts";
import { Tree } from "./tree.ts";
import { type LastEdit, type Marks, type PeerMark, TreeView } from "./tree-view.ts";

/** How long the message about a replaced state is shown. */
const resetShownMs = 10_000;

/** The panes of this page, by client id. */
export type Sides = ReadonlyMap<string, string>;

/** The options of a pane. */
export interface PaneOptions {
  partition: string;
  clientId: string;
  sides: Sides;
  /** Who has changed a node last, as the log says. */
  lastEdit(node: string): LastEdit | undefined;
  /** The pane has received events; or the log was replaced. */
  moved(): void;
  replaced(): void;
}

/**
 * One pane: a client of the partition, the tree of its state, and an editor. It stores nothing about the partition itself:
 * everything that it shows is in the client.
 */
export class Pane {
  readonly client: InsiemeClient;
  readonly element: HTMLElement;
  /** The name of its user. */
  readonly person: string;
  readonly submitter: Submitter;
  readonly #options: PaneOptions;
  readonly #tree = new Tree();
  readonly #view: TreeView;
  readonly #editor: Editor;
  readonly #statusBar: StatusBar;
  readonly #notices: Notices;
  readonly #empty: HTMLElement;
  readonly #message: HTMLElement;
  readonly #schedule = oncePerFrame(() => this.#draw());
  /** Texts that describe the pending entries, made when they were new. */
  #labels = new Map<string, string>();
  #headElsewhere = 0;
  #messageTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the client knows the state. Before that, the pane must not say that the partition is empty. */
  #met = false;

  /** `element` is the section, from the template "pane". */
  constructor(element: HTMLElement, options: PaneOptions) {
    const { partition, clientId, sides } = options;
    const title = sides.get(clientId)!;
    this.#options = options;
    this.element = element;
    element.dataset["pane"] = title;
    this.person = personOf(clientId);
    element.ariaLabel = `${title} pane: ${this.person}`;
    part(element, "title").textContent = this.person;
    part(element, "toolbar").ariaLabel = `Edit as ${this.person}`;
    this.#empty = part(element, "empty");
    this.#message = part(element, "message");
    this.client = createClient({
      url: location.origin,
      partition,
      model: { ...insieme, authors: "shown" },
      clientId,
      // The principal in open development mode. It also separates the queues of the panes.
      principal: `dev:${clientId}`,
      store: indexedDbStore(),
      tabs: false,
      presence: true,
    });

    const list = part(element, "tree");
    list.ariaLabel = `Files of ${this.person}`;
    this.#view = new TreeView(list, this.#tree, {
      lastEdit: (id) => options.lastEdit(id),
      selected: () => this.#selected(),
      changed: () => this.#draw(),
      moved: (id, parent, position) => this.#editor.move(id, parent, position),
    });
    this.#notices = new Notices(part(element, "notices"), this.#tree, this.#view, (key) => {
      this.client.discard(key);
      this.#schedule();
    });
    this.submitter = new Submitter(this.client, this.#tree, (explained) => {
      this.#notices.settled(explained);
      this.#schedule();
    });
    this.#editor = new Editor(element, {
      client: this.client,
      submitter: this.submitter,
      tree: this.#tree,
      view: this.#view,
    });
    this.#statusBar = new StatusBar(element, {
      switched: (on) => this.connect(on),
      changed: () => this.#schedule(),
    });
    this.#listen(this.client);
    this.#selected();
    this.#draw();
  }

  /** Switches the pane's network on or off. */
  connect(on: boolean): void {
    if (on) this.client.resume();
    else this.client.pause();
  }

  /** Sets the head of the log, as other panes know it. */
  headIs(head: number): void {
    if (head === this.#headElsewhere) return;
    this.#headElsewhere = head;
    this.#schedule();
  }

  has(node: string): boolean {
    return this.#tree.has(node);
  }

  /** The name of a node, also of a deleted one; undefined for an unknown node. */
  nameOf(node: string): string | undefined {
    const name = this.#tree.nameOf(node);
    return name === node ? undefined : name;
  }

  /** Opens a folder. */
  show(folder: string): void {
    this.#tree.load(this.client.state);
    this.#view.toggle(folder, true);
  }

  /** Closes the notices about drafts that concern a node. */
  dismissAbout(node: string): void {
    this.#notices.dismissAbout(node);
    this.#schedule();
  }

  /** Shows what has changed outside its client. */
  refresh(): void {
    this.#schedule();
  }

  #listen(client: InsiemeClient): void {
    const { moved, replaced } = this.#options;
    client.subscribe(() => {
      moved();
      this.#schedule();
    });
    client.on("status", (report) => this.#statusBar.follow(report, client.eventId));
    endWithoutToken(client, (text) => this.#statusBar.refuse(text));
    client.on("fallen", ({ entries }) => {
      const failures = new Map(entries.map(({ key, failure }) => [key, failure]));
      for (const entry of client.pending) {
        const failure = failures.get(entry.key);
        if (failure) this.#fell(entry, failure);
      }
    });
    client.on("rejected", ({ entry, verdict }) => {
      if ("problem" in verdict) this.#settled(entry, verdict.problem);
      else if ("results" in verdict) {
        const member = verdict.results.find(({ status }) => status === "rejected");
        const draft = entry.drafts.find(({ draftId }) => draftId === member?.draftId);
        if (member && draft && "problem" in member) {
          this.#settled({ ...entry, drafts: [draft, ...entry.drafts] }, member.problem!);
        }
      }
    });
    client.on("parked", ({ entry, problem }) => this.#settled(entry, problem));
    client.on("expired", ({ entry }) => {
      this.#settled(entry, { code: "expired", detail: "It waited so long that the server may have forgotten it." });
    });
    client.on("reset", ({ why }) => {
      if (why === "far_behind") return;
      this.#showMessage("The server has another history than this pane had: everything was loaded again.");
      this.#messageTimer = setTimeout(() => this.#showMessage(""), resetShownMs);
      replaced();
    });
    client.on("degraded", ({ reason }) =>
      this.#showMessage(`What waits is kept in memory only (${reason}): a reload loses them.`),
    );
  }

  #fell(entry: PendingEntry<Draft>, reason: Reason): void {
    if (entry.drafts.every(begins)) return;
    this.#notices.fell({ key: entry.key, drafts: entry.drafts, label: this.#labelOf(entry), reason });
  }

  #settled(entry: { key: string; drafts: readonly Draft[] }, reason: Reason): void {
    // Another client created the tree first, which does not matter.
    if (entry.drafts.every(begins)) return;
    this.#notices.settled({ key: entry.key, drafts: entry.drafts, label: this.#labelOf(entry), reason });
    this.#schedule();
  }

  #labelOf(entry: { key: string; drafts: readonly Draft[] }): string {
    return this.#labels.get(entry.key) ?? entryLabel(entry, this.#tree);
  }

  #showMessage(text: string): void {
    // Of an earlier message, whose time must not end this one's.
    clearTimeout(this.#messageTimer);
    say(this.#message, text);
  }

  #selected(): void {
    this.client.setPresence({ node: this.#view.selected ?? null });
    this.#editor.draw();
  }

  #draw(): void {
    const { state, pending, peers, status: report, eventId } = this.client;
    // Before the drafts are applied to the tree.
    this.#labels = new Map(pending.map((entry) => [entry.key, this.#labelOf(entry)]));
    this.#tree.load(state);
    const marks = this.#marks(pending, peers);
    this.#view.draw(marks);
    this.#editor.draw();

    const unfit = pending.filter(({ failure }) => failure !== undefined);
    for (const entry of unfit) this.#fell(entry, entry.failure!);
    this.#notices.draw(new Set(unfit.map(({ key }) => key)));
    this.#statusBar.draw({
      report,
      eventId,
      head: this.#headElsewhere,
      unconfirmed: pending.reduce((count, { drafts }) => count + drafts.length, 0),
      labels: [...this.#labels.values()],
      company: [...new Set(peers.map((peer) => personOf(clientOf(peer))))].toSorted(),
    });
    this.#met ||= report.status === "online" || eventId > 0;
    this.#empty.hidden = this.#tree.size > 0 || !this.#met;
  }

  #marks(pending: readonly PendingEntry<Draft>[], peers: readonly Peer[]): Marks {
    const marks = { pending: new Map<string, string[]>(), peers: new Map<string, PeerMark[]>() };
    for (const { drafts, failure } of pending) {
      for (const draft of failure ? [] : drafts) {
        const mark = markOf(draft, this.#tree);
        if (mark) append(marks.pending, mark.id, mark.word);
      }
    }
    for (const peer of peers) {
      const { node } = peer.state;
      const client = clientOf(peer);
      const mark = { name: personOf(client), side: this.#options.sides.get(client) };
      if (typeof node === "string") append(marks.peers, node, mark);
    }
    return marks;
  }
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
