import type { Problem } from "../../protocol/index.ts";
import type { QueueEntry, QueueStore } from "../stores/store.ts";
import type { StatusReport } from "../sync/status.ts";
import type { Verdict } from "../sync/verdict.ts";
import type { PendingEntry } from "./drafts.ts";
import type { Rejection } from "./events.ts";
import type { View } from "./view.ts";

/** How often a draft in conflict is submitted again. */
const conflictRetriesMax = 3;

/**
 * How many UTF-16 units of rejected entries are kept, as JSON text with their verdicts. Each counts for at least
 * `rejectedLengthMin`, so there are at most 256: more than a user looks through.
 */
const rejectedLengthMax = 512 * 1024;
const rejectedLengthMin = 2 * 1024;

/** A client that can be watched. */
interface Observed {
  readonly status: StatusReport;
  subscribe(listener: () => void): () => void;
}

/** Waits until something is true of `client`, it is closed, or `signal` aborts. */
async function until(isTrue: () => boolean, client: Observed, signal?: AbortSignal): Promise<void> {
  const stopped = () => client.status.status === "closed" || signal?.aborted === true;
  while (!isTrue() && !stopped()) {
    await new Promise<void>((resolve) => {
      const over = () => {
        stop();
        signal?.removeEventListener("abort", over);
        resolve();
      };
      const stop = client.subscribe(over);
      signal?.addEventListener("abort", over);
    });
  }
}

// It must not import modules of the main bundle: bundlers would move those into a third file.
/** See `SubmitOptions.onConflict`. */
export async function persist<S, Payload>(
  client: Observed & {
    readonly eventId: number;
    readonly state: S;
    readonly pending: readonly PendingEntry<unknown>[];
  },
  first: Verdict,
  onConflict: (state: S, conflict: Problem) => Payload | undefined,
  submit: (payload: Payload, expectedEventId: number) => Promise<Verdict>,
  { signal, replaces }: { signal?: AbortSignal; replaces?: string },
): Promise<Verdict> {
  let verdict = first;
  for (let retries = 0; retries < conflictRetriesMax; retries++) {
    if (verdict.status !== "rejected" || verdict.problem.code !== "conflict") break;
    const { problem } = verdict;
    const isThere = () => client.eventId >= Math.max(...(problem.conflictingEventIds ?? [0]));
    // A view that stands still never has it.
    await until(() => isThere() || client.status.waiting === "reload", client, signal);
    // A later draft says all that this one says, and more.
    const isReplaced = replaces !== undefined && client.pending.some((other) => other.replaces === replaces);
    const isOver = client.status.status === "closed" || isReplaced || !(isThere() || signal?.aborted);
    const payload = isOver ? undefined : onConflict(client.state, problem);
    if (payload === undefined) break;
    verdict = await submit(payload, client.eventId);
  }
  return verdict;
}

/** What an entry replaces: hidden, until it is decided whether the entry is submitted. */
export interface Replacing {
  /** The entry was rejected here: all is as before. */
  undo(): void;
  /** The entry is submitted, and not sent yet. */
  finish(): void;
}

/** See `Entries`. */
interface ReplaceableEntries {
  canReplace(key: string): boolean;
  isWithdrawn(key: string, replaced: true): Promise<boolean>;
}

/** See `Entries`. */
interface RejectedEntries {
  discard(key: string): void;
  changed(): void;
}

/** Begins to replace what `entry` replaces, as far as it was not sent: `entry` is judged without it. */
export function replacing<S extends object>(
  { replaces }: QueueEntry,
  view: View<S>,
  entries: ReplaceableEntries,
  changed: () => void,
): Replacing {
  const keys = view.replica.pending
    // What is hidden already is withdrawn by another call, which shows it again if it was sent.
    .filter(({ entry, undoing }) => !undoing && entry.replaces === replaces && entries.canReplace(entry.key))
    .map(({ entry }) => entry.key);
  const hide = (key: string, hidden: boolean) => view.replica.hide(key, hidden);
  const replace = async (key: string) => {
    // Otherwise it was sent meanwhile, by another tab.
    if (!(await entries.isWithdrawn(key, true))) hide(key, false);
    changed();
  };
  for (const key of keys) hide(key, true);
  return {
    undo: () => keys.forEach((key) => hide(key, false)),
    finish() {
      for (const key of keys) {
        void replace(key);
      }
    },
  };
}

/** Keeps what the server has rejected, until it is discarded: in the store, and in `kept`, which may be forgotten already. */
export function keepRejected(
  entry: QueueEntry,
  rejected: Rejection,
  kept: Map<string, QueueEntry>,
  entries: RejectedEntries,
  store: QueueStore | undefined,
): void {
  const all = "results" in rejected ? rejected.results : [rejected];
  const parked = all.flatMap((one) => ("problem" in one && one.problem) || [])[0]!;
  const refused = { ...entry, parked, rejected };
  kept.set(entry.key, refused);
  void store?.update(refused);
  let length = 0;
  for (const one of [...kept.values()].toReversed()) {
    length += Math.max(JSON.stringify(one).length, rejectedLengthMin);
    if (length > rejectedLengthMax) entries.discard(one.key);
  }
  entries.changed();
}

/** Waits until all entries that are pending now have left the queue, or the client is closed. Returns whether they have. */
export async function settled(
  client: Observed & { readonly pending: readonly PendingEntry<unknown>[] },
): Promise<boolean> {
  const keys = new Set(client.pending.map(({ key }) => key));
  const areGone = () => client.pending.every(({ key }) => !keys.has(key));
  await until(areGone, client);
  return areGone();
}
