/** @import { Problem } from "../protocol/index.ts" */
/** @import { Draft, DraftEvent } from "./connection.js" */
/** @import { Position } from "./tree.js" */
import { Connection } from "./connection.js";
import { counted, grouped, oncePerFrame, part } from "./page.js";
import { Question } from "./question.js";
import { sampleFiles } from "./sample.js";
import { root, target, Tree } from "./tree.js";
import { TreeView } from "./tree-view.js";

/** Notices that a pane keeps on top of its tree. */
const noticesMax = 4;
/** Waiting edits that are named one by one. */
const waitingShownMax = 4;
const caughtUpShownMs = 6_000;

/** @type {Record<import("./connection.js").Status, string>} */
const statusText = {
  cut: "Cut",
  connecting: "Connecting",
  "catching up": "Catching up",
  connected: "Connected",
  waiting: "Reconnecting",
};

/**
 * One pane: a connection of its own, the tree as this connection knows it, and the means to edit it.
 * It forbids nothing that the partition would refuse; the partition decides, and the pane tells why.
 */
export class Pane {
  connection;
  #tree = new Tree();
  #view;
  #loaded = false;
  /** The head as others in this page know it. */
  #headElsewhere = 0;
  #caughtUp = "";
  #schedule = oncePerFrame(() => this.#show());
  #question;
  /**
   * The node that waits for its new place.
   * @type {string | undefined}
   */
  #moving;
  #onMove;

  #status;
  #place;
  #behind;
  #cut;
  #toolbar;
  #problem;
  #waiting;
  #notices;
  #empty;
  #element;

  /**
   * @param {HTMLElement} element the section, from the template "pane"
   * @param {{ title: string, partition: string, clientId: string }} options
   * @param {(cursor: number) => void} onMove where it stands in the log
   */
  constructor(element, { title, partition, clientId }, onMove) {
    this.#element = element;
    this.#onMove = onMove;
    this.#status = part(element, "status");
    this.#place = part(element, "place");
    this.#behind = part(element, "behind");
    this.#cut = part(element, "cut");
    this.#toolbar = part(element, "toolbar");
    this.#problem = part(element, "problem");
    this.#waiting = part(element, "waiting");
    this.#notices = part(element, "notices");
    this.#empty = part(element, "empty");
    this.#question = new Question(element);

    part(element, "title").textContent = title;
    part(element, "client").textContent = clientId;
    element.ariaLabel = `${title} pane`;
    this.#toolbar.ariaLabel = `Edit in the ${title.toLowerCase()} pane`;
    const tree = part(element, "tree");
    tree.ariaLabel = `Files, ${title.toLowerCase()} pane`;
    this.#view = new TreeView(tree, this.#tree, {
      select: () => this.#selected(),
      move: (id, parent, position) => this.#move(id, parent, position),
    });

    this.connection = new Connection(
      { partition, clientId },
      {
        onState: (state) => {
          this.#loaded = state !== undefined;
          this.#tree.load(state);
          this.#view.changed("everything");
        },
        onEvent: ({ event }) => this.#view.changed(this.#tree.apply(event)),
        onCaughtUp: (events) => {
          this.#caughtUp = `caught up ${counted(events, "event")}`;
          setTimeout(() => {
            this.#caughtUp = "";
            this.#changed();
          }, caughtUpShownMs);
        },
        onRefused: (draft, problem) => this.#refused(draft, problem),
        onProblem: (detail) => {
          this.#problem.textContent = detail;
          this.#changed();
        },
        onChange: () => this.#changed(),
      },
    );

    this.#cut.addEventListener("click", () => {
      if (this.connection.status === "cut") this.connection.open();
      else this.connection.cut();
    });
    this.#toolbar.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      if (button) this.#act(button.dataset["act"] ?? "", button);
    });
    part(element, "sample").addEventListener("click", () => {
      for (const { event, about, label } of sampleFiles()) this.#submit(event, about, label);
    });
    element.addEventListener("keydown", (event) => this.#key(event));
    this.#selected();
    this.connection.open();
  }

  /** @param {number} head */
  headIs(head) {
    if (head === this.#headElsewhere) return;
    this.#headElsewhere = head;
    this.#changed();
  }

  /**
   * @param {string} act
   * @param {HTMLElement} [from] what gets the focus back
   */
  #act(act, from) {
    const id = this.#view.selected;
    if (act === "folder" || act === "file") return this.#askNew(act, from);
    if (id === undefined) return;
    if (act === "rename") this.#askRename(id, from);
    if (act === "move") this.#askMove(id, from);
    if (act === "delete") this.#askDelete(id, from);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, altKey } = event;
    const inTree = event.target instanceof Element && event.target.role === "treeitem";
    const id = this.#view.selected;
    const control = event.ctrlKey || event.metaKey;
    if (key === "Escape") {
      if (this.#question.open) this.#question.cancel();
      else this.#view.select(undefined);
    } else if (!inTree || id === undefined) return;
    else if (key === "F2") this.#askRename(id);
    else if (key === "Delete") this.#askDelete(id);
    else if (control && key === "x") this.#askMove(id);
    else if (control && key === "v" && this.#question.open && this.#moving !== undefined) this.#question.answer();
    else if (altKey && (key === "ArrowUp" || key === "ArrowDown")) this.#shift(id, key === "ArrowUp" ? -1 : 1);
    else return;
    event.preventDefault();
  }

  /**
   * Moves a node by one place among its siblings.
   *
   * @param {string} id
   * @param {-1 | 1} by
   */
  #shift(id, by) {
    const parent = this.#tree.parentOf(id);
    const siblings = this.#tree.childrenOf(parent);
    const other = siblings[siblings.findIndex((node) => node.id === id) + by];
    if (other) this.#move(id, parent, by < 0 ? { before: other.id } : { after: other.id });
  }

  /** The folder that something new, or moved, goes into: the selected one, or the one the selected file is in. */
  #folder() {
    const id = this.#view.selected;
    if (id === undefined) return root;
    return this.#tree.typeOf(id) === "folder" ? id : this.#tree.parentOf(id);
  }

  /** @param {"folder" | "file"} type @param {HTMLElement} [from] */
  #askNew(type, from) {
    const parent = this.#folder();
    const place = parent === root ? "at the top" : `in “${this.#tree.nameOf(parent)}”`;
    this.#ask(from, {
      text: `New ${type} ${place}`,
      action: "Add",
      value: "",
      answer: (name) => {
        const value = { id: newId(name), name, type };
        const event = { type: "treePush", payload: { target, value, options: { parent, position: "first" } } };
        this.#submit(event, parent, `add “${name}”`);
        this.#view.toggle(parent, true);
      },
    });
  }

  /** @param {string} id @param {HTMLElement} [from] */
  #askRename(id, from) {
    const old = this.#tree.nameOf(id);
    this.#ask(from, {
      text: "New name",
      action: "Rename",
      value: old,
      answer: (name) => {
        const event = { type: "treeUpdate", payload: { target, value: { name }, options: { id } } };
        if (name !== old) this.#submit(event, id, `rename “${old}” to “${name}”`);
      },
    });
  }

  /**
   * The answer is the folder that is selected in the tree meanwhile.
   *
   * @param {string} id
   * @param {HTMLElement} [from]
   */
  #askMove(id, from) {
    this.#ask(from, {
      text: `Move “${this.#tree.nameOf(id)}”`,
      action: "",
      answer: () => this.#move(id, this.#folder(), "first"),
      top: () => this.#move(id, root, "first"),
    });
    this.#moving = id;
    this.#selected();
    this.#view.focus();
  }

  /** @param {string} id @param {HTMLElement} [from] */
  #askDelete(id, from) {
    const name = this.#tree.nameOf(id);
    const below = this.#tree.countBelow(id);
    const answer = () =>
      this.#submit({ type: "treeDelete", payload: { target, options: { id } } }, id, `delete “${name}”`);
    if (below === 0) answer();
    else this.#ask(from, { text: `Delete “${name}” and ${counted(below, "item")} in it?`, action: "Delete", answer });
  }

  /**
   * @param {HTMLElement | undefined} from
   * @param {Omit<import("./question.js").Asked, "focusBack">} asked
   */
  #ask(from, asked) {
    this.#moving = undefined;
    this.#question.ask({ ...asked, focusBack: () => (from ? from.focus() : this.#view.focus()) });
  }

  /** @param {string} id @param {string} parent @param {Position} position */
  #move(id, parent, position) {
    const event = { type: "treeMove", payload: { target, options: { id, parent, position } } };
    this.#submit(event, id, `move “${this.#tree.nameOf(id)}”`);
    this.#view.toggle(parent, true);
  }

  /** @param {DraftEvent} event @param {string} about @param {string} label */
  #submit(event, about, label) {
    const { queue } = this.connection;
    // The first edit of an empty partition makes the tree; if the other pane was faster, this changes nothing.
    if (!this.#tree.exists && !queue.some((draft) => draft.event.type === "set")) {
      this.connection.submit({ type: "set", payload: { target, value: {} } }, root, "begin the tree");
    }
    if (!this.connection.submit(event, about, label)) {
      this.#addNotice(createNotice("Too many edits wait. Reconnect first.", []));
    }
  }

  /** @param {Draft} draft @param {Problem} problem */
  #refused({ about, label }, { code, detail, errors }) {
    const reasons = errors?.length ? errors : [{ code, message: detail }];
    const notice = createNotice(`Refused: ${label}.`, reasons);
    if (!this.#view.note(about, notice)) this.#addNotice(notice);
  }

  /** @param {HTMLElement} notice */
  #addNotice(notice) {
    this.#notices.prepend(notice);
    while (this.#notices.childElementCount > noticesMax) this.#notices.lastElementChild?.remove();
  }

  /** The selection changed: what it allows follows. */
  #selected() {
    for (const button of this.#toolbar.querySelectorAll("button")) {
      button.disabled = button.dataset["needs"] === "selection" && this.#view.selected === undefined;
    }
    if (this.#moving === undefined || !this.#question.open) return;
    const folder = this.#folder();
    const possible = this.#view.selected !== this.#moving && folder !== root;
    this.#question.setAction(possible ? `into “${this.#tree.nameOf(folder)}”` : "select a folder", possible);
  }

  #changed() {
    this.#onMove(this.connection.cursor);
    this.#schedule();
  }

  #show() {
    const { status, cursor, queue } = this.connection;
    const connected = status === "connected";
    const head = Math.max(cursor, connected ? 0 : this.#headElsewhere, this.connection.head);
    const behind = head > cursor ? `${counted(head - cursor, "event")} behind` : this.#caughtUp;
    this.#element.dataset["status"] = status;
    setText(this.#status, statusText[status]);
    setText(this.#place, `${grouped(cursor)} / ${grouped(head)}`);
    setText(this.#behind, behind);
    this.#behind.hidden = behind === "";
    this.#behind.dataset["tone"] = head > cursor ? "late" : "good";
    setText(this.#cut, status === "cut" ? "Reconnect" : "Cut connection");
    if (connected && queue.length === 0) this.#problem.textContent = "";
    this.#problem.hidden = this.#problem.textContent === "";

    const waiting = connected ? [] : queue;
    const rest = waiting.length - waitingShownMax;
    const named = waiting.slice(0, waitingShownMax).map(({ label }) => label);
    if (rest > 0) named.push(`${rest} more`);
    const verb = waiting.length === 1 ? "waits" : "wait";
    setText(this.#waiting, `${counted(waiting.length, "edit")} ${verb} for the connection: ${named.join(", ")}.`);
    this.#waiting.hidden = waiting.length === 0;
    this.#empty.hidden = !this.#loaded || this.#tree.size > 0;
  }
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} what @param {{ code: string, message: string }[]} reasons */
function createNotice(what, reasons) {
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.role = "alert";
  const text = document.createElement("p");
  const title = document.createElement("strong");
  title.textContent = what;
  text.append(title);
  for (const { code, message } of reasons) {
    const name = document.createElement("code");
    name.textContent = code;
    text.append(` ${message} `, name);
  }
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.textContent = "Dismiss";
  dismiss.addEventListener("click", () => notice.remove());
  notice.append(text, dismiss);
  return notice;
}

/**
 * A new id that still tells the name, so that the log can be read.
 *
 * @param {string} name
 */
function newId(name) {
  const words = name.toLowerCase().match(/[\p{L}\p{N}.]+/gu) ?? [];
  return `${[...words.join("-")].slice(0, 24).join("")}~${crypto.randomUUID().slice(0, 8)}`;
}
