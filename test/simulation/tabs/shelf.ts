import { MemoryQueue, type Kept } from "../../../src/client/stores/memory-queue.ts";
import type { OpenStore, QueueStore } from "../../../src/client/stores/store.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Holder } from "./locks.ts";

/** What a draft that was stored was, by its key. */
export interface StoredDraft {
  readonly principal: string;
  readonly mark: string;
}

/** The storage of one browser, which its tabs share. Calls of a tab take effect late, in their order; those of a tab that has ended do not. */
export class Shelf {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #delayMsMax: number;
  readonly #scopes = new Map<string, Kept>();
  /** All drafts that were ever stored, by key. */
  readonly stored = new Map<string, StoredDraft>();

  constructor(schedule: Schedule, random: Random, delayMsMax: number) {
    this.#schedule = schedule;
    this.#random = random;
    this.#delayMsMax = delayMsMax;
  }

  /** The keys that it keeps, without those that were rejected. */
  get keys(): string[] {
    return [...this.#scopes.values()].flatMap(({ entries }) =>
      [...entries].filter(([, text]) => !text.includes('"rejected":')).map(([key]) => key),
    );
  }

  /** The store for the tab `of`, of this user. */
  open(of: Holder, principal: string): OpenStore {
    let lastAt = 0;
    const call = <T>(body: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        lastAt = Math.max(lastAt, this.#schedule.now + this.#random.between(0, this.#delayMsMax));
        this.#schedule.after(lastAt - this.#schedule.now, () => {
          if (of.isDead) return;
          body().then(
            (result) => of.run(() => resolve(result)),
            (error: Error) => of.run(() => reject(error)),
          );
        });
      });
    return async (scope) => {
      const kept = this.#scopes.get(scope) ?? { entries: new Map(), base: undefined, clientId: undefined };
      this.#scopes.set(scope, kept);
      const queue = new MemoryQueue(kept);
      return {
        durable: true,
        load: () => call(() => queue.load()),
        identify: (fresh) => call(() => queue.identify(fresh)),
        append: (entry) =>
          call(async () => {
            const mark = entry.drafts[0]!.payload["mark"] as string;
            this.stored.set(entry.key, { principal, mark });
            await queue.append(entry);
          }),
        update: (entry) => call(() => queue.update(entry)),
        remove: (keys) => call(() => queue.remove(keys)),
        removeUnsent: (key) => call(() => queue.removeUnsent(key)),
        saveBase: (base) => call(() => queue.saveBase(base)),
        delete: (what) => call(() => queue.delete(what)),
        close: () => call(() => queue.close()),
      } satisfies QueueStore;
    };
  }
}
