import type { QueueStore } from "./store.ts";

const nothing = async (): Promise<never> => undefined as never;

/** For a client that cannot load the code of the stores: it keeps nothing, and the client has its entries in memory. */
export const unkept: QueueStore = {
  durable: false,
  load: async () => ({ entries: [], base: undefined }),
  identify: async (fresh) => fresh,
  append: nothing,
  update: nothing,
  remove: nothing,
  saveBase: nothing,
  delete: nothing,
  close: nothing,
};
