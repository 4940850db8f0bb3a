import type { AdminAction, NotedAction } from "../platform/actions-api.ts";
import { utf8Length } from "../protocol/index.ts";
import type { TenantStorage } from "../storage/tenant/storage.ts";

/** The newest ones are kept, an estimated 300 bytes each. Each is a line of the log, too, which is for longer. */
export const actionsKeptMax = 50_000;
/** More of the details of one, as JSON text in bytes, is left out. */
export const actionDetailsBytesMax = 16 * 1024;
/** One page, as JSON text in bytes; one entry is always in it. */
export const actionsPageBytesMax = 256 * 1024;
/** A request that comes again comes soon. */
const repeatedAmong = 16;

/** The list of what the administrators of a tenant have done: entries are only added, and the oldest are deleted. Synchronous. */
export class AdminActions {
  readonly #storage: TenantStorage;

  constructor(storage: TenantStorage) {
    this.#storage = storage;
  }

  /** Notes what is about to be done. Returns false where it was noted before under this id. */
  note(id: string, action: AdminAction, now: number): boolean {
    const { actions } = this.#storage;
    if (actions.has(id, repeatedAmong)) return false;
    const seq = actions.lastSeq() + 1;
    this.#storage.transaction(now, (writes) => {
      writes.actions.add(seq, id, now, shortened(action));
      if (seq > actionsKeptMax) writes.actions.removeUpTo(seq - actionsKeptMax);
    });
    return true;
  }

  /** Those before the number `before`, the latest first: fewer than `limit` where they are large. */
  before(before: number, limit: number): NotedAction[] {
    const page: NotedAction[] = [];
    let bytes = 0;
    for (const action of this.#storage.actions.before(before, limit)) {
      bytes += utf8Length(JSON.stringify(action));
      if (page.length > 0 && bytes > actionsPageBytesMax) break;
      page.push(action);
    }
    return page;
  }
}

function shortened(action: AdminAction): AdminAction {
  const bytes = utf8Length(JSON.stringify(action.details ?? {}));
  return bytes <= actionDetailsBytesMax ? action : { ...action, details: { leftOutBytes: bytes } };
}
