import type { Subject } from "../identity/verify.ts";
import type { Failure, Author } from "../protocol/index.ts";

/** The permissions of each role in tokens. */
export type Roles = Readonly<Record<string, readonly string[]>>;

const permissionOverheadBytes = 4;
/**
 * The size of a connection's permissions in its attachment of 16 KiB: 200 of 50 characters, and a few short ones. Presence
 * needs up to 4 KiB, and everything else 1.3.
 */
const permissionsBytesMax = 10_850;

/** Returns the author of a verified token, or why it is refused. A role that is not declared grants nothing. */
export function authorOfSubject(subject: Subject, roles: Roles): Author | Failure {
  const { principal, permissions, roles: roleNames, expiresAt, issuedAt, jti, clientId, userId, keys } = subject;
  const granted = roleNames.flatMap((role) => (Object.hasOwn(roles, role) ? roles[role]! : []));
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
    ...(clientId === undefined ? {} : { clientId }),
    ...(userId === undefined ? {} : { userId }),
    ...(keys === undefined ? {} : { keys }),
  };
}

/** The bytes that the platform's serialisation needs for it: two per UTF-16 unit if any is not Latin-1. */
function bytesOf(name: string): number {
  const wide = /[^\0-\xff]/.test(name);
  return name.length * (wide ? 2 : 1) + permissionOverheadBytes;
}
