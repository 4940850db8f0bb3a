import type { Author, Failure, Limits } from "../protocol/index.ts";

/** A token, or all tokens of a subject, that are not taken any more. */
export interface Revocation {
  kind: "jti" | "sub";
  id: string;
  /** Of a subject: tokens issued up to this second (since 1970) are meant, later ones are not. */
  at: number;
  /** Milliseconds since 1970. Nothing that it is about is valid any longer then, so it can be forgotten. */
  expiresAt: number;
}

/** What a tenant says that differs from what the application has set. */
export type LimitsOverride = Partial<Limits>;

/** What a partition has to know of its tenant; everything after some earlier change. */
export interface TenantChanges {
  /** Counts the changes; grows. */
  seq: number;
  revocations: readonly Revocation[];
  limits: LimitsOverride;
}

/** What the tenant's object does for its partitions. */
export interface TenantApi {
  /** Notes that `partition` wants to be told of changes for `leaseMs`; answers with all that holds now after change `knownSeq`. */
  attend(partition: string, leaseMs: number, knownSeq: number): Promise<TenantChanges>;
  /** Counts `partition` among the tenant's, before its first write; why it may not be one, if so. */
  claim(partition: string): Promise<Failure | undefined>;
  /** Up to `count` of the tenant's rate; or none, and when to ask again. */
  grant(count: number): Promise<{ granted: number; retryAfterMs: number }>;
}

/** What a partition's object does for its tenant. */
export interface PartitionApi {
  /** Takes changes; whether it wants to be told of the next. */
  tenantChanged(changes: TenantChanges): Promise<boolean>;
  /** Ends all connections, and refuses everything for so long. */
  drain(seconds: number): Promise<void>;
}

/** The header by which the edge tells the object who connects; from outside it is stripped. */
export const authorHeader = "partita-author";
/** Its value where that is not known yet: a token has to come with `connect`. */
export const tokenFollows = "token-follows";

/** What a request over HTTP brings for the object, besides what it asks for. */
export interface Asking {
  /** 32 lower-case hexadecimal digits: what goes wrong is told and logged under it. */
  traceId: string;
  /** Who reads; absent in open development mode. */
  reader?: Author | undefined;
  /** What the asker has, as `If-None-Match`. */
  ifNoneMatch?: string | undefined;
}

/** The header by which the edge asks the object for a stream: a `StreamRequest`. From outside it never comes here. */
export const streamHeader = "partita-stream";

/** Which stream, and for whom. Undefined in open development mode: whoever `connect` names. */
export type StreamRequest =
  | { kind: "events"; author: Author; /** Undefined: from the head. */ since?: number | undefined }
  | { kind: "connection"; author?: Author | undefined };
