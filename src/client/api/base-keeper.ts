import type { AnyModel } from "../../model/index.ts";
import { StateViews } from "../../model/state-view.ts";
import type { BaseTail, QueueStore, Snapshot, StoredBase } from "../stores/store.ts";
import type { Backend, Cursor } from "../sync/backend.ts";
import type { ConfirmedEvent, Replica } from "../sync/replica.ts";
import type { Ports } from "../transport/ports.ts";
import type { Timing } from "../transport/timing.ts";
import type { ConfirmedState } from "./confirmed.ts";
import type { View } from "./view.ts";

/** What is new is stored at most this often: a reload right after the first state has it already, and each write is small. */
const saveIntervalMs = 1_000;
/** While the confirmed state may have events of undecided drafts, or another tab keeps it, it is looked at again after this. */
const retryMs = 5_000;
/**
 * The whole state is written when the tail after it is at least as long as this, in UTF-16 units, and as a half of the state:
 * so an event costs at most three times its own text, and a start folds no more than half a state.
 */
const tailUnitsMin = 64 * 1024;
const tailFraction = 0.5;
/** Events of one row of the tail: making its text takes about a millisecond. */
const rowEventsMax = 1_000;
/** Events that wait to be stored. Later ones are not kept; then the whole state is written. */
const waitingEventsMax = 20_000;
/** Events that are folded in one turn when the client starts. */
const foldedEventsMax = 1_000;
/** What a view of the state may keep of what changes while it is written, in bytes. With more, the next attempt begins again. */
const viewSavedBytesMax = 4 * 1024 * 1024;
/** After a start that was behind by at least as many events, the state is soon compared with the server's. */
const longAbsenceEvents = 1_000;
/** So soon: when what follows a start is done. Clients that begin together do not ask together. */
const afterAbsenceMs = 60_000;
const dayMs = 24 * 60 * 60 * 1_000;
/** A larger state is not compared by itself: its text takes the page more than about 10 ms. In UTF-16 units. */
const comparedUnitsMax = 1024 * 1024;

// Loaded only with a store that survives a reload. It must not import modules of the main bundle: bundlers would move those
// into a third file.
/**
 * Keeps the confirmed state for the next start: a whole state, written seldom, and the events after it. The whole state is
 * read piece by piece while the client goes on. What cannot be stored is dropped: it is only a cache.
 */
export class BaseKeeper {
  readonly #store: QueueStore;
  readonly #ports: Ports;
  readonly #model: AnyModel;
  readonly #view: Pick<View<object>, "replica" | "merging">;
  readonly #confirmed: Pick<ConfirmedState<object>, "cursor" | "disturbed">;
  readonly #backend: () => Backend | undefined;
  readonly #verifyMs: number;
  #cancelVerify: (() => void) | undefined;
  /** The end of what is stored, if it is known and its own. */
  #stored: Cursor | undefined;
  /** The confirmed events after `#stored`. */
  #waiting: ConfirmedEvent[] = [];
  /** The length of the last whole state, and of the events after it. */
  #stateUnits = 0;
  #tailUnits = Infinity;
  /** Changes when what is being written is of no use any more. */
  #term = 0;
  #writing = false;
  #closed = false;
  #cancel: (() => void) | undefined;

  constructor(
    store: QueueStore,
    ports: Ports,
    model: AnyModel,
    view: Pick<View<object>, "replica" | "merging">,
    confirmed: Pick<ConfirmedState<object>, "cursor" | "disturbed">,
    backend: () => Backend | undefined,
    timing: Timing,
  ) {
    this.#store = store;
    this.#ports = ports;
    this.#model = model;
    this.#view = view;
    this.#confirmed = confirmed;
    this.#backend = backend;
    this.#verifyMs = timing.verifyMs ?? dayMs;
  }

  /**
   * Starts `replica` with a base. Returns its end; undefined if it is of another model, or cannot be read, or a server has
   * rendered a newer state: then `replica` must not be used.
   */
  async restore(base: StoredBase, replica: Replica<object>, rendered?: Snapshot): Promise<Cursor | undefined> {
    const { name, version } = this.#model;
    if (base.modelVersion !== version || (base.model ?? name) !== name) return undefined;
    try {
      const state: unknown = JSON.parse(base.state);
      if (typeof state !== "object" || state === null || Array.isArray(state)) return undefined;
      replica.reset(state, base.eventId, []);
      if (replica.author === undefined) replica.introduce(base.author);
      const end: Cursor = { eventId: base.eventId, serverId: base.serverId, proof: base.proof };
      let tailUnits = 0;
      let folded = 0;
      for (const text of base.tail ?? []) {
        tailUnits += text.length;
        for (const event of JSON.parse(text) as ConfirmedEvent[]) {
          replica.confirm(event);
          end.eventId = event.eventId;
          end.proof = event.proof;
          if (++folded % foldedEventsMax === 0) await this.#pause();
        }
      }
      // Of two logs, that of the server is the newer one.
      if (rendered && (rendered.serverId !== end.serverId || rendered.eventId > end.eventId)) {
        // A pseudonym is of its log. What is queued is shown with it before the server says it.
        if (rendered.serverId === end.serverId && this.#view.replica.author === undefined)
          this.#view.replica.introduce(base.author);
        return undefined;
      }
      this.#stored = end;
      this.#stateUnits = base.state.length;
      // An earlier version has saved it without the author, or without the model: it is due.
      this.#tailUnits = replica.judges && base.model ? tailUnits : Infinity;
      return end;
    } catch {
      return undefined;
    }
  }

  /** Whether this tab may store it, now. */
  get #mayKeep(): boolean {
    return this.#backend()?.keepsBase !== false;
  }

  /** From now on each change is reported to it. */
  begin(): void {
    const { eventId, serverId } = this.#confirmed.cursor;
    // Events that came before are not in `#waiting`.
    if (eventId !== this.#stored?.eventId) this.#stored = undefined;
    this.#verifyIn(Math.min(afterAbsenceMs, this.#verifyMs), this.#stored ? eventId + longAbsenceEvents : Infinity);
    if (serverId !== undefined && this.#tailUnits === Infinity) this.#soon(saveIntervalMs);
  }

  /** These events were confirmed. */
  confirmed(events: readonly ConfirmedEvent[]): void {
    this.#waiting.push(...events);
    if (this.#waiting.length > waitingEventsMax) {
      this.#waiting = [];
      this.#replace();
    }
    this.#soon(saveIntervalMs);
  }

  /** The confirmed state was replaced. */
  replaced(): void {
    this.#waiting = [];
    this.#replace();
    this.#soon(saveIntervalMs);
  }

  close(): void {
    this.#closed = true;
    this.#term++;
    this.#cancel?.();
    this.#cancelVerify?.();
  }

  /**
   * Compares the state with the server's, about `ms` from now if event `from` is there then, and then about each
   * `#verifyMs`. The leading tab does that for the others.
   */
  #verifyIn(ms: number, from: number): void {
    if (!this.#verifyMs) return;
    this.#cancelVerify = this.#ports.after(ms * (0.5 + this.#ports.random()), async () => {
      this.#verifyIn(this.#verifyMs, 0);
      const isDue = this.#confirmed.cursor.eventId >= from && this.#stateUnits <= comparedUnitsMax;
      if (isDue && this.#mayKeep) await this.#backend()?.verify();
    });
  }

  /** What is stored is continued no more: the whole state is due. */
  #replace(): void {
    this.#term++;
    this.#stored = undefined;
    this.#tailUnits = Infinity;
  }

  #soon(ms: number): void {
    if (this.#cancel || this.#writing || this.#closed) return;
    this.#cancel = this.#ports.after(ms, () => {
      this.#cancel = undefined;
      void this.#save();
    });
  }

  async #save(): Promise<void> {
    const { onlyDecided, judges } = this.#view.replica;
    // With events of an undecided draft in it, the draft would be shown twice after a reload.
    const { serverId } = this.#confirmed.cursor;
    // The next start maps drafts of other tabs over the events since they were made: a whole state would replace these.
    const needsTail = this.#stored && this.#isDue() && this.#view.merging?.needsPast;
    if (serverId === undefined || !onlyDecided || !judges || !this.#mayKeep || needsTail) {
      // What another tab stores is continued here only after the next whole state.
      if (!this.#mayKeep) this.#forget();
      this.#soon(retryMs);
      return;
    }
    this.#writing = true;
    const term = this.#term;
    const isCurrent = () => term === this.#term;
    await (this.#isDue() ? this.#saveState(isCurrent) : this.#extend(isCurrent));
    this.#writing = false;
    if (this.#waiting.length > 0 || this.#tailUnits === Infinity) this.#soon(saveIntervalMs);
  }

  #isDue(): boolean {
    return this.#tailUnits > Math.max(this.#stateUnits * tailFraction, this.#store.extendBase ? tailUnitsMin : 0);
  }

  #forget(): void {
    this.#waiting = [];
    this.#stored = undefined;
  }

  /** Adds the waiting events to what is stored. `isCurrent`: whether that is still of use. */
  async #extend(isCurrent: () => boolean): Promise<void> {
    const store = this.#store;
    const { replica } = this.#view;
    while (this.#waiting.length > 0 && isCurrent() && replica.onlyDecided && !this.#isDue()) {
      const added = this.#waiting.splice(0, rowEventsMax);
      const { eventId, proof } = added.at(-1)!;
      const events = JSON.stringify(added);
      this.#tailUnits += events.length;
      if (!this.#stored || !store.extendBase) continue;
      const end: Cursor = { ...this.#stored, eventId, proof };
      const tail: BaseTail = {
        serverId: end.serverId!,
        after: this.#stored.eventId,
        afterProof: this.#stored.proof,
        eventId,
        proof,
        events,
      };
      const extended = await store.extendBase(tail).catch(() => false);
      if (!isCurrent()) return;
      // False: another tab has written the base since. It keeps it; this one writes it again when that is due.
      this.#stored = extended ? end : undefined;
    }
  }

  async #saveState(isCurrent: () => boolean): Promise<void> {
    const { name: model, version: modelVersion } = this.#model;
    const { author } = this.#view.replica;
    const { eventId, serverId, proof } = this.#confirmed.cursor;
    this.#waiting = [];
    this.#tailUnits = 0;
    this.#stored = undefined;
    this.#view.merging?.keep();
    const state = await this.#text(isCurrent);
    if (!isCurrent()) return;
    if (state === undefined) {
      // Too much has changed meanwhile.
      this.#tailUnits = Infinity;
      return;
    }
    this.#stateUnits = state.length;
    const saved = await this.#store
      .saveBase({ serverId: serverId!, eventId, proof, model, modelVersion, author, state })
      .catch(() => false);
    if (isCurrent() && saved) this.#stored = { eventId, serverId, proof };
  }

  /** The confirmed state as JSON text, made in many turns; undefined: it has changed too much meanwhile. */
  async #text(isCurrent: () => boolean): Promise<string | undefined> {
    const state = this.#view.replica.confirmed();
    let views!: StateViews;
    state.follow((root) => {
      views = new StateViews(root, () => undefined, { viewSavedBytesMax, viewsSavedBytesMax: viewSavedBytesMax });
      return views;
    });
    const view = views.open(() => {});
    this.#confirmed.disturbed();
    const pieces: string[] = [];
    try {
      for (let piece = view.next(); piece !== undefined; piece = view.next()) {
        pieces.push(piece);
        if (view.done) break;
        await this.#pause();
        if (!isCurrent()) return undefined;
      }
      return pieces.join("");
    } catch {
      return undefined;
    } finally {
      view.close();
      state.follow(() => undefined);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#ports.after(0, resolve));
  }
}
