import { type Draft, draftOf, targetDraft } from "./drafts.ts";
import type { Entry } from "./walk.ts";

interface Task {
  draft: Draft;
  /** The tasks that can be submitted only after this one is accepted. */
  children: Task[];
}

/**
 * The order of drafts: the draft of a node is ready only after that of its parent is accepted. At any time a draft waits
 * for its parent, is ready, is taken by one connection, or is decided.
 */
export class Schedule {
  /** Ready drafts, in order; those before `#next` are taken. */
  #ready: Task[] = [];
  #next = 0;
  readonly #taken = new Map<string, Task>();
  /** Drafts without a verdict, the waiting ones included. */
  #open = 1;

  constructor(entries: readonly Entry[]) {
    const top: Task = { draft: targetDraft, children: [] };
    const folders = new Map<string | undefined, Task>([[undefined, top]]);
    for (const entry of entries) {
      const task: Task = { draft: draftOf(entry), children: [] };
      folders.get(entry.parent)!.children.push(task);
      if (entry.type === "folder") folders.set(entry.path, task);
      this.#open++;
    }
    this.#ready.push(top);
  }

  /** Whether every draft has its verdict, or cannot get one because its parent was rejected. */
  get done(): boolean {
    return this.#open === 0;
  }

  /** The next draft to submit; undefined if none is ready. */
  take(): Draft | undefined {
    const task = this.#ready[this.#next];
    if (!task) return undefined;
    this.#next++;
    if (this.#next === this.#ready.length) {
      this.#ready = [];
      this.#next = 0;
    }
    this.#taken.set(task.draft.draftId, task);
    return task.draft;
  }

  /** Makes taken drafts ready again, before all others, because their connection was lost before the verdict. */
  giveBack(drafts: readonly Draft[]): void {
    const tasks: Task[] = [];
    for (const { draftId } of drafts) {
      const task = this.#taken.get(draftId);
      if (task) tasks.push(task);
      this.#taken.delete(draftId);
    }
    this.#ready = tasks.concat(this.#ready.slice(this.#next));
    this.#next = 0;
  }

  /** Records that a taken draft is accepted: its children become ready. Returns whether it was undecided. */
  accept(draftId: string): boolean {
    const task = this.#decide(draftId);
    for (const child of task?.children ?? []) this.#ready.push(child);
    return task !== undefined;
  }

  /**
   * Records that a taken draft is rejected. Returns how many drafts below it can never be submitted; undefined if it was
   * decided before.
   */
  reject(draftId: string): number | undefined {
    const task = this.#decide(draftId);
    if (!task) return undefined;
    const below = countBelow(task);
    this.#open -= below;
    return below;
  }

  #decide(draftId: string): Task | undefined {
    const task = this.#taken.get(draftId);
    if (!task) return undefined;
    this.#taken.delete(draftId);
    this.#open--;
    return task;
  }
}

function countBelow(task: Task): number {
  let count = 0;
  for (const child of task.children) count += 1 + countBelow(child);
  return count;
}
