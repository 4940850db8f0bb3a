import type { Ports } from "../transport/ports.ts";
import { within } from "../transport/within.ts";
import { memoryStore } from "../stores/memory.ts";
import { unkept } from "../stores/unkept.ts";
import { type OpenStore, type QueueStore, StoreError, type StoreFailure } from "../stores/store.ts";

/**
 * Opens a store that does not fail, see `openResilient`. That code is a file of its own. If it is not loaded within
 * `ms`, drafts are kept in memory, and `onDegraded` is called with `unavailable`.
 */
export async function openStore(
  open: OpenStore,
  scope: string,
  ports: Pick<Ports, "after">,
  ms: number,
  onDegraded: (reason: StoreFailure) => void,
): Promise<QueueStore> {
  // Both at the same time. A store may also throw.
  const opening = (async () => open(scope))();
  const code = await within(ports, ms, import("../stores/resilient.ts"));
  code?.failWith(StoreError);
  if (code) return code.openResilient(() => opening, memoryStore(), scope, onDegraded);
  void opening.then((store) => store.close()).catch(() => {});
  onDegraded("unavailable");
  return unkept();
}
