import type { Identity } from "./identity.ts";

// It must not import modules of the main bundle: bundlers would move those into a third file.
/**
 * Whom a token names. It is not verified here: the server does that, and this only decides whose data is opened.
 * Undefined: the token cannot be read, because it is not a JWT.
 */
export function identityOf(token: string): Identity | undefined {
  try {
    const base64 = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const { sub, tenant = "default" } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return typeof sub === "string" && typeof tenant === "string" ? { tenant, principal: sub } : undefined;
  } catch {
    return undefined;
  }
}
