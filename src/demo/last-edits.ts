import type { NumberedEvent } from "../protocol/index.ts";
import { nodeOf } from "./drafts.ts";
import { clientOf, personOf } from "./names.ts";
import type { Sides } from "./pane.ts";
import type { LastEdit } from "./tree-view.ts";

/** The most nodes whose last edit is remembered. */
const nodesMax = 10_000;

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

/** Who has changed which node last, as far as the log was read. */
export class LastEdits {
  readonly #sides: Sides;
  readonly #byNode = new Map<string, LastEdit>();

  constructor(sides: Sides) {
    this.#sides = sides;
  }

  of(node: string): LastEdit | undefined {
    return this.#byNode.get(node);
  }

  /** Takes the next events of the log. */
  read(events: readonly NumberedEvent[]): void {
    for (const { event } of events) {
      const node = nodeOf(event);
      if (node === undefined) continue;
      const client = clientOf(event);
      // The newest come last.
      this.#byNode.delete(node);
      this.#byNode.set(node, {
        name: personOf(client),
        side: this.#sides.get(client),
        at: time.format(event.timestamp),
      });
      if (this.#byNode.size > nodesMax) this.#byNode.delete(this.#byNode.keys().next().value!);
    }
  }

  clear(): void {
    this.#byNode.clear();
  }
}
