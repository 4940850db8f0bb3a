import type { OpenStore, QueueEntry, QueueStore } from "../stores/store.ts";
import type { ConfirmDeletion, Unsent } from "./signed-out.ts";

/** How to find what is deleted. */
interface SignOutParts {
  store: OpenStore;
  /** The partition of a scope of this user; undefined: it is of another one. */
  partitionOf(scope: string): string | undefined;
  /** Tells the clients of this user. */
  announce(): void;
  confirm: ConfirmDeletion | undefined;
}

/** What a client deletes, see `Client.signOut`. */
interface ClientParts {
  store: QueueStore;
  /** What it has in memory. */
  client: { readonly pending: readonly QueueEntry<any>[]; readonly parked: readonly QueueEntry<any>[] };
  partition: string;
  confirm: ConfirmDeletion | undefined;
}

/** Whether the data of a client may be deleted. `confirm` is called again if there is something new after it. */
export async function mayDelete({ store, client, partition, confirm }: ClientParts): Promise<boolean> {
  const stored = undecided((await store.load()).entries);
  const told = new Set<string>();
  for (;;) {
    const known = new Set(stored.map(({ key }) => key));
    // What was submitted meanwhile may not be stored yet, and some clients cannot store anything.
    const inMemory = [...client.parked, ...client.pending];
    const entries = [...stored, ...inMemory.filter(({ key }) => !known.has(key))];
    if (entries.every(({ key }) => told.has(key))) return true;
    if (!(await confirm?.([{ partition, entries }]))) return false;
    for (const { key } of entries) told.add(key);
  }
}

function undecided(entries: readonly QueueEntry[]): QueueEntry[] {
  return entries.filter(({ rejected }) => !rejected);
}

// It must not import modules of the main bundle: bundlers would move those into a third file.
/** Deletes the data of a user in all partitions, and closes its clients here and in other tabs. See `signOut`. */
export async function signOutEverywhere({ store, partitionOf, announce, confirm }: SignOutParts): Promise<boolean> {
  const told = new Set<string>();
  let scopes: readonly string[];
  // What is queued while the user is asked is not deleted untold.
  for (;;) {
    scopes = ((await store.scopes?.()) ?? []).filter((scope) => partitionOf(scope) !== undefined);
    const unsent: Unsent[] = [];
    for (const scope of scopes) {
      const opened = await store(scope);
      const entries = undecided((await opened.load()).entries);
      await opened.close();
      if (entries.length > 0) unsent.push({ partition: partitionOf(scope)!, entries });
    }
    const keys = unsent.flatMap(({ entries }) => entries.map(({ key }) => key));
    if (keys.every((key) => told.has(key))) break;
    if (!(await confirm?.(unsent))) return false;
    for (const key of keys) told.add(key);
  }
  announce();
  for (const scope of scopes) {
    const opened = await store(scope);
    await opened.delete("everything");
    await opened.close();
  }
  return true;
}
