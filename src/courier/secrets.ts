import type { EndpointSecret } from "../platform/courier-api.ts";

/** The key that secrets are encrypted with: AES-256. */
const keyBytes = 32;
/** The nonce of AES-GCM (NIST SP 800-38D): random, and an endpoint has a few secrets in its life. */
const nonceBytes = 12;
/** A new secret: as long as the hash that it signs with. Standard Webhooks asks for 24 to 64 bytes. */
const secretBytes = 32;
/** As many bytes of the hash of a key as tell one key from another. */
const tagBytes = 4;

/** The setting that secrets are encrypted with. */
export interface WebhookSettings {
  /**
   * Base64 of 32 bytes, the key that the secrets of endpoints are encrypted with. To rotate it: the new one, a comma, and
   * the one before, which still decrypts. Absent: there are no endpoints.
   */
  PARTITA_WEBHOOK_KEY?: string;
}

/** The keys of the settings, or a message for the operator that says what is missing or wrong. */
export function webhookKeysOf({ PARTITA_WEBHOOK_KEY: setting }: WebhookSettings): Uint8Array<ArrayBuffer>[] | string {
  if (!setting) return "Set PARTITA_WEBHOOK_KEY: base64 of 32 random bytes.";
  try {
    const keys = setting.split(",").map((part) => bytesOf(part.trim()));
    if (keys.every((key) => key.length === keyBytes)) return keys;
  } catch {
    // It is not base64.
  }
  return "PARTITA_WEBHOOK_KEY must be base64 of 32 bytes; of several, separated by commas.";
}

/** A new secret of an endpoint, as its receiver gets it. */
export function newSecret(): string {
  return `whsec_${base64Of(crypto.getRandomValues(new Uint8Array(secretBytes)))}`;
}

/** Encrypts a secret (AES-GCM) for `place`: it cannot be decrypted for another one. */
export async function sealSecret(
  secret: string,
  place: string,
  keys: readonly Uint8Array<ArrayBuffer>[],
): Promise<string> {
  const key = keys[0]!;
  const iv = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(place) },
    await imported(key),
    new TextEncoder().encode(secret),
  );
  return [await tagOf(key), base64Of(iv), base64Of(new Uint8Array(sealed))].join(".");
}

/**
 * Decrypts the secrets that sign at `now`, the current one first. One before the current one is left out if it cannot be
 * decrypted: its key may have been removed because it has leaked.
 *
 * @throws Error where the current one was encrypted with a key that is not there any more, or for another place.
 */
export async function openSecrets(
  secrets: readonly EndpointSecret[],
  place: string,
  keys: readonly Uint8Array<ArrayBuffer>[],
  now: number,
): Promise<string[]> {
  const signing = secrets.filter(({ until }) => until === undefined || until > now);
  const opened = await Promise.allSettled(signing.map(({ sealed }) => open(sealed, place, keys)));
  return opened.flatMap((each, at) => {
    if (each.status === "fulfilled") return [each.value];
    if (at === 0) throw each.reason;
    return [];
  });
}

async function open(sealed: string, place: string, keys: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const [tag, iv, text] = sealed.split(".");
  for (const key of keys) {
    if ((await tagOf(key)) !== tag) continue;
    const algorithm = { name: "AES-GCM", iv: bytesOf(iv!), additionalData: new TextEncoder().encode(place) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, await imported(key), bytesOf(text!)));
  }
  throw new Error("PARTITA_WEBHOOK_KEY does not have the key of this secret any more: rotate the secret.");
}

function imported(key: Uint8Array<ArrayBuffer>) {
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function tagOf(key: Uint8Array<ArrayBuffer>): Promise<string> {
  return base64Of(new Uint8Array(await crypto.subtle.digest("SHA-256", key)).slice(0, tagBytes));
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
