import { changesOf, type TextEdit, textIn, type Texts } from "../models/text/index.ts";
import type { NumberedEvent } from "../protocol/index.ts";

/** The most changes that the slider goes back; the text before them has no author. */
const changesMax = 2_000;
/** Changes after which the text is kept, so that each moment is found by a few changes. */
const keptEvery = 64;
const eventsPerPage = 1_000;

/** A text, and who has written each of its units. */
export interface Written {
  readonly text: string;
  /** For each unit the number of its author, as a character; 0: before the first change that is known. */
  readonly by: string;
}

/** A change of the document. */
export interface Change {
  readonly eventId: number;
  /** Who has made it: `clientOf` the event. */
  readonly author: string;
  readonly timestamp: number;
  readonly edit: TextEdit;
}

/** The text after a change by the author of this number. */
function written(before: Written, edit: TextEdit, author: number): Written {
  let [text, by, from] = ["", "", 0];
  changesOf(edit).iterChanges((start, end, _, __, inserted) => {
    text += before.text.slice(from, start) + inserted.toString();
    by += before.by.slice(from, start) + String.fromCharCode(author).repeat(inserted.length);
    from = end;
  }, true);
  return { text: text + before.text.slice(from), by: by + before.by.slice(from) };
}

/** The life of a document: its changes in the order of the log, and the text at each time. */
export class Life {
  readonly changes: Change[] = [];
  /** The authors by their numbers, from 1. */
  readonly authors: string[] = [];
  /** The texts after 0, 64, 128 … changes. */
  #kept: Written[] = [{ text: "", by: "" }];

  /** Begins again, with this text. */
  begin(text: string): void {
    this.changes.length = this.authors.length = 0;
    this.#kept = [{ text, by: "\0".repeat(text.length) }];
  }

  add(change: Change): void {
    if (!this.authors.includes(change.author)) this.authors.push(change.author);
    this.changes.push(change);
    if (this.changes.length % keptEvery === 0) this.#kept.push(this.at(this.changes.length));
  }

  /** The text after `count` changes. */
  at(count: number): Written {
    const kept = Math.min(Math.floor(count / keptEvery), this.#kept.length - 1);
    return this.changes
      .slice(kept * keptEvery, count)
      .reduce((before, { edit, author }) => written(before, edit, this.authors.indexOf(author) + 1), this.#kept[kept]!);
  }
}

/** Reads the changes of a document over HTTP, because a client holds the state, not the log. */
export class LifeReader {
  readonly life = new Life();
  readonly #address: string;
  readonly #doc: string;
  readonly #changed: () => void;
  readonly #author: (event: NumberedEvent["event"]) => string;
  /** The last event that was read; undefined: nothing was read. */
  #known: number | undefined;
  #head = 0;
  #reading = false;
  /** Counts the logs: a response for an old log may arrive late. */
  #generation = 0;

  /** `author` says who has made an event. `changed` is called after more was read. */
  constructor(partition: string, doc: string, author: (event: NumberedEvent["event"]) => string, changed: () => void) {
    this.#address = `/v1/partitions/${partition}`;
    this.#doc = doc;
    this.#author = author;
    this.#changed = changed;
  }

  /** The log was replaced. */
  clear(): void {
    this.#generation++;
    this.#known = undefined;
    this.#head = 0;
    this.life.begin("");
    this.#changed();
  }

  /** Reads up to this event of the log. */
  async readTo(head: number): Promise<void> {
    this.#head = Math.max(this.#head, head);
    if (this.#reading) return;
    this.#reading = true;
    try {
      while ((this.#known ?? 0) < this.#head && (await this.#read()));
    } catch {
      // No network: the next change tries again.
    } finally {
      this.#reading = false;
    }
  }

  /** Reads a page. False: it is not available now, the next change tries again. */
  async #read(): Promise<boolean> {
    const generation = this.#generation;
    if (this.#known === undefined) {
      const first = Math.max(0, this.#head - changesMax);
      const text = first > 0 ? await this.#textAt(first) : "";
      if (text === undefined) return false;
      if (generation !== this.#generation) return true;
      this.life.begin(text);
      this.#known = first;
    }
    const query = `since=${this.#known}&limit=${eventsPerPage}&authors=true`;
    const { events } = (await (await fetch(`${this.#address}/events?${query}`)).json()) as { events?: NumberedEvent[] };
    if (generation !== this.#generation) return true;
    if (!events?.length) return false;
    for (const { eventId, event } of events) {
      this.#known = eventId;
      const edit = event.payload as unknown as TextEdit;
      if (event.type !== "edit" || edit.doc !== this.#doc) continue;
      this.life.add({ eventId, author: this.#author(event), timestamp: event.timestamp, edit });
    }
    this.#changed();
    return true;
  }

  async #textAt(eventId: number): Promise<string | undefined> {
    const response = await fetch(`${this.#address}/state?at=${eventId}`);
    const { state } = (await response.json()) as { state?: { texts: Texts } };
    return state && textIn(state.texts, this.#doc);
  }
}
