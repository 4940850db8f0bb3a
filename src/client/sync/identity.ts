/** The user of a client: what is cached and queued belongs to it. */
export interface Identity {
  tenant: string;
  principal: string;
}

/** The tenant of a token without the claim. */
export const defaultTenant = "default";

/** Whether a token or a server names another user than the one that the client was made for. */
export function isOther(expected: Identity | undefined, named: Partial<Identity> | undefined): boolean {
  if (!expected || named?.principal === undefined) return false;
  return named.principal !== expected.principal || named.tenant !== expected.tenant;
}
