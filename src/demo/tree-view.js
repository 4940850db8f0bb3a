/** @import { Changes, Position, Tree } from "./tree.js" */
import { grouped, oncePerFrame } from "./page.js";
import { root } from "./tree.js";

/** Rows that a folder shows at first, and how many "more" adds. */
const rowsAtFirst = 200;
const rowsMore = 500;
/** Rows that light up in one frame. */
const flashesMax = 40;
/** Marks a drag as one of ours; its data is the node's id. */
const dragType = "application/x-partita-node";

/**
 * @typedef {{ id: string, item: HTMLElement, row: HTMLElement, name: HTMLElement, count: HTMLElement,
 *   icon: SVGUseElement, group: HTMLElement | undefined, shown: number }} Row
 */

/**
 * Shows a tree as nested lists. Only what can be seen is in the document: the children of expanded
 * folders, a bounded number of each. Changes are gathered and drawn once per frame, and only in the
 * folders they touch, so neither a large tree nor many events a second are felt.
 */
export class TreeView {
  /** @type {string | undefined} The row that is selected. */
  selected;
  /** @type {string | undefined} */
  #parentOfSelected;
  #element;
  #tree;
  #on;
  #shownAtTop = rowsAtFirst;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Set<string>} */
  #expanded = new Set();
  /** @type {Set<string>} */
  #dirtyParents = new Set();
  /** @type {Set<string>} */
  #dirtyNodes = new Set();
  #schedule = oncePerFrame(() => this.#draw());
  /** @type {HTMLElement | undefined} */
  #dropRow;
  #motion = !matchMedia("(prefers-reduced-motion: reduce)").matches;

  /**
   * @param {HTMLElement} element the list with role "tree"
   * @param {Tree} tree
   * @param {{ select: () => void, move: (id: string, parent: string, position: Position) => void }} on
   */
  constructor(element, tree, on) {
    this.#element = element;
    this.#tree = tree;
    this.#on = on;
    element.addEventListener("click", (event) => this.#click(event));
    element.addEventListener("focusin", ({ target }) => {
      const id = target instanceof HTMLElement ? target.dataset["id"] : undefined;
      if (id !== undefined && id !== this.selected) this.select(id);
    });
    element.addEventListener("dblclick", (event) => {
      const id = idAt(event.target);
      if (id !== undefined && !isTwist(event.target)) this.toggle(id);
    });
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("dragstart", (event) => {
      const id = idAt(event.target);
      if (id === undefined || !event.dataTransfer) return;
      event.dataTransfer.setData(dragType, id);
      event.dataTransfer.effectAllowed = "move";
    });
    element.addEventListener("dragover", (event) => this.#dragOver(event));
    element.addEventListener("dragleave", () => this.#showDrop(undefined, ""));
    element.addEventListener("dragend", () => this.#showDrop(undefined, ""));
    element.addEventListener("drop", (event) => this.#drop(event));
  }

  /** @param {Changes} changes */
  changed(changes) {
    if (changes === "everything") {
      this.#element.replaceChildren();
      this.#rows.clear();
      this.#dirtyParents.add(root);
    } else {
      for (const parent of changes.parents) this.#dirtyParents.add(parent);
      for (const id of changes.nodes) this.#dirtyNodes.add(id);
    }
    this.#schedule();
  }

  /** @param {string | undefined} id */
  select(id) {
    const before = this.selected === undefined ? undefined : this.#rows.get(this.selected);
    before?.item.setAttribute("aria-selected", "false");
    this.selected = id;
    this.#parentOfSelected = id === undefined ? undefined : this.#tree.parentOf(id);
    const row = id === undefined ? undefined : this.#rows.get(id);
    row?.item.setAttribute("aria-selected", "true");
    this.#setTabStop(row?.item);
    this.#on.select();
  }

  /**
   * @param {string} id
   * @param {boolean} [open]
   */
  toggle(id, open = !this.#expanded.has(id)) {
    if (id === root || open === this.#expanded.has(id) || this.#tree.typeOf(id) !== "folder") return;
    if (open) this.#expanded.add(id);
    else this.#expanded.delete(id);
    const row = this.#rows.get(id);
    if (!row) return;
    if (!open && row.group?.contains(document.activeElement)) row.item.focus();
    this.#update(row);
  }

  /** Moves the focus to the selected row, or the first. */
  focus() {
    const row = this.selected === undefined ? undefined : this.#rows.get(this.selected);
    const item = row?.item ?? this.#element.querySelector("li");
    if (item instanceof HTMLElement) item.focus();
  }

  /**
   * Shows a notice below a row. False: the node has none, or not for longer than this frame.
   *
   * @param {string} id
   * @param {HTMLElement} notice
   */
  note(id, notice) {
    const row = this.#rows.get(id);
    if (!row || !this.#tree.has(id)) return false;
    row.item.querySelector(":scope > .notice")?.remove();
    row.row.after(notice);
    return true;
  }

  #draw() {
    const focused = this.#element.contains(document.activeElement);
    for (const parent of this.#dirtyParents) {
      if (parent === root) this.#fill(this.#element, root, this.#shownAtTop);
      else {
        const row = this.#rows.get(parent);
        if (row) this.#update(row);
      }
    }
    let flashes = 0;
    for (const id of this.#dirtyNodes) {
      const row = this.#rows.get(id);
      if (!row) continue;
      if (!this.#dirtyParents.has(id)) this.#update(row);
      if (this.#motion && flashes++ < flashesMax) {
        row.row.animate([{ backgroundColor: "var(--flash)" }, {}], { duration: 1_600, easing: "ease-out" });
      }
    }
    this.#dirtyParents.clear();
    this.#dirtyNodes.clear();
    // A node that was deleted passes the selection on to its folder.
    if (this.selected !== undefined && !this.#tree.has(this.selected)) {
      const parent = this.#parentOfSelected;
      this.select(parent !== undefined && this.#tree.has(parent) ? parent : undefined);
    } else {
      if (this.selected !== undefined) this.#parentOfSelected = this.#tree.parentOf(this.selected);
      this.#setTabStop(this.selected === undefined ? undefined : this.#rows.get(this.selected)?.item);
    }
    // Moving or removing an element in the document takes the focus from it.
    if (focused && !this.#element.contains(document.activeElement)) this.focus();
  }

  /**
   * Makes the rows of a list those of the folder's first `shown` children, touching only what differs.
   *
   * @param {HTMLElement} list
   * @param {string} parent
   * @param {number} shown
   */
  #fill(list, parent, shown) {
    const children = this.#tree.childrenOf(parent);
    const wanted = children.slice(0, shown);
    const ids = new Set(wanted.map(({ id }) => id));
    const more = list.querySelector(":scope > .more");
    for (const item of list.querySelectorAll(":scope > [data-id]")) {
      if (item instanceof HTMLElement && !ids.has(item.dataset["id"] ?? "")) this.#remove(item);
    }
    let next = list.firstElementChild;
    for (const [at, { id }] of wanted.entries()) {
      const row = this.#rows.get(id) ?? this.#create(id);
      if (row.item === next) next = next.nextElementSibling;
      else list.insertBefore(row.item, next);
      setAttribute(row.item, "aria-posinset", String(at + 1));
      setAttribute(row.item, "aria-setsize", String(children.length));
    }
    if (children.length <= shown) more?.remove();
    else {
      const item = more ?? createMore(parent);
      item.textContent = `Show ${grouped(Math.min(rowsMore, children.length - shown))} more of ${grouped(children.length - shown)}`;
      if (!more) list.append(item);
    }
  }

  /**
   * @param {string} id
   * @returns {Row}
   */
  #create(id) {
    const item = document.createElement("li");
    item.role = "treeitem";
    item.tabIndex = -1;
    item.dataset["id"] = id;
    item.ariaSelected = String(id === this.selected);
    const row = document.createElement("div");
    row.className = "row";
    row.draggable = true;
    const twist = document.createElement("span");
    twist.className = "twist";
    const [svg, icon] = createIcon();
    const name = document.createElement("span");
    name.className = "name";
    const total = document.createElement("span");
    total.className = "count";
    row.append(twist, svg, name, total);
    item.append(row);
    /** @type {Row} */
    const made = { id, item, row, name, count: total, icon, group: undefined, shown: rowsAtFirst };
    this.#rows.set(id, made);
    this.#update(made);
    return made;
  }

  /** @param {Row} row */
  #update(row) {
    const { id, item } = row;
    const name = this.#tree.nameOf(id);
    const type = this.#tree.typeOf(id);
    const children = this.#tree.childrenOf(id).length;
    const expanded = type === "folder" && this.#expanded.has(id);
    row.name.textContent = name;
    row.name.title = name;
    row.count.textContent = type === "folder" ? grouped(children) : "";
    row.icon.setAttribute("href", `#icon-${type === "folder" && expanded ? "folder-open" : type}`);
    item.ariaLabel = type === "folder" ? `${name}, ${type}, ${grouped(children)} items` : `${name}, ${type}`;
    item.ariaExpanded = type === "folder" ? String(expanded) : null;
    if (!expanded) {
      if (row.group) this.#remove(row.group);
      row.group = undefined;
      return;
    }
    if (!row.group) {
      row.group = document.createElement("ul");
      row.group.role = "group";
      item.append(row.group);
    }
    this.#fill(row.group, id, row.shown);
  }

  /**
   * Removes an element, and forgets the rows in it.
   *
   * @param {HTMLElement} element
   */
  #remove(element) {
    for (const item of [element, ...element.querySelectorAll("[data-id]")]) {
      const id = item instanceof HTMLElement ? item.dataset["id"] : undefined;
      if (id !== undefined && this.#rows.get(id)?.item === item) this.#rows.delete(id);
    }
    element.remove();
  }

  /**
   * One row of the tree is reached by the Tab key; the arrows go on from there.
   *
   * @param {HTMLElement} [item]
   */
  #setTabStop(item) {
    for (const other of this.#element.querySelectorAll('[tabindex="0"]')) other.setAttribute("tabindex", "-1");
    (item ?? this.#element.firstElementChild)?.setAttribute("tabindex", "0");
  }

  /** @param {Event} event */
  #click({ target }) {
    const more = target instanceof Element ? target.closest(".more") : null;
    if (more instanceof HTMLElement) return this.#showMore(more);
    const id = idAt(target);
    if (id === undefined) {
      if (target === this.#element) this.select(undefined);
      return;
    }
    this.select(id);
    this.#rows.get(id)?.item.focus();
    if (isTwist(target)) this.toggle(id);
  }

  /** @param {HTMLElement} more */
  #showMore(more) {
    const parent = more.dataset["parent"] ?? root;
    const before = more.previousElementSibling;
    const row = this.#rows.get(parent);
    if (row) {
      row.shown += rowsMore;
      this.#update(row);
    } else {
      this.#shownAtTop += rowsMore;
      this.#fill(this.#element, root, this.#shownAtTop);
    }
    this.#walkTo(before?.nextElementSibling);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const item = event.target instanceof Element ? event.target.closest('[role="treeitem"]') : null;
    if (event.target !== item || !(item instanceof HTMLElement)) return;
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

  /** @param {Element | null | undefined} item */
  #walkTo(item) {
    if (!(item instanceof HTMLElement)) return;
    if (item.dataset["id"] !== undefined) this.select(item.dataset["id"]);
    item.focus();
    item.querySelector(".row")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {DragEvent} event */
  #dragOver(event) {
    if (!event.dataTransfer?.types.includes(dragType)) return;
    event.preventDefault();
    const { row, where } = this.#dropAt(event);
    this.#showDrop(row, where);
  }

  /** @param {DragEvent} event */
  #drop(event) {
    const id = event.dataTransfer?.getData(dragType);
    if (!id) return;
    event.preventDefault();
    this.#showDrop(undefined, "");
    const { id: at, where } = this.#dropAt(event);
    if (where === "end") this.#on.move(id, root, "last");
    if (at === undefined || at === id) return;
    if (where === "into") this.#on.move(id, at, "first");
    else this.#on.move(id, this.#tree.parentOf(at), where === "before" ? { before: at } : { after: at });
  }

  /**
   * Where a drop would go: into the folder in the middle of its row, beside a row at its edges.
   *
   * @param {DragEvent} event
   */
  #dropAt({ target, clientY }) {
    const id = idAt(target);
    const row = id === undefined ? undefined : this.#rows.get(id)?.row;
    if (id === undefined || !row) return { where: target === this.#element ? "end" : "" };
    const { top, height } = row.getBoundingClientRect();
    const part = (clientY - top) / height;
    const folder = this.#tree.typeOf(id) === "folder";
    const where = folder && part > 0.25 && part < 0.75 ? "into" : part < 0.5 ? "before" : "after";
    return { id, row, where };
  }

  /**
   * @param {HTMLElement | undefined} row
   * @param {string} where
   */
  #showDrop(row, where) {
    if (this.#dropRow && this.#dropRow !== row) delete this.#dropRow.dataset["drop"];
    this.#dropRow = row;
    if (row) row.dataset["drop"] = where;
  }
}

/**
 * Touches the document only where it changes: in most rows that are gone through, nothing does.
 *
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {EventTarget | null} place */
function idAt(place) {
  const row = place instanceof Element ? place.closest(".row") : null;
  return row?.parentElement?.dataset["id"];
}

/** @param {EventTarget | null} place */
function isTwist(place) {
  return place instanceof Element && place.classList.contains("twist");
}

/** @param {string} parent */
function createMore(parent) {
  const item = document.createElement("li");
  item.role = "treeitem";
  item.className = "more";
  item.tabIndex = -1;
  item.dataset["parent"] = parent;
  return item;
}

/** @returns {[SVGElement, SVGUseElement]} */
function createIcon() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return [svg, use];
}
