import type { Listener } from "../core/index.ts";
import type { Revocation } from "../platform/rpc.ts";
import type { Author } from "../protocol/index.ts";

/** Tokens that are indexed for a connection besides the one in force: each renewal adds one, which its window can still refuse. */
const pendingTokensMax = 2;

/**
 * Indexes and counts the connections of a partition: all of them, those of each principal, and those that have
 * not sent a token yet. The cost of a count does not depend on the number of connections.
 *
 * A connection counts for its principal once its token is verified: its `connect` is decided later, and can be refused.
 */
export class ConnectionIndex {
  /** The authors whose tokens each connection has sent, the newest last. */
  readonly #authors = new Map<Listener, readonly Author[]>();
  readonly #unauthenticated = new Set<Listener>();
  readonly #byPrincipal = new ListenerIndex();
  readonly #byToken = new ListenerIndex();

  /** All connections. */
  get total(): number {
    return this.#authors.size;
  }

  /** The connections that have not sent their token yet. */
  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /** How many connections this principal has, without `except`. */
  of(principal: string, except?: Listener): number {
    const own = this.#byPrincipal.get(principal);
    return own.size - (except && own.has(except) ? 1 : 0);
  }

  /** The connections that one of these revocations can concern. */
  concernedBy(revocations: readonly Revocation[]): Set<Listener> {
    const found = new Set<Listener>();
    for (const { kind, id } of revocations) {
      for (const listener of (kind === "jti" ? this.#byToken : this.#byPrincipal).get(id)) found.add(listener);
    }
    return found;
  }

  /** Adds a connection, under its author if that is known. */
  add(listener: Listener): void {
    const { author, awaitsToken } = listener;
    this.#authors.set(listener, []);
    if (author) this.authenticated(listener, author);
    else if (awaitsToken) this.#unauthenticated.add(listener);
  }

  /** Indexes a connection under the author of a token that it has sent, its first one or a later one. */
  authenticated(listener: Listener, author: Author): void {
    const known = this.#authors.get(listener);
    // A renewal for another principal is refused later: the connection takes no place of that one.
    if (!known || (listener.author && listener.author.principal !== author.principal)) return;
    this.#unauthenticated.delete(listener);
    const recent = new Set(known.slice(-pendingTokensMax));
    const authors = known.filter((earlier) => earlier === listener.author || recent.has(earlier));
    this.#replace(listener, known, [...authors, author]);
  }

  remove(listener: Listener): void {
    const known = this.#authors.get(listener);
    if (!known) return;
    this.#replace(listener, known, []);
    this.#authors.delete(listener);
    this.#unauthenticated.delete(listener);
  }

  #replace(listener: Listener, before: readonly Author[], after: readonly Author[]): void {
    for (const author of before) {
      this.#byPrincipal.remove(author.principal, listener);
      this.#byToken.remove(author.tokenId, listener);
    }
    for (const author of after) {
      this.#byPrincipal.add(author.principal, listener);
      this.#byToken.add(author.tokenId, listener);
    }
    this.#authors.set(listener, after);
  }
}

const none: ReadonlySet<Listener> = new Set();

/** Connections by a key. */
class ListenerIndex {
  readonly #sets = new Map<string, Set<Listener>>();

  get(key: string): ReadonlySet<Listener> {
    return this.#sets.get(key) ?? none;
  }

  add(key: string | undefined, listener: Listener): void {
    if (key === undefined) return;
    const set = this.#sets.get(key);
    if (set) set.add(listener);
    else this.#sets.set(key, new Set([listener]));
  }

  remove(key: string | undefined, listener: Listener): void {
    if (key === undefined) return;
    const set = this.#sets.get(key);
    set?.delete(listener);
    if (set?.size === 0) this.#sets.delete(key);
  }
}
