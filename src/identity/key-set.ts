import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";

/** A set is fetched again after this time. Until then unknown keys cause at most one fetch per `cooldownMs`. */
const freshMs = 10 * 60 * 1_000;
const cooldownMs = 30_000;
/** How long the last keys are used while the source is down. A key that is retired meanwhile is still accepted. */
const staleMsMax = 24 * 60 * 60 * 1_000;
const fetchMsMax = 5_000;
const bytesMax = 256 * 1024;

/** Thrown if the keys cannot be fetched. The token may be valid. */
export class KeysUnavailable extends Error {
  override name = "KeysUnavailable";
}

/** The ports that fetching keys needs. */
export interface KeyPorts {
  fetch: typeof fetch;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Logs why the keys could not be fetched, without the URL, which may contain a secret. */
  failed: (why: string) => void;
  /** Keeps work running after the request that started it has ended or was cancelled. */
  keep: (work: Promise<unknown>) => void;
}

/**
 * The public keys of an issuer, fetched when they are needed. While the source is down the last keys are used. The
 * cooldown after each attempt is also the circuit breaker: only one request tries again, and the others use the known
 * keys at once.
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

  /** The key that a token names; for `jwtVerify`. Throws KeysUnavailable, or the error of jose if there is no such key. */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    const now = this.#now();
    if (!this.#keys || now - this.#keys.at > freshMs) await this.#refresh();
    const keys = this.#keys;
    if (!keys || now - keys.at > staleMsMax) throw new KeysUnavailable("the key source cannot be reached");
    try {
      return await keys.resolve(header, token);
    } catch (error) {
      // The key may be new. The cooldown bounds the fetches, however many unknown names tokens have.
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
    // With a time limit: a fetch that another request started may never end, because the platform cancels it with that request.
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
        // A redirect is not followed, and is not a valid answer. Platform fact: "error" is not supported.
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
      // The last keys stay.
      this.#failed(error instanceof Error ? error.name : "it could not be reached");
    }
  }
}

/** The body; undefined if it is longer than a set of keys may be. Then it is not read to its end. */
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
