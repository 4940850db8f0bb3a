import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";

/** A set is fetched again after this long; until then an unknown key is looked for at most once per `cooldownMs`. */
const freshMs = 10 * 60 * 1_000;
const cooldownMs = 30_000;
/** A source that is down is believed for so long: keys that were retired meanwhile would still be taken. */
const staleMsMax = 24 * 60 * 60 * 1_000;
const fetchMsMax = 5_000;
const bytesMax = 256 * 1024;

/** Thrown where no keys can be had: that says nothing about the token. */
export class KeysUnavailable extends Error {
  override name = "KeysUnavailable";
}

/**
 * The public keys of an issuer, fetched when they are needed. While the source is down the last
 * ones are used. The cooldown after each attempt is also the circuit breaker: one request, and only
 * one, tries again, and whoever needs a key meanwhile is answered from what there is, at once.
 */
export class KeySet {
  readonly #url: URL;
  readonly #fetch: typeof fetch;
  readonly #now: () => number;
  #keys: { resolve: JWTVerifyGetKey; at: number } | undefined;
  #attemptAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(url: URL, ports: { fetch: typeof fetch; now: () => number }) {
    this.#url = url;
    this.#fetch = ports.fetch;
    this.#now = ports.now;
  }

  /** The key that a token names; for `jwtVerify`. Throws KeysUnavailable, or what jose throws where there is no such key. */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    const now = this.#now();
    if (!this.#keys || now - this.#keys.at > freshMs) await this.#refresh();
    const keys = this.#keys;
    if (!keys || now - keys.at > staleMsMax) throw new KeysUnavailable("the key source cannot be reached");
    try {
      return await keys.resolve(header, token);
    } catch (error) {
      // Perhaps it is new: asked for at most once in a while, whatever names tokens come up with.
      await this.#refresh();
      if (!this.#keys || this.#keys === keys) throw error;
      return await this.#keys.resolve(header, token);
    }
  };

  async #refresh(): Promise<void> {
    if (this.#fetching) return this.#fetching;
    if (this.#now() - this.#attemptAt < cooldownMs) return;
    this.#attemptAt = this.#now();
    this.#fetching = this.#load();
    try {
      await this.#fetching;
    } finally {
      this.#fetching = undefined;
    }
  }

  async #load(): Promise<void> {
    try {
      const response = await this.#fetch(this.#url, {
        headers: { accept: "application/json" },
        redirect: "error",
        signal: AbortSignal.timeout(fetchMsMax),
      });
      if (!response.ok) return;
      const text = await response.text();
      if (text.length > bytesMax) return;
      this.#keys = { resolve: createLocalJWKSet(JSON.parse(text) as JSONWebKeySet), at: this.#now() };
    } catch {
      // The last ones stay.
    }
  }
}
