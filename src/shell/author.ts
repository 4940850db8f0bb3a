import type { Subject } from "../identity/verify.ts";
import type { Failure, Author } from "../protocol/index.ts";

/** What the roles in tokens stand for: permissions by role. */
export type Roles = Readonly<Record<string, readonly string[]>>;

/** What a connection's permissions may take of the 16 KiB that are kept of it over hibernation; up to 4 are its presence. */
const permissionsBytesMax = 11 * 1024;
const permissionOverheadBytes = 4;

/** Whom a verified token makes its bearer, or why it cannot. A role that nobody declared grants nothing. */
export function authorOfSubject(subject: Subject, roles: Roles): Author | Failure {
  const { principal, permissions, roles: held, expiresAt, issuedAt, jti } = subject;
  const granted = held.flatMap((role) => (Object.hasOwn(roles, role) ? roles[role]! : []));
  const all = [...new Set([...permissions, ...granted])];
  if (all.reduce((bytes, name) => bytes + bytesOf(name), 0) > permissionsBytesMax) {
    return {
      code: "forbidden",
      layer: "permission",
      detail:
        "Your token allows more than can be kept of a connection: it needs fewer permissions, or shorter ones, like submit:*.",
    };
  }
  return {
    principal,
    permissions: all,
    expiresAt,
    ...(issuedAt === undefined ? {} : { issuedAt }),
    ...(jti === undefined ? {} : { tokenId: jti }),
  };
}

/** What the platform's serialisation takes for it: two bytes a unit where there is one that is not Latin-1. */
function bytesOf(name: string): number {
  const wide = /[^\0-\xff]/.test(name);
  return name.length * (wide ? 2 : 1) + permissionOverheadBytes;
}
