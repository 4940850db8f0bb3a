import { createHash } from "node:crypto";
import { canonicalJson } from "../../protocol/canonical.ts";
import type { Json, JsonObject } from "../../protocol/index.ts";
import type { FittedEvent } from "./fit.ts";
import type { WireEvent } from "./their-wire.ts";

/** A materialized view, as their client stores take it. */
export interface TheirView {
  name: string;
  initialState?: Json | ((partition: string) => Json);
  reduce(input: { state: unknown; event: object; partition: string }): unknown;
}

/** What two logs of a project differ in. */
export interface Proof {
  events: number;
  /** Of the views, over all labels. */
  states: number;
  /** The first few differences, as texts. Empty: the logs and what they fold to are equal. */
  differences: string[];
}

/** How many differences are described. */
const differencesMax = 20;

/** The fold where the application gives no views: the number of events of each type, and a digest of all their contents. */
export function digestView(createReducer: (options: object) => TheirView["reduce"]): TheirView {
  return {
    name: "digest",
    initialState: () => ({ types: {}, digest: "" }),
    reduce: createReducer({
      fallback: ({ state, event }: { state: { types: Record<string, number>; digest: string }; event: JsonObject }) => {
        const { id, type, schemaVersion, payload } = event;
        state.types[type as string] = (state.types[type as string] ?? 0) + 1;
        const content = canonicalJson([state.digest, id, type, schemaVersion, payload] as Json);
        state.digest = createHash("sha256").update(content).digest("hex");
      },
    }),
  };
}

/**
 * Compares the events of a file with the log that a client of Insieme receives here, one by one, and what the package
 * folds of both, label by label.
 */
export class Comparison {
  readonly #views: readonly TheirView[];
  readonly #states = { theirs: new Map<string, unknown>(), ours: new Map<string, unknown>() };
  readonly #differences: string[] = [];
  #events = 0;

  constructor(views: readonly TheirView[]) {
    this.#views = views;
  }

  /** Takes the next event of each; undefined: there is none. */
  take(theirs: FittedEvent | undefined, ours: WireEvent | undefined): void {
    const place = ++this.#events;
    if (theirs) this.#fold("theirs", wireEventOf(theirs));
    if (ours) this.#fold("ours", ours);
    if (!theirs) this.#differs(`event ${place} is not in the file`);
    else if (!ours) this.#differs(`event ${place} is not in the log here`);
    else {
      const [one, other] = [contentOf(wireEventOf(theirs)), contentOf(ours)];
      if (one !== other) this.#differs(`event ${place}: the file has ${one}, the log here ${other}`);
    }
  }

  end(): Proof {
    const { theirs, ours } = this.#states;
    for (const key of new Set([...theirs.keys(), ...ours.keys()])) {
      const [one, other] = [theirs.get(key), ours.get(key)].map((state) => canonicalJson((state ?? null) as Json));
      if (one !== other) this.#differs(`the view ${key}: the file folds to ${one}, the log here to ${other}`);
    }
    const differences = this.#differences.slice(0, differencesMax);
    const more = this.#differences.length - differences.length;
    if (more > 0) differences.push(`and ${more} more`);
    return { events: this.#events, states: theirs.size, differences };
  }

  #fold(side: "theirs" | "ours", event: WireEvent): void {
    const states = this.#states[side];
    for (const view of this.#views) {
      const key = `${view.name} of ${event.partition}`;
      const { initialState } = view;
      const before = states.has(key)
        ? states.get(key)
        : typeof initialState === "function"
          ? initialState(event.partition)
          : structuredClone(initialState);
      states.set(key, view.reduce({ state: before, event, partition: event.partition }));
    }
  }

  #differs(what: string): void {
    this.#differences.push(what);
  }
}

/** The event of a file as a client of Insieme receives it. */
function wireEventOf(event: FittedEvent): WireEvent {
  const { eventId, id, label, userId, type, schemaVersion, payload, clientTs, timestamp } = event;
  return {
    committedId: eventId,
    id,
    partition: label,
    ...(userId === undefined ? {} : { userId }),
    type,
    schemaVersion,
    payload: JSON.parse(payload) as JsonObject,
    meta: { clientTs },
    serverTs: timestamp,
  };
}

/** All that must be the same. Their server keeps no other metadata. */
function contentOf(event: WireEvent): string {
  const { committedId, id, partition, userId = null, type, schemaVersion, payload, meta, serverTs } = event;
  const clientTs = meta.clientTs ?? null;
  return canonicalJson({ committedId, id, partition, userId, type, schemaVersion, payload, clientTs, serverTs });
}
