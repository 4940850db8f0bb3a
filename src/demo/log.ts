import { isJsonObject, type JsonObject, type NumberedEvent, type WireEvent } from "../protocol/index.ts";
import { clientOf, personOf } from "./names.ts";
import type { Sides } from "./pane.ts";
import { create, oncePerFrame } from "./page.ts";
import { root } from "./tree.ts";

/** The most rows of the log. */
const rowsMax = 100;

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** What a page does with events. */
interface LogOptions {
  /** Called with the next events of the log, after the others. */
  read?(events: readonly NumberedEvent[]): void;
  /** Returns one line for an event. */
  describe(event: WireEvent): string;
}

/**
 * Shows the newest events of the log, the last one on top, and the position of each pane. It reads events over HTTP when
 * a pane has newer ones, because a client holds the state, not the log.
 */
export class Log {
  readonly #list: HTMLElement;
  readonly #address: string;
  readonly #sides: Sides;
  readonly #on: LogOptions;
  readonly #panes = new Map<string, { eventId: number; mark: HTMLElement }>();
  readonly #schedule = oncePerFrame(() => this.#draw());
  /** Events that are read and not drawn yet. */
  #fresh: NumberedEvent[] = [];
  /** The last event that was read, and the last event of the log. */
  #known = 0;
  #head = 0;
  #reading = false;
  /** Counts the logs: a response for an old log may arrive late. */
  #generation = 0;

  constructor(list: HTMLElement, partition: string, sides: Sides, on: LogOptions) {
    this.#list = list;
    this.#address = `/v1/partitions/${partition}/events`;
    this.#sides = sides;
    this.#on = on;
    for (const title of sides.values()) {
      const mark = create("span", "here", `${title} is here`);
      mark.dataset["pane"] = title;
      this.#panes.set(title, { eventId: 0, mark });
    }
  }

  /** The last event that any pane has seen. */
  get head(): number {
    return this.#head;
  }

  /** The log was replaced: drops the events of the old one. */
  clear(): void {
    this.#generation++;
    this.#fresh = [];
    this.#known = 0;
    this.#head = 0;
    this.#list.replaceChildren();
  }

  paneIsAt(title: string, eventId: number): void {
    const pane = this.#panes.get(title);
    if (!pane) return;
    if (pane.eventId !== eventId) {
      pane.eventId = eventId;
      this.#schedule();
    }
    this.#head = Math.max(this.#head, eventId);
    void this.#follow();
  }

  async #follow(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#known < this.#head) {
        const generation = this.#generation;
        const since = Math.max(this.#known, this.#head - rowsMax);
        const response = await fetch(`${this.#address}?since=${since}&limit=${rowsMax}&authors=true`);
        const { events } = (await response.json()) as { events?: NumberedEvent[] };
        if (generation !== this.#generation) continue;
        const last = events?.at(-1);
        // Not available now: the next change of a pane tries again.
        if (!events || !last) break;
        this.#known = last.eventId;
        this.#head = Math.max(this.#head, last.eventId);
        this.#fresh = [...this.#fresh, ...events].slice(-rowsMax);
        this.#on.read?.(events);
        this.#schedule();
      }
    } catch {
      // No network: the next change of a pane tries again.
    } finally {
      this.#reading = false;
    }
  }

  #draw(): void {
    this.#list.prepend(...this.#fresh.toReversed().map((event) => this.#createRow(event)));
    this.#fresh = [];
    while (this.#list.childElementCount > rowsMax) this.#list.lastElementChild?.remove();
    const newest = this.#list.firstElementChild;
    for (const { eventId, mark } of this.#panes.values()) {
      const row =
        newest instanceof HTMLElement ? this.#list.children[Number(newest.dataset["event"]) - eventId] : undefined;
      const marks = row?.lastElementChild;
      if (!marks) mark.remove();
      else if (mark.parentElement !== marks) marks.append(mark);
    }
  }

  #createRow({ eventId, event }: NumberedEvent): HTMLElement {
    const row = document.createElement("li");
    row.dataset["event"] = String(eventId);
    const client = clientOf(event);
    const title = this.#sides.get(client);
    const who = create("span", "who", personOf(client));
    who.title = event.author ?? client;
    if (title !== undefined) who.dataset["pane"] = title;
    const description = create("span", "what", this.#on.describe(event));
    // The whole payload, with the id.
    description.title = short(event.payload);
    row.append(
      create("span", "number", String(eventId)),
      create("span", "type", event.type),
      who,
      create("span", "time", time.format(event.timestamp)),
      description,
      create("span", "marks"),
    );
    return row;
  }
}

/** One line that describes an event of the tree. */
export function describeTreeEvent({ type, payload }: WireEvent): string {
  const value = isJsonObject(payload["value"]) ? payload["value"] : {};
  const options = isJsonObject(payload["options"]) ? payload["options"] : {};
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

function nameIn({ name }: JsonObject): string | undefined {
  return typeof name === "string" ? `“${name}”` : undefined;
}

function beside(position: unknown): string {
  if (!isJsonObject(position)) return "";
  return Object.entries(position)
    .map(([side, id]) => `, ${side} ${String(id)}`)
    .join("");
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
