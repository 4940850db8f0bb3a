import { within } from "../transport/within.ts";
import { memoryStore } from "../stores/memory.ts";
import type { OpenedStore, StoreUser } from "../stores/resilient.ts";
import { unkept } from "../stores/unkept.ts";
import { type OpenStore, StoreError } from "../stores/store.ts";

/**
 * Opens a store that does not fail, see `openResilient`. That code is a file of its own. If it is not loaded in time,
 * drafts are kept in memory, and `changed` is called with `unavailable`.
 */
export async function openStore(open: OpenStore, scope: string, user: StoreUser): Promise<OpenedStore> {
  // Both at the same time. A store may also throw.
  const opening = (async () => open(scope))();
  const code = await within(user.ports, user.timing.connectMs, import("../stores/resilient.ts"));
  code?.failWith(StoreError);
  if (code) return code.openResilient(() => opening, memoryStore(), scope, user);
  void opening.then((store) => store.close()).catch(() => {});
  user.changed("unavailable");
  return unkept;
}
