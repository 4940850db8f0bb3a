import type { QueueEntry, QueueStore } from "./store.ts";

// Not even a base is kept.
const nothing = async (): Promise<never> => false as never;

/** For a client that cannot load the code of the stores: the entries of this page, while it is open. */
export function unkept(): QueueStore {
  const entries = new Map<string, QueueEntry>();
  const put = async (entry: QueueEntry): Promise<void> => void entries.set(entry.key, entry);
  return {
    durable: false,
    load: async () => ({ entries: [...entries.values()], base: undefined }),
    identify: async (fresh) => fresh,
    append: put,
    update: put,
    remove: async (keys) => keys.forEach((key) => entries.delete(key)),
    saveBase: nothing,
    delete: nothing,
    close: nothing,
  };
}
