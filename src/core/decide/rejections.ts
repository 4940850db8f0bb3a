import { accountOf, type Author, bounds, type Failure, systemKinds, utf8Length } from "../../protocol/index.ts";
import type { RejectionTotals, StorageReads, StorageWrites } from "../../storage/port.ts";

const retryAfter = 3_600;
/** The account of all timers. */
const timers = "timer:";

/** What has a quota of its own: the rejections of users, and those of the server itself. */
interface Quota {
  /** Of one account, see `accountOf`, and in all. */
  readonly own: RejectionTotals;
  readonly all: RejectionTotals;
  readonly text: { readonly own: string; readonly all: string };
}

const userQuota: Quota = {
  own: { count: bounds.rejectionsPerPrincipalMax, bytes: bounds.rejectionBytesPerPrincipalMax },
  all: { count: bounds.rejectionsMax, bytes: bounds.rejectionBytesMax },
  text: { own: "rejections of yours", all: "rejections" },
};
const systemQuota: Quota = {
  own: { count: bounds.systemRejectionsPerSenderMax, bytes: bounds.systemRejectionBytesPerSenderMax },
  all: { count: bounds.systemRejectionsMax, bytes: bounds.systemRejectionBytesMax },
  text: { own: "rejections of this sender", all: "rejections of the server itself" },
};

/** What is answered instead of a rejection that there is no room for. It is no verdict: nothing is stored. */
function tooMany(what: string, { count, bytes }: RejectionTotals): Failure {
  return {
    code: "rate_limited",
    detail: `As many ${what} are remembered here as can be (${count}, or ${bytes} bytes): what would be rejected is not decided until some are forgotten.`,
    retryAfter,
  };
}

/** How many rejections are stored and how large they are, of each account and in all; read from the storage where it matters. */
export class RejectionCounts {
  readonly #accounts = new Map<string, RejectionTotals>();
  #users: RejectionTotals | undefined;
  #system: RejectionTotals | undefined;

  /** Why there is no room for another rejection of this author, or undefined. For timers there always is, see `makeRoom`. */
  full(reads: StorageReads, author: Author): Failure | undefined {
    if (accountOf(author) === timers) return undefined;
    const quota = author.system ? systemQuota : userQuota;
    if (isFull(this.#of(reads, author), quota.own)) return tooMany(quota.text.own, quota.own);
    const all = author.system ? this.#ofSystem(reads) : this.all(reads);
    return isFull(all, quota.all) ? tooMany(quota.text.all, quota.all) : undefined;
  }

  /** All that are stored of users. */
  all(reads: StorageReads): Readonly<RejectionTotals> {
    if (!this.#users) {
      const { count, bytes } = reads.rejections.totals();
      const system = this.#ofSystem(reads);
      this.#users = { count: count - system.count, bytes: bytes - system.bytes };
    }
    return this.#users;
  }

  /** The same, if that is known already. */
  get known(): Readonly<RejectionTotals> | undefined {
    return this.#users;
  }

  /**
   * Deletes the oldest rejections of timers where there is no room for another one: a timer must not wait for room, and
   * nobody asks for its verdict again.
   */
  makeRoom(reads: StorageReads, writes: StorageWrites, author: Author): void {
    if (accountOf(author) !== timers) return;
    for (let own; isFull((own = this.#of(reads, author)), systemQuota.own);) {
      const bytes = writes.rejections.forgetOldest(timers);
      for (const totals of [own, this.#system]) {
        if (!totals) continue;
        totals.count--;
        totals.bytes -= bytes;
      }
    }
  }

  /** Counts one that was stored, whose room was asked for before. `problem`: its text. */
  add(author: Author, problem: string): void {
    const bytes = utf8Length(problem);
    for (const totals of [this.#accounts.get(accountOf(author)), author.system ? this.#system : this.#users]) {
      if (!totals) continue;
      totals.count++;
      totals.bytes += bytes;
    }
  }

  /** Forgets the counts: rejections were deleted. */
  clear(): void {
    this.#accounts.clear();
    this.#users = undefined;
    this.#system = undefined;
  }

  #of(reads: StorageReads, author: Author): RejectionTotals {
    const account = accountOf(author);
    let totals = this.#accounts.get(account);
    if (!totals) {
      totals = account === author.principal ? reads.rejections.totals(account) : reads.rejections.totalsOf(account);
      this.#accounts.set(account, totals);
    }
    return totals;
  }

  #ofSystem(reads: StorageReads): RejectionTotals {
    return (this.#system ??= systemKinds
      .map((kind) => reads.rejections.totalsOf(`${kind}:`))
      .reduce((sum, { count, bytes }) => ({ count: sum.count + count, bytes: sum.bytes + bytes })));
  }
}

function isFull({ count, bytes }: RejectionTotals, max: RejectionTotals): boolean {
  return count >= max.count || bytes >= max.bytes;
}
