import type { Author } from "../core/index.ts";
import type { Subject } from "../identity/verify.ts";

/** What the roles in tokens stand for: permissions by role. */
export type Roles = Readonly<Record<string, readonly string[]>>;

/** Whom a verified token makes its bearer. A role that nobody declared grants nothing. */
export function authorOfSubject(subject: Subject, roles: Roles): Author {
  const { principal, permissions, roles: held, expiresAt, issuedAt, jti } = subject;
  const granted = held.flatMap((role) => (Object.hasOwn(roles, role) ? roles[role]! : []));
  return {
    principal,
    permissions: [...new Set([...permissions, ...granted])],
    expiresAt,
    ...(issuedAt === undefined ? {} : { issuedAt }),
    ...(jti === undefined ? {} : { tokenId: jti }),
  };
}
