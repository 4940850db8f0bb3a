import type { Author } from "../protocol/index.ts";
import type { Revocation } from "../platform/rpc.ts";

/** A set of revocations. Entries are only added or expire, so their order does not matter. */
export class Revocations {
  readonly #tokens = new Map<string, Revocation>();
  readonly #subjects = new Map<string, Revocation>();

  add(revocations: readonly Revocation[], now: number): void {
    for (const revocation of revocations) {
      const known = revocation.kind === "jti" ? this.#tokens : this.#subjects;
      const before = known.get(revocation.id);
      if (!before || before.at <= revocation.at) known.set(revocation.id, revocation);
    }
    for (const known of [this.#tokens, this.#subjects]) {
      for (const [id, { expiresAt }] of known) if (expiresAt <= now) known.delete(id);
    }
  }

  /** Whether this author's token is revoked. A token without an issue time counts as issued before every revocation. */
  covers({ principal, tokenId, issuedAt = 0 }: Pick<Author, "principal" | "tokenId" | "issuedAt">): boolean {
    if (tokenId !== undefined && this.#tokens.has(tokenId)) return true;
    const subject = this.#subjects.get(principal);
    // The time of issue may have a fraction, and the revocation covers all of its second.
    return subject !== undefined && Math.floor(issuedAt) <= subject.at;
  }
}
