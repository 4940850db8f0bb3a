import type { Identity } from "./identity.ts";

// It must not import modules of the main bundle: bundlers would move those into a third file.
/**
 * Whom a token names. It is not verified here: the server does that, and this only decides whose data is opened.
 * Undefined: the token cannot be read, because it is not a JWT.
 */
export function identityOf(token: string): Identity | undefined {
  try {
    const base64 = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    // React Native has no TextDecoder.
    const bytes = Array.from(atob(base64), (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
    const { sub, tenant = "default" } = JSON.parse(decodeURIComponent(bytes.join(""))) as Record<string, unknown>;
    return typeof sub === "string" && typeof tenant === "string" ? { tenant, principal: sub } : undefined;
  } catch {
    return undefined;
  }
}
