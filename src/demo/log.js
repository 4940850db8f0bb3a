/** @import { JsonObject, NumberedEvent, WireEvent } from "../protocol/index.ts" */
import { oncePerFrame } from "./page.js";
import { root } from "./tree.js";

/** Rows that the log keeps. */
const rowsMax = 100;

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** The newest events of the log, the last one on top, and where in it each pane stands. */
export class Log {
  #list;
  #titles;
  /** @type {NumberedEvent[]} Not drawn yet. */
  #pending = [];
  /** @type {Map<string, { cursor: number, mark: HTMLElement }>} */
  #panes = new Map();
  #schedule = oncePerFrame(() => this.#draw());

  /**
   * @param {HTMLElement} list
   * @param {Map<string, string>} titles of the panes, by client id
   */
  constructor(list, titles) {
    this.#list = list;
    this.#titles = titles;
    for (const title of titles.values()) {
      const mark = document.createElement("span");
      mark.className = "here";
      mark.dataset["pane"] = title;
      mark.textContent = `${title} is here`;
      this.#panes.set(title, { cursor: 0, mark });
    }
  }

  clear() {
    this.#pending = [];
    this.#list.replaceChildren();
  }

  /** @param {NumberedEvent} event */
  add(event) {
    this.#pending.push(event);
    if (this.#pending.length > rowsMax * 2) this.#pending = this.#pending.slice(-rowsMax);
    this.#schedule();
  }

  /** @param {string} title @param {number} cursor */
  paneIsAt(title, cursor) {
    const pane = this.#panes.get(title);
    if (!pane || pane.cursor === cursor) return;
    pane.cursor = cursor;
    this.#schedule();
  }

  #draw() {
    this.#list.prepend(
      ...this.#pending
        .slice(-rowsMax)
        .toReversed()
        .map((event) => this.#createRow(event)),
    );
    this.#pending = [];
    while (this.#list.childElementCount > rowsMax) this.#list.lastElementChild?.remove();
    const newest = this.#list.firstElementChild;
    for (const { cursor, mark } of this.#panes.values()) {
      const row = newest instanceof HTMLElement ? this.#list.children[Number(newest.dataset["event"]) - cursor] : null;
      const marks = row?.lastElementChild;
      if (!marks) mark.remove();
      else if (mark.parentElement !== marks) marks.append(mark);
    }
  }

  /** @param {NumberedEvent} event */
  #createRow({ eventId, event }) {
    const row = document.createElement("li");
    row.dataset["event"] = String(eventId);
    const title = this.#titles.get(event.clientId);
    const who = cell("who", title ?? event.clientId);
    if (title) who.dataset["pane"] = title;
    const description = cell("what", describe(event));
    // The whole of it, with the id; and what the page leaves out.
    description.title = short(event.payload);
    row.append(
      cell("number", String(eventId)),
      cell("type", event.type),
      who,
      cell("time", time.format(event.timestamp)),
      description,
      cell("marks", ""),
    );
    return row;
  }
}

/** @param {string} name @param {string} text */
function cell(name, text) {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

/**
 * What an event does, in a line.
 *
 * @param {WireEvent} event
 */
function describe({ type, payload }) {
  const value = /** @type {JsonObject} */ (payload["value"] ?? {});
  const options = /** @type {JsonObject} */ (payload["options"] ?? {});
  const parent = options["parent"] ?? root;
  const into = parent === root ? "the top" : String(parent);
  switch (type) {
    case "treePush":
      return `${nameIn(value) ?? String(value["id"])} in ${into}`;
    case "treeUpdate":
      return `${String(options["id"])}: ${nameIn(value) ?? short(value)}`;
    case "treeMove":
      return `${String(options["id"])} to ${into}${beside(options["position"])}`;
    case "treeDelete":
      return String(options["id"]);
    default:
      return short(payload);
  }
}

/** @param {JsonObject} value */
function nameIn({ name }) {
  return typeof name === "string" ? `“${name}”` : undefined;
}

/** @param {unknown} position */
function beside(position) {
  if (typeof position !== "object" || position === null) return "";
  return Object.entries(position)
    .map(([side, id]) => `, ${side} ${String(id)}`)
    .join("");
}

/** @param {unknown} value */
function short(value) {
  const text = JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
