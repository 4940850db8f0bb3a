import type { Kept } from "./memory-queue.ts";
import { type OpenStore, StoreError } from "./store.ts";

/**
 * Keeps drafts while the program runs. Each call of this function makes one storage. Opened again on the
 * same scope, it has the same entries, so that a test can simulate a reload.
 */
export function memoryStore(): OpenStore {
  const scopes = new Map<string, Kept>();
  const open: OpenStore = async (scope) => {
    // The file that has the code for all stores, so that it is loaded once.
    const { failWith, MemoryQueue } = await import("./resilient.ts");
    failWith(StoreError);
    let kept = scopes.get(scope);
    if (!kept) scopes.set(scope, (kept = { entries: new Map(), base: undefined, clientId: undefined }));
    return new MemoryQueue(kept);
  };
  open.scopes = async () => [...scopes].filter(([, { clientId }]) => clientId !== undefined).map(([scope]) => scope);
  return open;
}
