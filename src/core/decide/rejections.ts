import { accountOf, type Author, bounds, type Failure, systemKinds, utf8Length } from "../../protocol/index.ts";
import type { RejectionTotals, StorageReads, StorageWrites } from "../../storage/port.ts";

const retryAfter = 3_600;
/** Rejections of the server itself that are deleted together where there is no room: to find the oldest reads all of them. */
const forgottenMax = 100;

/** What has a quota of its own: the rejections of users, and those of the server itself. */
interface Quota {
  /** Of one account, see `accountOf`, and in all. */
  readonly own: RejectionTotals;
  readonly all: RejectionTotals;
}

const userQuota: Quota = {
  own: { count: bounds.rejectionsPerPrincipalMax, bytes: bounds.rejectionBytesPerPrincipalMax },
  all: { count: bounds.rejectionsMax, bytes: bounds.rejectionBytesMax },
};
const systemQuota: Quota = {
  own: { count: bounds.systemRejectionsPerSenderMax, bytes: bounds.systemRejectionBytesPerSenderMax },
  all: { count: bounds.systemRejectionsMax, bytes: bounds.systemRejectionBytesMax },
};
/** The accounts of the server itself, and what those of partitions begin with. */
const systemAccounts = systemKinds.map((kind) => `${kind}:`);

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

  /** Why there is no room for another rejection of this author, or undefined. For the server itself there always is, see `makeRoom`. */
  full(reads: StorageReads, author: Author): Failure | undefined {
    if (author.system) return undefined;
    if (isFull(this.#of(reads, author), userQuota.own)) return tooMany("rejections of yours", userQuota.own);
    return isFull(this.all(reads), userQuota.all) ? tooMany("rejections", userQuota.all) : undefined;
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
   * Deletes the oldest rejections of the server itself where there is no room for another one: neither a timer nor the
   * effects of a partition must wait for room. Nobody asks for the verdict of a timer again; and who sends effects asks
   * for those that were sent last, of which many fewer are under way than are kept.
   */
  makeRoom(reads: StorageReads, writes: StorageWrites, author: Author): void {
    if (!author.system) return;
    while (isFull(this.#of(reads, author), systemQuota.own)) this.#forget(writes, [accountOf(author)]);
    while (isFull(this.#ofSystem(reads), systemQuota.all)) this.#forget(writes, systemAccounts);
  }

  #forget(writes: StorageWrites, accounts: readonly string[]): void {
    writes.rejections.forgetOldest(accounts, forgottenMax);
    this.#accounts.clear();
    this.#system = undefined;
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
    return (this.#system ??= systemAccounts
      .map((account) => reads.rejections.totalsOf(account))
      .reduce((sum, { count, bytes }) => ({ count: sum.count + count, bytes: sum.bytes + bytes })));
  }
}

function isFull({ count, bytes }: RejectionTotals, max: RejectionTotals): boolean {
  return count >= max.count || bytes >= max.bytes;
}
