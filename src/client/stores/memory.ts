import type { Kept } from "./memory-queue.ts";
import { type OpenStore, StoreError } from "./store.ts";

/**
 * Keeps drafts while the program runs. Each call of this function makes one storage. Opened again on the
 * same scope, it has the same entries, so that a test can simulate a reload.
 */
export function memoryStore(): OpenStore {
  const kept = new Map<string, Kept>();
  const open: OpenStore = async (scope) => {
    // The file that has the code for all stores, so that it is loaded once.
    const { failWith, openMemory } = await import("./resilient.ts");
    failWith(StoreError);
    return openMemory(kept, scope);
  };
  open.scopes = async () => (await import("./resilient.ts")).scopesIn(kept);
  return open;
}
