import type { Author } from "../protocol/index.ts";

/** How many tokens are remembered: those that were used last. About 200 bytes each. */
const knownTokensMax = 1_024;

/** The tokens that a partition has accepted, until they expire. They go on while the tenant cannot be reached. */
export class KnownTokens {
  /** When each expires, the one that was used last at the end. */
  readonly #expiries = new Map<string, number>();

  add(author: Author, now: number): void {
    const { expiresAt = 0 } = author;
    if (expiresAt <= now) return;
    const key = keyOf(author);
    this.#expiries.delete(key);
    this.#expiries.set(key, expiresAt);
    if (this.#expiries.size <= knownTokensMax) return;
    const [oldest] = this.#expiries.keys();
    this.#expiries.delete(oldest!);
  }

  /** Whether a token may be known that has not expired. */
  any(now: number): boolean {
    for (const expiresAt of this.#expiries.values()) if (expiresAt > now) return true;
    return false;
  }

  has(author: Author, now: number): boolean {
    return (this.#expiries.get(keyOf(author)) ?? 0) > now;
  }
}

/** What a revocation can name, and the expiry: permissions come from the token, which the edge has verified. */
function keyOf({ principal, tokenId, issuedAt, expiresAt }: Author): string {
  return JSON.stringify([principal, tokenId, issuedAt, expiresAt]);
}
