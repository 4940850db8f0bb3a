const ivBytes = 12;

const keyOf = (bytes: Uint8Array): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", new Uint8Array(bytes), "AES-GCM", false, ["encrypt", "decrypt"]);

/**
 * The cursor of a page that ends with `name`. It is encrypted, because the last name that was looked at can be one that
 * the reader must not learn of.
 */
export async function cursorAfter(name: string, key: Uint8Array): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const algorithm = { name: "AES-GCM", iv };
  const hidden = await crypto.subtle.encrypt(algorithm, await keyOf(key), new TextEncoder().encode(name));
  const text = String.fromCharCode(...iv, ...new Uint8Array(hidden));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The name that a cursor stands for; undefined: it is none of ours. */
export async function nameAfter(cursor: string, key: Uint8Array): Promise<string | undefined> {
  try {
    const bytes = Uint8Array.from(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const algorithm = { name: "AES-GCM", iv: bytes.slice(0, ivBytes) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, await keyOf(key), bytes.slice(ivBytes)));
  } catch {
    return undefined;
  }
}
