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
  /** The server itself, see `systemAuthor`. Never what an edge has verified. */
  system?: true;
}
