import type { Client } from "./api/client.ts";
import type { PendingEntry } from "./api/drafts.ts";
import type { Peer } from "./sync/feed.ts";
import type { ClientStatus } from "./sync/status.ts";

type AnyClient = Pick<Client<any, any>, "initial" | "loaded">;

const states = new WeakMap<object, unknown>();

/**
 * What hooks return while a page is rendered on a server, and hydrated: the state that the client was created from,
 * always the same object, without what the device has queued. Undefined: it was created without one.
 */
export function renderedState({ initial }: AnyClient): unknown {
  if (!initial) return undefined;
  if (!states.has(initial)) states.set(initial, JSON.parse(initial.state));
  return states.get(initial);
}

const begun: Omit<ClientStatus, "loaded"> = { status: "offline", reason: "new" };
const statuses = [
  { ...begun, loaded: false },
  { ...begun, loaded: true },
] as const;

/** The status at that time, wherever it is rendered. */
export const renderedStatus = ({ loaded }: AnyClient): ClientStatus => statuses[loaded ? 1 : 0];

const nothing: readonly never[] = [];

/** Pending entries and peers at that time: none. */
export const renderedNothing = (): readonly (PendingEntry & Peer)[] => nothing;

const noUndo = { canUndo: false, canRedo: false, undoLabel: undefined, redoLabel: undefined, undoBlock: undefined };

/** Nothing was submitted on the server. */
export const renderedUndo = (): typeof noUndo => noUndo;
