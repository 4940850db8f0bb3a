/** The author of a request or connection, as the edge verified it. */
export interface Author {
  /** The verified subject. */
  principal: string;
  /** The permissions, see `allows`; all in open development mode. */
  permissions: "all" | readonly string[];
  /** When the token expires, in milliseconds since 1970; absent in open development mode. */
  expiresAt?: number;
  /** When the token was issued, in seconds since 1970; absent if the token does not say. */
  issuedAt?: number;
  /** The `jti` of the token. */
  tokenId?: string;
  /** The tag of the keys that have verified the token; absent in open development mode, and where an earlier version has verified it. */
  keys?: string;
  /** The client that the token is for, where it says so; the clients of the Insieme wire have to. */
  clientId?: string;
  /** The user that the token names for the `userId` of events; absent: its subject. */
  userId?: string;
  /** The server itself, see `systemAuthor`. Never what an edge has verified. */
  system?: true;
}

/** The user id that drafts of this author may have; undefined in open development mode: any. */
export function userIdOf({ userId, principal, expiresAt }: Author): string | undefined {
  return userId ?? (expiresAt === undefined ? undefined : principal);
}
