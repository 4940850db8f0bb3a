/** Who someone is, as the edge verified it. */
export interface Author {
  /** The verified subject. */
  principal: string;
  /** What they may do, see `allows`; everything in open development mode. */
  permissions: "all" | readonly string[];
  /** When their token expires, in milliseconds since 1970; absent in open development mode. */
  expiresAt?: number;
  /** When their token was issued, in seconds since 1970; absent where it does not say. */
  issuedAt?: number;
  /** The `jti` of their token. */
  tokenId?: string;
}
