import { History } from "./history.ts";
import type { Undoer, UndoHost } from "./undo.ts";
import type { UndoResult } from "./undo-result.ts";

/** A file of its own, because most users undo seldom. */
let file: typeof import("./undo.ts") | undefined;

export async function loadUndo(): Promise<typeof import("./undo.ts")> {
  return (file ??= await import("./undo.ts"));
}

/** The history of a client, and what undoes and redoes its steps. */
export class Undoing extends History {
  readonly #host: UndoHost;
  #undoer: Undoer | undefined;

  constructor(host: UndoHost) {
    super(host.model);
    this.#host = host;
    host.emitter.on("reset", ({ why }) => {
      if (why === "log_replaced") this.logReplaced();
    });
  }

  /**
   * Undoes or redoes the newest step; at once, if the file for it is here. Undefined: there is none that can be. Rejects
   * if the file cannot be loaded.
   */
  async run(what: "undo" | "redo"): Promise<UndoResult<any> | undefined> {
    const { Undoer } = file ?? (await loadUndo());
    return (this.#undoer ??= new Undoer(this, this.#host)).run(what);
  }
}
