import type { JsonObject } from "../protocol/index.ts";
import { counted, create, createIcon, grouped } from "./page.ts";
import { root, type Tree, type TreeNode } from "./tree.ts";

/** How many rows a folder shows at first, and how many "more" adds. */
const rowsAtFirst = 200;
const rowsMore = 500;
/** The most rows that flash in one frame. */
const flashesMax = 40;
/** The most peers that a row names; further ones are counted. */
const peersNamedMax = 3;
/** The type of drags of this page; the data is the node's id. */
const dragType = "application/x-partita-node";

/** The position of a moved node among its new siblings. */
export type Position = "first" | "last" | { after: string } | { before: string };

/** Another user, as a row shows it. `side`: the pane of this page, if the user is one of its panes. */
export interface PeerMark {
  name: string;
  side: string | undefined;
}

/** Who has changed a node last. `side`: the pane of this page, if it is one of its users. */
export interface LastEdit extends PeerMark {
  at: string;
}

/** What rows show in addition to the tree, by node. */
export interface Marks {
  /** The pending drafts, one word for each. */
  pending: ReadonlyMap<string, readonly string[]>;
  /** The peers that have selected it. */
  peers: ReadonlyMap<string, readonly PeerMark[]>;
}

/** The events of the view. */
export interface TreeViewEvents {
  /** Called for each row that is drawn. */
  lastEdit(id: string): LastEdit | undefined;
  selected(): void;
  /** The visible rows have changed: call `draw`. */
  changed(): void;
  moved(id: string, parent: string, position: Position): void;
}

/** The marks of one row: those of its node, and of the descendants without a row. */
interface RowMarks {
  words: string[];
  inside: number;
  peers: PeerMark[];
}

/** The children of one folder, in the document. */
interface List {
  readonly element: HTMLElement;
  readonly parent: string;
  /** The most rows that it may have. */
  shown: number;
  /** The input of the last drawing. */
  drawn: { children: readonly TreeNode[]; shown: number } | undefined;
}

interface Row {
  readonly id: string;
  readonly item: HTMLElement;
  readonly row: HTMLElement;
  readonly icon: SVGUseElement;
  readonly name: HTMLElement;
  /** Who has changed it last. */
  readonly by: HTMLElement;
  readonly badges: HTMLElement;
  readonly count: HTMLElement;
  list: List | undefined;
  /** The input of its text. */
  drawn: { item: JsonObject | undefined; children: readonly TreeNode[]; expanded: boolean } | undefined;
  /** The marks that it shows, as text. */
  marks: string;
  /** The label for screen readers, without the marks. */
  label: string;
}

type Drop = { where: "into" | "before" | "after"; id: string; row: HTMLElement } | { where: "end" } | undefined;

/**
 * Shows a tree as nested lists. The document contains only visible rows: the children of expanded folders, a bounded
 * number of each. Drawing changes only what differs, so large trees and many events a second stay fast.
 */
export class TreeView {
  /** The node whose row is selected. */
  selected: string | undefined;
  readonly #element: HTMLElement;
  readonly #tree: Tree;
  readonly #on: TreeViewEvents;
  readonly #top: List;
  readonly #rows = new Map<string, Row>();
  readonly #expanded = new Set<string>();
  /** Rows that show marks. */
  #marked = new Set<Row>();
  #flashes = 0;
  #dropRow: HTMLElement | undefined;
  readonly #motion = !matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** `element` is the list with role "tree". */
  constructor(element: HTMLElement, tree: Tree, on: TreeViewEvents) {
    this.#element = element;
    this.#tree = tree;
    this.#on = on;
    this.#top = { element, parent: root, shown: rowsAtFirst, drawn: undefined };
    element.addEventListener("click", (event) => this.#click(event));
    element.addEventListener("focusin", ({ target }) => {
      const id = target instanceof HTMLElement ? target.dataset["id"] : undefined;
      if (id !== undefined && id !== this.selected) this.select(id);
    });
    element.addEventListener("dblclick", ({ target }) => {
      const id = idAt(target);
      if (id !== undefined && !isTwist(target)) this.toggle(id);
    });
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("dragstart", ({ target, dataTransfer }) => {
      const id = idAt(target);
      if (id === undefined || !dataTransfer) return;
      dataTransfer.setData(dragType, id);
      dataTransfer.effectAllowed = "move";
    });
    element.addEventListener("dragover", (event) => this.#dragOver(event));
    element.addEventListener("dragleave", () => this.#showDrop(undefined));
    element.addEventListener("dragend", () => this.#showDrop(undefined));
    element.addEventListener("drop", (event) => this.#drop(event));
  }

  /** Updates the document to the tree. */
  draw(marks: Marks): void {
    const focused = this.#element.contains(document.activeElement);
    this.#flashes = 0;
    this.#fill(this.#top);
    this.#decorate(marks);
    for (const row of this.#rows.values()) this.#sign(row);
    // If the selected node is deleted, its folder becomes selected.
    if (this.selected !== undefined && !this.#tree.has(this.selected)) {
      const nearest = this.#tree.nearest(this.selected);
      this.select(nearest === root ? undefined : nearest);
    } else this.#setTabStop(this.#rowOf(this.selected)?.item);
    // An element that is moved or removed in the document loses the focus.
    if (focused && !this.#element.contains(document.activeElement)) this.focus();
  }

  select(id: string | undefined): void {
    this.#rowOf(this.selected)?.item.setAttribute("aria-selected", "false");
    this.selected = id;
    const row = this.#rowOf(id);
    row?.item.setAttribute("aria-selected", "true");
    this.#setTabStop(row?.item);
    this.#on.selected();
  }

  /** Opens or closes a folder; without `open`, toggles it. */
  toggle(id: string, open = !this.#expanded.has(id)): void {
    if (id === root || open === this.#expanded.has(id) || this.#tree.typeOf(id) !== "folder") return;
    if (open) this.#expanded.add(id);
    else this.#expanded.delete(id);
    const row = this.#rows.get(id);
    if (!open && row?.list?.element.contains(document.activeElement)) row.item.focus();
    this.#on.changed();
  }

  /** Moves the focus to the selected row, or the first. */
  focus(): void {
    const item = this.#rowOf(this.selected)?.item ?? this.#element.querySelector("li");
    item?.focus();
  }

  /** Inserts an element below the row of a node, or of the folder that hides it; false if there is none. */
  attach(id: string, element: HTMLElement): boolean {
    const row = this.#shownFor(id);
    if (row && element.parentElement !== row.item) row.row.after(element);
    return row !== undefined;
  }

  /** Updates the rows of a list to the folder's first children, and each row to its node. */
  #fill(list: List): void {
    const children = this.#tree.childrenOf(list.parent);
    if (list.drawn?.children !== children || list.drawn.shown !== list.shown) this.#arrange(list, children);
    for (const { id } of children.slice(0, list.shown)) this.#refresh(this.#rows.get(id)!);
  }

  #arrange(list: List, children: readonly TreeNode[]): void {
    const { element, shown, parent, drawn } = list;
    const known = drawn && new Set(drawn.children.map(({ id }) => id));
    const wanted = children.slice(0, shown);
    const ids = new Set(wanted.map(({ id }) => id));
    const more = element.querySelector(":scope > .more");
    for (const item of element.querySelectorAll<HTMLElement>(":scope > [data-id]")) {
      if (!ids.has(item.dataset["id"]!)) this.#remove(item);
    }
    let next = element.firstElementChild;
    for (const [at, { id }] of wanted.entries()) {
      const row = this.#rows.get(id) ?? this.#create(id);
      if (row.item === next) next = next.nextElementSibling;
      else element.insertBefore(row.item, next);
      setAttribute(row.item, "aria-posinset", String(at + 1));
      setAttribute(row.item, "aria-setsize", String(children.length));
      if (known && !known.has(id)) this.#flash(row);
    }
    if (children.length <= shown) more?.remove();
    else {
      const item = more ?? createMore(parent);
      const rest = children.length - shown;
      item.textContent = `Show ${grouped(Math.min(rowsMore, rest))} more of ${grouped(rest)}`;
      if (!more) element.append(item);
    }
    list.drawn = { children, shown };
  }

  #create(id: string): Row {
    const item = document.createElement("li");
    item.role = "treeitem";
    item.tabIndex = -1;
    item.dataset["id"] = id;
    item.ariaSelected = String(id === this.selected);
    const row = create("div", "row");
    row.draggable = true;
    const { svg, use } = createIcon("icon");
    const name = create("span", "name");
    const by = create("span", "by");
    const badges = create("span", "badges");
    const count = create("span", "count");
    row.append(create("span", "twist"), svg, name, by, badges, count);
    item.append(row);
    const made: Row = {
      id,
      item,
      row,
      icon: use,
      name,
      by,
      badges,
      count,
      list: undefined,
      drawn: undefined,
      marks: "",
      label: "",
    };
    this.#rows.set(id, made);
    return made;
  }

  #refresh(row: Row): void {
    const { id, item, drawn } = row;
    const data = this.#tree.itemOf(id);
    const children = this.#tree.childrenOf(id);
    const expanded = this.#expanded.has(id) && this.#tree.typeOf(id) === "folder";
    if (drawn?.item !== data || drawn?.children !== children || drawn.expanded !== expanded) {
      this.#write(row, children.length, expanded);
      row.drawn = { item: data, children, expanded };
    }
    if (!expanded) {
      if (row.list) this.#remove(row.list.element);
      row.list = undefined;
      return;
    }
    if (!row.list) {
      const element = document.createElement("ul");
      element.role = "group";
      item.append(element);
      row.list = { element, parent: id, shown: rowsAtFirst, drawn: undefined };
    }
    this.#fill(row.list);
  }

  #write(row: Row, children: number, expanded: boolean): void {
    const name = this.#tree.nameOf(row.id);
    const type = this.#tree.typeOf(row.id);
    const folder = type === "folder";
    if (row.drawn && row.name.textContent !== name) this.#flash(row);
    row.name.textContent = name;
    row.name.title = name;
    row.count.textContent = folder ? grouped(children) : "";
    row.icon.setAttribute("href", `#icon-${expanded ? "folder-open" : type}`);
    row.label = folder ? `${name}, ${type}, ${counted(children, "item")}` : `${name}, ${type}`;
    row.item.ariaLabel = row.label;
    row.item.ariaExpanded = folder ? String(expanded) : null;
    // Setting the text removed them.
    row.marks = "";
  }

  /** Shows who has changed the node last. */
  #sign({ id, by }: Row): void {
    const edit = this.#on.lastEdit(id);
    const title = edit ? `last changed by ${edit.name}, ${edit.at}` : "";
    if (by.title === title) return;
    by.title = title;
    by.textContent = edit?.name ?? "";
    if (edit?.side === undefined) delete by.dataset["pane"];
    else by.dataset["pane"] = edit.side;
  }

  #flash({ row }: Row): void {
    if (!this.#motion || this.#flashes++ >= flashesMax) return;
    row.animate([{ backgroundColor: "var(--flash)" }, {}], { duration: 1_600, easing: "ease-out" });
  }

  #decorate({ pending, peers }: Marks): void {
    const marks = new Map<Row, RowMarks>();
    const marksFor = (row: Row): RowMarks => {
      const found = marks.get(row) ?? { words: [], inside: 0, peers: [] };
      marks.set(row, found);
      return found;
    };
    for (const [id, words] of pending) {
      const row = this.#shownFor(id);
      if (row?.id === id) marksFor(row).words.push(...words);
      else if (row) marksFor(row).inside += words.length;
    }
    for (const [id, some] of peers) {
      const row = this.#tree.has(id) ? this.#shownFor(id) : undefined;
      if (row) marksFor(row).peers.push(...some);
    }
    for (const row of this.#marked) if (!marks.has(row)) this.#mark(row, { words: [], inside: 0, peers: [] });
    for (const [row, found] of marks) {
      // They come in the order in which they have shown themselves last.
      found.peers.sort((one, other) => one.name.localeCompare(other.name));
      this.#mark(row, found);
    }
    this.#marked = new Set(marks.keys());
  }

  #mark(row: Row, { words, inside, peers }: RowMarks): void {
    const marks = JSON.stringify([words, inside, peers]);
    if (marks === row.marks) return;
    row.marks = marks;
    const pending = [...new Set(words)];
    if (inside > 0) pending.push(`${grouped(inside)} inside`);
    const named = peers.slice(0, peersNamedMax).map(createPeer);
    if (peers.length > named.length)
      named.push(createPeer({ name: `+${peers.length - named.length}`, side: undefined }));
    row.badges.replaceChildren(...(pending.length > 0 ? [createPending(pending)] : []), ...named);
    row.row.classList.toggle("pending", pending.length > 0);
    const spoken = [row.label];
    if (pending.length > 0) spoken.push(`pending: ${pending.join(", ")}`);
    if (peers.length > 0) spoken.push(`selected by ${peers.map(({ name }) => name).join(", ")}`);
    row.item.ariaLabel = spoken.join(", ");
  }

  /** Removes an element, and forgets the rows in it. */
  #remove(element: HTMLElement): void {
    for (const item of [element, ...element.querySelectorAll<HTMLElement>("[data-id]")]) {
      const id = item.dataset["id"];
      if (id !== undefined && this.#rows.get(id)?.item === item) this.#rows.delete(id);
    }
    element.remove();
  }

  #rowOf(id: string | undefined): Row | undefined {
    return id === undefined ? undefined : this.#rows.get(id);
  }

  /** The row of a node, or of the closed folder that contains it. */
  #shownFor(id: string): Row | undefined {
    let at = id;
    while (at !== root && !this.#rows.has(at)) at = this.#tree.parentOf(at);
    return this.#rows.get(at);
  }

  /** Exactly one row of the tree is reachable by the Tab key; the arrow keys move from there. */
  #setTabStop(item: Element | null = this.#element.firstElementChild): void {
    if (item?.getAttribute("tabindex") === "0") return;
    for (const other of this.#element.querySelectorAll('[tabindex="0"]')) other.setAttribute("tabindex", "-1");
    item?.setAttribute("tabindex", "0");
  }

  #click({ target }: Event): void {
    const more = target instanceof Element ? target.closest<HTMLElement>(".more") : null;
    if (more) {
      this.#showMore(more);
      return;
    }
    const id = idAt(target);
    if (id === undefined) {
      if (target === this.#element) this.select(undefined);
      return;
    }
    this.select(id);
    this.#rows.get(id)?.item.focus();
    if (isTwist(target)) this.toggle(id);
  }

  #showMore(more: HTMLElement): void {
    const before = more.previousElementSibling;
    const list = this.#rowOf(more.dataset["parent"])?.list ?? this.#top;
    list.shown += rowsMore;
    this.#on.changed();
    this.#walkTo(before?.nextElementSibling);
  }

  #key(event: KeyboardEvent): void {
    const item = event.target instanceof Element ? event.target.closest<HTMLElement>('[role="treeitem"]') : null;
    if (!item || event.target !== item) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const id = item.dataset["id"];
    const items = () => [...this.#element.querySelectorAll('[role="treeitem"]')];
    switch (event.key) {
      case "ArrowDown":
        this.#walkTo(items()[items().indexOf(item) + 1]);
        break;
      case "ArrowUp":
        this.#walkTo(items()[items().indexOf(item) - 1]);
        break;
      case "Home":
        this.#walkTo(items()[0]);
        break;
      case "End":
        this.#walkTo(items().at(-1));
        break;
      case "ArrowRight":
        if (item.ariaExpanded === "true") this.#walkTo(item.querySelector('[role="treeitem"]'));
        else if (id !== undefined) this.toggle(id, true);
        break;
      case "ArrowLeft":
        if (item.ariaExpanded === "true" && id !== undefined) this.toggle(id, false);
        else this.#walkTo(item.parentElement?.closest('[role="treeitem"]'));
        break;
      case "Enter":
      case " ":
        if (id === undefined) this.#showMore(item);
        else this.toggle(id);
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  #walkTo(item: Element | null | undefined): void {
    if (!(item instanceof HTMLElement)) return;
    if (item.dataset["id"] !== undefined) this.select(item.dataset["id"]);
    item.focus();
    item.querySelector(".row")?.scrollIntoView({ block: "nearest" });
  }

  #dragOver(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes(dragType)) return;
    event.preventDefault();
    this.#showDrop(this.#dropAt(event));
  }

  #drop(event: DragEvent): void {
    const id = event.dataTransfer?.getData(dragType);
    if (!id) return;
    event.preventDefault();
    this.#showDrop(undefined);
    const drop = this.#dropAt(event);
    if (drop?.where === "end") this.#on.moved(id, root, "last");
    else if (drop && drop.id !== id) {
      const { id: at, where } = drop;
      if (where === "into") this.#on.moved(id, at, "first");
      else this.#on.moved(id, this.#tree.parentOf(at), where === "before" ? { before: at } : { after: at });
    }
  }

  /** The target of a drop: into a folder in the middle of its row, beside a row at its edges. */
  #dropAt({ target, clientY }: DragEvent): Drop {
    const row = this.#rowOf(idAt(target));
    if (!row) return target === this.#element ? { where: "end" } : undefined;
    const { top, height } = row.row.getBoundingClientRect();
    const part = (clientY - top) / height;
    const folder = this.#tree.typeOf(row.id) === "folder";
    const where = folder && part > 0.25 && part < 0.75 ? "into" : part < 0.5 ? "before" : "after";
    return { where, id: row.id, row: row.row };
  }

  #showDrop(drop: Drop): void {
    const row = drop && "row" in drop ? drop.row : undefined;
    if (this.#dropRow && this.#dropRow !== row) delete this.#dropRow.dataset["drop"];
    this.#dropRow = row;
    if (row && drop) row.dataset["drop"] = drop.where;
  }
}

/** Changes the document only where it differs: most rows do not change. */
function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function idAt(place: EventTarget | null): string | undefined {
  const row = place instanceof Element ? place.closest(".row") : null;
  return row?.parentElement?.dataset["id"];
}

function isTwist(place: EventTarget | null): boolean {
  return place instanceof Element && place.classList.contains("twist");
}

function createMore(parent: string): HTMLElement {
  const item = create("li", "more");
  item.role = "treeitem";
  item.tabIndex = -1;
  item.dataset["parent"] = parent;
  return item;
}

function createPending(words: readonly string[]): HTMLElement {
  const badge = create("span", "badge waits");
  badge.title = "Pending: shown here already, not yet decided by the server";
  badge.append(createIcon("clock", "#icon-clock").svg, words.join(", "));
  return badge;
}

function createPeer({ name, side }: PeerMark): HTMLElement {
  const badge = create("span", "badge peer", name);
  badge.title = `${name} has this selected`;
  if (side !== undefined) badge.dataset["pane"] = side;
  return badge;
}
