import type { NumberedEvent, WireEvent } from "../protocol/index.ts";
import { clientOf, personOf } from "./names.ts";
import type { Sides } from "./pane.ts";
import { create, oncePerFrame } from "./page.ts";

/** The most rows of the log. */
const rowsMax = 100;

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** What a page does with events. */
interface LogOptions {
  /** Called with the next events of the log, after the others. */
  read?(events: readonly NumberedEvent[]): void;
  /** Returns what the author of an event did, as `added “notes.md”`. Called for each event once, in order. */
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
  /** Rows of events that are read and not drawn yet. */
  #fresh: HTMLElement[] = [];
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
    for (const [client, title] of sides) {
      const mark = create("span", "here", `${personOf(client)} is here`);
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
        this.#fresh = [...this.#fresh, ...events.map((event) => this.#createRow(event))].slice(-rowsMax);
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
    this.#list.prepend(...this.#fresh.toReversed());
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
    row.dataset["type"] = event.type;
    const client = clientOf(event);
    const title = this.#sides.get(client);
    const who = create("span", "who", personOf(client));
    who.title = event.author ?? client;
    if (title !== undefined) who.dataset["pane"] = title;
    const what = create("span", "what");
    what.append(who, ` ${this.#on.describe(event)}`);
    // For who wants to see the event itself.
    what.title = `${event.type} ${short(event.payload)}`;
    row.append(
      create("span", "number", String(eventId)),
      what,
      create("span", "time", time.format(event.timestamp)),
      create("span", "marks"),
    );
    return row;
  }
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
