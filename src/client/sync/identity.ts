/** The user of a client: what is cached and queued belongs to it. */
export interface Identity {
  tenant: string;
  principal: string;
}

/** The tenant of a token without the claim. */
export const defaultTenant = "default";

/**
 * Whom a token names. It is not verified here: the server does that, and this only decides whose data is opened.
 * Undefined: the token cannot be read, because it is not a JWT.
 */
export function identityOf(token: string): Identity | undefined {
  try {
    const base64 = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const { sub, tenant = defaultTenant } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return typeof sub === "string" && typeof tenant === "string" ? { tenant, principal: sub } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a token or a server names another user than the one that the client was made for. */
export function isOther(expected: Identity | undefined, named: Partial<Identity> | undefined): boolean {
  if (!expected || named?.principal === undefined) return false;
  return named.principal !== expected.principal || named.tenant !== expected.tenant;
}
