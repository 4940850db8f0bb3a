import type { ChangeSet } from "@codemirror/state";
import type { Client, ClientEvents } from "../client/index.ts";
import { changesOf, type TextEdit } from "../models/text/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { movedOver, sameSelection } from "./selection.ts";
import type { Cursor, Selection, TextSource } from "./source.ts";

/**
 * How many parts the changes have together that are remembered, to find where a cursor is now whose client did not know
 * them: about 600 letters. A cursor that is stated for an older text is not shown. Each presence that comes may state one for
 * the oldest text: so 16 hostile ones, 20 times a second, cost about a millisecond each time.
 */
const recentPartsMax = 2_000;

/** A selection as it is shown to others: in the confirmed text of `doc` after the event `eventId`. */
interface Shown extends Selection {
  readonly doc: string;
  readonly eventId: number;
}

/** A selection that is moved by what has come since it was shown. */
interface Tracked {
  readonly shown: Shown;
  readonly clientId: string;
  /** In the confirmed text. Undefined: it is not known any more. */
  place: Selection | undefined;
  /** The last event that `place` was moved by. */
  upTo: number;
}

/** A change of the document in the log. */
interface Change {
  readonly eventId: number;
  readonly clientId: string;
  readonly changes: ChangeSet;
  readonly parts: number;
}

/** What places need of their document: the length is that of the view. */
type Document = Pick<TextSource, "length"> & { readonly doc: string };

interface PlacesOptions {
  /** The type of event that changes it. */
  readonly type: string;
  /** What the own presence has beside the selection. */
  readonly more: JsonObject;
  /** The cursors of others have changed. */
  changed(): void;
}

/** Of each client the document whose selection its presence is: the one that was selected in last. */
const holders = new WeakMap<Client<any, any, any>, Places>();

/**
 * Where the cursors of all are. A cursor travels as a place in the confirmed text after an event, because nobody else knows
 * what its client has typed on; everybody moves it by the events that come, and then by the own pending drafts. As its
 * client does the same, it sends its cursor again only where the others would be wrong: not while it types.
 */
export class Places {
  readonly #client: Client<any, any, any>;
  readonly #document: Document;
  readonly #options: PlacesOptions;
  readonly #stops: (() => void)[];
  /** The changes since the event `forgotten`. */
  #recent: Change[] = [];
  #recentParts = 0;
  #forgotten: number;
  /** The last event that is known. */
  #upTo: number;
  #peers: Client<any, any>["peers"] = [];
  #tracked = new Map<string, Tracked>();
  /** The own selection in the view, and as others have it. */
  #selection: Selection | undefined;
  #own: Tracked | undefined;

  constructor(client: Client<any, any, any>, document: Document, options: PlacesOptions) {
    this.#client = client;
    this.#document = document;
    this.#options = options;
    this.#upTo = this.#forgotten = client.eventId;
    this.#stops = [
      client.on("confirmed", (confirmed) => this.#take(confirmed)),
      // After the view and the editor have followed.
      client.subscribe(() => this.#followed()),
    ];
    this.#readPeers();
    // Others see that somebody has come, and show where they are.
    if (!holders.has(client)) this.#show(true);
  }

  /** Where the others are in the view. */
  get cursors(): Cursor[] {
    const pending = this.#pending();
    const confirmedLength = pending[0]?.length ?? this.#document.length;
    const cursors: Cursor[] = [];
    for (const { peerId, state } of this.#peers) {
      const { place, shown } = this.#tracked.get(peerId) ?? {};
      // It may be in a text that has not come yet.
      if (!place || shown!.eventId > this.#upTo || Math.max(place.anchor, place.head) > confirmedLength) continue;
      const { text: _, ...more } = state;
      const shownAt = pending.reduce<Selection | undefined>((at, changes) => at && movedOver(at, changes, -1), place);
      if (shownAt) cursors.push({ peerId, more, ...shownAt });
    }
    return cursors;
  }

  /** The own selection in the view. */
  select(selection: Selection | undefined): void {
    this.#selection = selection;
    if (selection || this.#holds) this.#show();
  }

  /** The view has changed, by this client or another one. */
  viewChanged(changes: ChangeSet, side: -1 | 1): void {
    this.#selection &&= movedOver(this.#selection, changes, side);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    if (holders.get(this.#client) !== this) return;
    holders.delete(this.#client);
    this.#client.setPresence(null);
  }

  #take({ events }: ClientEvents["confirmed"]): void {
    const [first] = events;
    if (!first) return;
    if (first.eventId !== this.#upTo + 1) this.#restart(first.eventId - 1);
    const { type } = this.#options;
    const { doc } = this.#document;
    for (const { eventId, event } of events) {
      this.#upTo = eventId;
      const edit = event.payload as unknown as TextEdit;
      if (event.type !== type || edit.doc !== doc) continue;
      const parts = edit.changes.length;
      this.#recent.push({ eventId, clientId: event.clientId, changes: changesOf(edit), parts });
      this.#recentParts += parts;
    }
    for (const tracked of [...this.#tracked.values(), this.#own]) if (tracked) this.#move(tracked);
    while (this.#recentParts > recentPartsMax) {
      const { eventId, parts } = this.#recent.shift()!;
      this.#recentParts -= parts;
      this.#forgotten = eventId;
    }
  }

  #followed(): void {
    const client = this.#client;
    // A state that was replaced, by unknown events.
    if (client.eventId !== this.#upTo) this.#restart(client.eventId);
    const known = new Set(this.#peers.map(({ peerId }) => peerId));
    if (client.peers !== this.#peers) this.#readPeers();
    const changed = this.#recent.at(-1)?.eventId ?? 0;
    // A peer that has come does not know what was changed before.
    const isNews =
      this.#own && changed > this.#own.shown.eventId && this.#peers.some(({ peerId }) => !known.has(peerId));
    if (this.#holds) this.#show(isNews);
    if (known.size + this.#peers.length > 0) this.#options.changed();
  }

  #restart(eventId: number): void {
    this.#recent = [];
    this.#recentParts = 0;
    this.#upTo = this.#forgotten = eventId;
    this.#own = undefined;
    this.#tracked.clear();
    this.#readPeers();
  }

  #readPeers(): void {
    this.#peers = this.#client.peers;
    const before = this.#tracked;
    this.#tracked = new Map();
    for (const { peerId, clientId, state } of this.#peers) {
      const shown = shownIn(state);
      if (shown?.doc !== this.#document.doc) continue;
      const known = before.get(peerId);
      const isSame = known && known.shown.eventId === shown.eventId && sameSelection(known.shown, shown);
      const tracked = isSame ? known : this.#newTracked(shown, clientId);
      this.#tracked.set(peerId, tracked);
      this.#move(tracked);
    }
  }

  #newTracked(shown: Shown, clientId: string): Tracked {
    const { eventId, anchor, head } = shown;
    return { shown, clientId, place: eventId < this.#forgotten ? undefined : { anchor, head }, upTo: eventId };
  }

  #move(tracked: Tracked): void {
    let from = this.#recent.length;
    while (from > 0 && this.#recent[from - 1]!.eventId > tracked.upTo) from--;
    for (const { clientId, changes } of this.#recent.slice(from)) {
      if (!tracked.place) break;
      // Who has typed it is behind it. Where the model hides its authors, nobody is known.
      const isOwn = clientId !== "" && clientId === tracked.clientId;
      tracked.place = movedOver(tracked.place, changes, isOwn ? 1 : -1);
    }
    tracked.upTo = Math.max(tracked.upTo, this.#upTo);
  }

  /** Whether the presence of the client is for this document, or for none. */
  get #holds(): boolean {
    return (holders.get(this.#client) ?? this) === this;
  }

  /** Sends the own selection, if others do not find it by themselves. */
  #show(isNews = false): void {
    const client = this.#client;
    const { doc } = this.#document;
    const place = this.#selection && this.#confirmed(this.#selection);
    if (!isNews && holders.get(client) === this && sameSelection(place, this.#own?.place)) return;
    const shown = place && { doc, eventId: this.#upTo, ...place };
    this.#own = shown && this.#newTracked(shown, client.clientId);
    holders.set(client, this);
    client.setPresence({ ...this.#options.more, ...(shown && { text: shown }) });
  }

  /** A selection of the view in the confirmed text. */
  #confirmed(selection: Selection): Selection | undefined {
    if (Math.max(selection.anchor, selection.head) > this.#document.length) return undefined;
    return this.#pending().reduceRight<Selection | undefined>(
      (at, changes) => at && movedOver(at, changes.invertedDesc, -1),
      selection,
    );
  }

  /** The own changes that are not confirmed, each of the text after those before it. */
  #pending(): ChangeSet[] {
    const { doc } = this.#document;
    const pending = this.#client.merging?.pendingOf(this.#options.type, { doc }) ?? [];
    return pending.map(({ payload }) => changesOf(payload as unknown as TextEdit));
  }
}

/** What another client shows: it may be anything. */
function shownIn({ text }: JsonObject): Shown | undefined {
  const { doc, eventId, anchor, head } = (text ?? {}) as Partial<Shown>;
  if (typeof doc !== "string") return undefined;
  if (![eventId, anchor, head].every((number) => Number.isSafeInteger(number) && number! >= 0)) return undefined;
  return { doc, eventId: eventId!, anchor: anchor!, head: head! };
}
