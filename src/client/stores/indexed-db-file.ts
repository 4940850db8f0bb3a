/**
 * The store of browsers, which is the default there.
 *
 * @module partita/client/indexeddb
 */
import { type OpenStore, type QueueStore, StoreError } from "./store.ts";

/** Which database. */
export interface IndexedDbOptions {
  /** Default: "partita-queue". All scopes and tabs of an origin share it. */
  databaseName?: string;
}

/**
 * Keeps drafts in the IndexedDB of the browser. Its code is a file of its own, which is loaded when a store is opened: most
 * programs that are no pages need none. If it cannot be loaded, opening rejects with StoreError `unavailable`.
 *
 * A browser may delete the data of an origin when the disk is full. To prevent that, call
 * `navigator.storage.persist()`.
 */
export function indexedDbStore(options: IndexedDbOptions = {}): OpenStore {
  let loading: Promise<OpenStore> | undefined;
  const load = (): Promise<OpenStore> =>
    (loading ??= import("./indexed-db.ts").then(
      ({ openIndexedDb }) => openIndexedDb(options.databaseName ?? "partita-queue", StoreError),
      (error: unknown) => {
        // The next call tries again.
        loading = undefined;
        throw new StoreError("unavailable", error);
      },
    ));
  const open: OpenStore = async (scope): Promise<QueueStore> => (await load())(scope);
  open.scopes = async () => (await load()).scopes!();
  return open;
}
