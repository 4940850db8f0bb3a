import { EventSourceParserStream } from "eventsource-parser/stream";
import { call, pathOf, request } from "./calls.ts";
import { previewOf } from "./json.ts";
import type { EventSummary, Filter, LoggedEvent } from "./messages.ts";

/** Events of one page: how they are asked for, kept and forgotten. */
const pageEvents = 500;
/** Pages in memory: 50,000 events. The server bounds a page to about a mebibyte, so this is bounded, too. */
const pagesMax = 100;
/** How many event ids a filter finds before it stops. */
export const foundMax = 10_000;
/** The pause before the log is followed again after its stream has ended. */
const retryMs = 2_000;

interface Page {
  events: LoggedEvent[];
  hasMore: boolean;
  currentEventIndex: number;
}

/** What the log reports. */
export interface LogNews {
  head(head: number, live: boolean): void;
}

/** The log of one partition: pages of it in memory, and its growth. */
export class EventLog {
  readonly #partition: string;
  readonly #news: LogNews;
  /** By their number: page 0 has the events 1 to 500. The last used ones are at the end. */
  readonly #pages = new Map<number, Promise<LoggedEvent[]>>();
  readonly #closed = new AbortController();
  #head = 0;

  constructor(partition: string, news: LogNews) {
    this.#partition = partition;
    this.#news = news;
  }

  get head(): number {
    return this.#head;
  }

  close(): void {
    this.#closed.abort();
  }

  /** Reads where the log ends, and follows it from there on. @throws CallFailed */
  async open(): Promise<number> {
    const { currentEventIndex } = await this.#read(0, 1);
    this.#head = currentEventIndex;
    void this.#follow();
    return this.#head;
  }

  /** The events `from` to `to`, as far as there are. @throws CallFailed */
  async range(from: number, to: number): Promise<LoggedEvent[]> {
    const last = Math.min(to, this.#head);
    if (last < from) return [];
    const numbers = [];
    for (let page = pageOf(from); page <= pageOf(last); page++) numbers.push(page);
    const pages = await Promise.all(numbers.map((page) => this.#page(page)));
    return pages.flat().filter(({ eventId }) => eventId >= from && eventId <= last);
  }

  /** @throws CallFailed */
  async event(eventId: number): Promise<LoggedEvent | undefined> {
    return (await this.range(eventId, eventId))[0];
  }

  /**
   * Looks for events that a filter lets through, from the newest to the oldest; at most `foundMax`. `report`: called
   * for each page with what is in it. Ends when `isCurrent` says so.
   */
  async search(filter: Filter, isCurrent: () => boolean, report: (ids: number[], scanned: number) => void) {
    let count = 0;
    for (let page = pageOf(this.#head); page >= 0 && this.#head > 0; page--) {
      const events = await this.#page(page);
      if (!isCurrent()) return;
      const ids = events.filter((event) => passes(filter, event)).map(({ eventId }) => eventId);
      count += ids.length;
      report(ids.toReversed(), page * pageEvents + 1);
      if (count >= foundMax) return;
    }
  }

  #page(number: number): Promise<LoggedEvent[]> {
    const known = this.#pages.get(number);
    if (known) {
      this.#pages.delete(number);
      this.#pages.set(number, known);
      return known;
    }
    const loaded = this.#load(number);
    this.#pages.set(number, loaded);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= pagesMax) break;
      this.#pages.delete(oldest);
    }
    // What failed, and the last page, which grows, are asked for again.
    const forget = () => this.#pages.get(number) === loaded && this.#pages.delete(number);
    loaded.then((events) => events.length < pageEvents && forget(), forget);
    return loaded;
  }

  async #load(number: number): Promise<LoggedEvent[]> {
    const events: LoggedEvent[] = [];
    const first = number * pageEvents;
    // A page of large events has fewer than were asked for.
    while (events.length < pageEvents) {
      const page = await this.#read(first + events.length, pageEvents - events.length);
      // An atomic batch is never cut: what is too much belongs to the next page.
      events.push(...page.events.slice(0, pageEvents - events.length));
      if (!page.hasMore || page.events.length === 0) break;
    }
    return events;
  }

  async #read(since: number, limit: number): Promise<Page> {
    const query = `since=${since}&limit=${limit}&authors=true&correlations=true&annotations=true`;
    return await call<Page>(pathOf(this.#partition, `events?${query}`), { signal: this.#closed.signal });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        const { body } = await request(pathOf(this.#partition, `events/stream?since=${this.#head}`), { signal });
        this.#news.head(this.#head, true);
        const reader = body!
          .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>)
          .pipeThrough(new EventSourceParserStream())
          .getReader();
        for (let read = await reader.read(); !read.done; read = await reader.read()) {
          const eventId = Number(read.value.id);
          if (!Number.isSafeInteger(eventId) || eventId <= this.#head) continue;
          this.#pages.delete(pageOf(eventId));
          this.#head = eventId;
          this.#news.head(eventId, true);
        }
      } catch {
        // The partition is away, or has no stream left: asked again.
      }
      if (signal.aborted) return;
      this.#news.head(this.#head, false);
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

const pageOf = (eventId: number): number => Math.floor((eventId - 1) / pageEvents);

/** Whether a filter lets an event through. */
export function passes({ type, author, text }: Filter, { event }: LoggedEvent): boolean {
  if (type !== "" && !event.type.includes(type)) return false;
  if (author !== "" && !authorOf(event).includes(author)) return false;
  return text === "" || JSON.stringify(event.payload).toLowerCase().includes(text.toLowerCase());
}

/** Who did it: the author where the model shows it, else the client. */
function authorOf({ author, userId, clientId }: LoggedEvent["event"]): string {
  return author ?? userId ?? clientId;
}

export function summaryOf({ eventId, event }: LoggedEvent): EventSummary {
  return {
    eventId,
    type: event.type,
    author: authorOf(event),
    timestamp: event.timestamp,
    preview: previewOf(event.payload),
  };
}
