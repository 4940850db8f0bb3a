import { defaultTenant, type Identity } from "../sync/identity.ts";

/** Where the data of a client is kept: of one server and partition, and of one user there. `address`: host and partition. */
export function scopeOf(address: string, identity: Identity | undefined): string {
  const { tenant = defaultTenant, principal = "" } = identity ?? {};
  // Without the default tenant, as earlier versions named it.
  return `${tenant === defaultTenant ? "" : `${tenant}@`}${address}/${principal}`;
}

/** The partition of a scope, if it is one of this user at this host. */
export function partitionOf(scope: string, host: string, identity: Identity): string | undefined {
  const partition = scope.slice(scopeOf(host, { ...identity, principal: "" }).length).split("/", 1)[0]!;
  return scope === scopeOf(`${host}/${partition}`, identity) ? partition : undefined;
}
