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

/** What fetching keys takes. */
export interface KeyPorts {
  fetch: typeof fetch;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Tells the operator that the keys could not be had, and why: for the log, without what the address may have in it. */
  failed: (why: string) => void;
  /** Lets work go on when the request that began it is over, or has been given up. */
  keep: (work: Promise<unknown>) => void;
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
  readonly #keep: KeyPorts["keep"];
  readonly #failed: KeyPorts["failed"];
  #keys: { resolve: JWTVerifyGetKey; at: number } | undefined;
  #attemptAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> = Promise.resolve();

  constructor(url: URL, { fetch, now, keep, failed }: KeyPorts) {
    this.#url = url;
    this.#fetch = fetch;
    this.#now = now;
    this.#keep = keep;
    this.#failed = failed;
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
    const now = this.#now();
    if (now - this.#attemptAt >= cooldownMs) {
      this.#attemptAt = now;
      this.#fetching = this.#load();
      this.#keep(this.#fetching);
    }
    // Not longer: what another request has begun may never end, where the platform has dropped it with that request.
    const leftMs = this.#attemptAt + fetchMsMax - now;
    if (leftMs <= 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, leftMs);
    await Promise.race([this.#fetching, late]);
    clearTimeout(timer);
  }

  async #load(): Promise<void> {
    try {
      const response = await this.#fetch(this.#url, {
        headers: { accept: "application/json" },
        // It is not followed: the answer is none then. Platform fact: "error" is refused.
        redirect: "manual",
        signal: AbortSignal.timeout(fetchMsMax),
      });
      if (!response.ok) {
        await response.body?.cancel();
        this.#failed(`it answered ${response.status}`);
        return;
      }
      const text = await readText(response);
      if (text === undefined) {
        this.#failed(`it has more than ${bytesMax} bytes`);
        return;
      }
      this.#keys = { resolve: createLocalJWKSet(JSON.parse(text) as JSONWebKeySet), at: this.#now() };
    } catch (error) {
      // The last ones stay.
      this.#failed(error instanceof Error ? error.name : "it could not be reached");
    }
  }
}

/** The body, or undefined where it is longer than a set of keys can be: then it is not read to its end. */
async function readText({ body }: Response): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const reader = body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  let text = "";
  let bytes = 0;
  for (let piece = await reader?.read(); piece && !piece.done; piece = await reader!.read()) {
    bytes += piece.value.byteLength;
    if (bytes > bytesMax) {
      await reader!.cancel();
      return undefined;
    }
    text += decoder.decode(piece.value, { stream: true });
  }
  return text + decoder.decode();
}
