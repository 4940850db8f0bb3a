import { push, newId } from "./drafts.ts";
import { counted, part } from "./page.ts";
import { type Asked, Question } from "./question.ts";
import { sampleFiles } from "./sample.ts";
import type { InsiemeClient, Submitter } from "./submitter.ts";
import { root, target, type Tree } from "./tree.ts";
import type { Position, TreeView } from "./tree-view.ts";

/** The toolbar and keys of a pane: turns user actions into drafts. */
export class Editor {
  readonly #client: InsiemeClient;
  readonly #submitter: Submitter;
  readonly #tree: Tree;
  readonly #view: TreeView;
  readonly #toolbar: HTMLElement;
  readonly #question: Question;
  /** The node that is being moved. */
  #moving: string | undefined;

  constructor(pane: HTMLElement, parts: { client: InsiemeClient; submitter: Submitter; tree: Tree; view: TreeView }) {
    this.#client = parts.client;
    this.#submitter = parts.submitter;
    this.#tree = parts.tree;
    this.#view = parts.view;
    this.#toolbar = part(pane, "toolbar");
    this.#question = new Question(pane);
    this.#toolbar.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      if (button) this.#act(button.dataset["act"] ?? "", button);
    });
    part(pane, "sample").addEventListener("click", () => this.#submitter.submitAll(sampleFiles()));
    pane.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Enables the actions that are possible now. */
  draw(): void {
    for (const button of this.#toolbar.querySelectorAll("button")) {
      const { needs } = button.dataset;
      button.disabled =
        (needs === "selection" && this.#view.selected === undefined) ||
        (needs === "undo" && !this.#client.canUndo) ||
        (needs === "redo" && !this.#client.canRedo);
    }
    if (this.#moving === undefined || !this.#question.open) return;
    const folder = this.#folder();
    const possible = this.#view.selected !== this.#moving && folder !== root;
    this.#question.setAction(possible ? `into “${this.#tree.nameOf(folder)}”` : "select a folder", possible);
  }

  move(id: string, parent: string, position: Position): void {
    this.#submitter.submit("treeMove", { target, options: { id, parent, position } });
    this.#view.toggle(parent, true);
  }

  #act(act: string, from?: HTMLElement): void {
    const id = this.#view.selected;
    if (act === "folder" || act === "file") this.#askNew(act, from);
    else if (act === "undo" || act === "redo") void this.#submitter.undo(act);
    else if (id === undefined) return;
    else if (act === "rename") this.#askRename(id, from);
    else if (act === "move") this.#askMove(id, from);
    else if (act === "delete") this.#askDelete(id, from);
  }

  #key(event: KeyboardEvent): void {
    const { key, altKey } = event;
    const inTree = event.target instanceof Element && event.target.role === "treeitem";
    const id = this.#view.selected;
    const control = event.ctrlKey || event.metaKey;
    if (key === "Escape") {
      if (this.#question.open) this.#question.cancel();
      else this.#view.select(undefined);
    } else if (!inTree) return;
    else if (control && (key === "y" || key === "Z")) void this.#submitter.undo("redo");
    else if (control && key === "z") void this.#submitter.undo("undo");
    else if (id === undefined) return;
    else if (key === "F2") this.#askRename(id);
    else if (key === "Delete") this.#askDelete(id);
    else if (control && key === "x") this.#askMove(id);
    else if (control && key === "v" && this.#question.open && this.#moving !== undefined) this.#question.answer();
    else if (altKey && (key === "ArrowUp" || key === "ArrowDown")) this.#shift(id, key === "ArrowUp" ? -1 : 1);
    else return;
    event.preventDefault();
  }

  /** Moves a node by one place among its siblings. */
  #shift(id: string, by: -1 | 1): void {
    const parent = this.#tree.parentOf(id);
    const siblings = this.#tree.childrenOf(parent);
    const other = siblings[siblings.findIndex((node) => node.id === id) + by];
    if (other) this.move(id, parent, by < 0 ? { before: other.id } : { after: other.id });
  }

  /** The target folder for a new or moved node: the selected folder, or that of the selected file. */
  #folder(): string {
    const id = this.#view.selected;
    if (id === undefined) return root;
    return this.#tree.typeOf(id) === "folder" ? id : this.#tree.parentOf(id);
  }

  #askNew(type: "folder" | "file", from?: HTMLElement): void {
    const parent = this.#folder();
    const place = parent === root ? "at the top" : `in “${this.#tree.nameOf(parent)}”`;
    this.#ask(from, {
      text: `New ${type} ${place}`,
      action: "Add",
      value: "",
      answer: (name) => {
        const { type: event, payload } = push({ id: newId(name), name, type }, parent, "first");
        this.#submitter.submit(event, payload);
        this.#view.toggle(parent, true);
      },
    });
  }

  #askRename(id: string, from?: HTMLElement): void {
    const old = this.#tree.nameOf(id);
    this.#ask(from, {
      text: "New name",
      action: "Rename",
      value: old,
      answer: (name) => {
        if (name !== old) this.#submitter.submit("treeUpdate", { target, value: { name }, options: { id } });
      },
    });
  }

  /** The user answers by selecting a folder in the tree. */
  #askMove(id: string, from?: HTMLElement): void {
    this.#ask(from, {
      text: `Move “${this.#tree.nameOf(id)}”`,
      action: "",
      answer: () => this.move(id, this.#folder(), "first"),
      top: () => this.move(id, root, "first"),
    });
    this.#moving = id;
    this.draw();
    this.#view.focus();
  }

  #askDelete(id: string, from?: HTMLElement): void {
    const below = this.#tree.countBelow(id);
    const answer = () => this.#submitter.submit("treeDelete", { target, options: { id } });
    if (below === 0) answer();
    else {
      const text = `Delete “${this.#tree.nameOf(id)}” and ${counted(below, "item")} in it?`;
      this.#ask(from, { text, action: "Delete", answer });
    }
  }

  #ask(from: HTMLElement | undefined, asked: Omit<Asked, "focusBack">): void {
    this.#moving = undefined;
    this.#question.ask({ ...asked, focusBack: () => (from ? from.focus() : this.#view.focus()) });
  }
}
