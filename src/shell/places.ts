import type { Session } from "../core/index.ts";
import type { Revocation } from "../platform/rpc.ts";
import type { Author } from "../protocol/index.ts";

/** Tokens that are remembered of a connection besides the one in force: each renewal brings one, which its window may refuse. */
const pendingTokensMax = 2;

/**
 * Counts the connections of a partition: all of them, those of each principal, and those that have not
 * sent a token yet. A count costs the same however many connections there are.
 *
 * A connection whose token was verified has its place at once: its `connect` is decided later, and may be refused.
 */
export class Places {
  /** The authors whose tokens each connection has sent, the newest last. */
  readonly #authors = new Map<Session, readonly Author[]>();
  readonly #unauthenticated = new Set<Session>();
  readonly #byPrincipal = new Index();
  readonly #byToken = new Index();

  /** All connections. */
  get total(): number {
    return this.#authors.size;
  }

  /** Connections that have not sent their token yet. */
  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /** How many connections this principal has, not counting `except`. */
  of(principal: string, except?: Session): number {
    const own = this.#byPrincipal.get(principal);
    return own.size - (except && own.has(except) ? 1 : 0);
  }

  /** The connections that one of these revocations can concern. */
  concernedBy(revocations: readonly Revocation[]): Set<Session> {
    const found = new Set<Session>();
    for (const { kind, id } of revocations) {
      for (const session of (kind === "jti" ? this.#byToken : this.#byPrincipal).get(id)) found.add(session);
    }
    return found;
  }

  /** Adds a connection, under the author that is known of it. */
  add(session: Session): void {
    const { author, awaitsToken } = session.state;
    this.#authors.set(session, []);
    if (author) this.authenticated(session, author);
    else if (awaitsToken) this.#unauthenticated.add(session);
  }

  /** Counts a connection under the author of a token that it has sent, its first one or a later one. */
  authenticated(session: Session, author: Author): void {
    const known = this.#authors.get(session);
    if (!known) return;
    this.#unauthenticated.delete(session);
    const recent = new Set(known.slice(-pendingTokensMax));
    const authors = known.filter((earlier) => earlier === session.state.author || recent.has(earlier));
    this.#replace(session, known, [...authors, author]);
  }

  remove(session: Session): void {
    const known = this.#authors.get(session);
    if (!known) return;
    this.#replace(session, known, []);
    this.#authors.delete(session);
    this.#unauthenticated.delete(session);
  }

  #replace(session: Session, before: readonly Author[], after: readonly Author[]): void {
    for (const author of before) {
      this.#byPrincipal.remove(author.principal, session);
      this.#byToken.remove(author.tokenId, session);
    }
    for (const author of after) {
      this.#byPrincipal.add(author.principal, session);
      this.#byToken.add(author.tokenId, session);
    }
    this.#authors.set(session, after);
  }
}

const none: ReadonlySet<Session> = new Set();

/** Connections by a text. */
class Index {
  readonly #sets = new Map<string, Set<Session>>();

  get(key: string): ReadonlySet<Session> {
    return this.#sets.get(key) ?? none;
  }

  add(key: string | undefined, session: Session): void {
    if (key === undefined) return;
    const set = this.#sets.get(key);
    if (set) set.add(session);
    else this.#sets.set(key, new Set([session]));
  }

  remove(key: string | undefined, session: Session): void {
    if (key === undefined) return;
    const set = this.#sets.get(key);
    set?.delete(session);
    if (set?.size === 0) this.#sets.delete(key);
  }
}
