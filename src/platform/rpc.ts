import type { Author, Failure, JsonObject, Limits } from "../protocol/index.ts";
import { headers } from "../protocol/headers.ts";

/** The revocation of a token, or of all tokens of a subject. */
export interface Revocation {
  kind: "jti" | "sub";
  id: string;
  /** For a subject: tokens issued up to the end of this second (since 1970), by the clock of the issuer, are revoked. */
  at: number;
  /** Milliseconds since 1970. All tokens that it revokes have expired then, so it can be deleted. */
  expiresAt: number;
}

/** The limits of a tenant that differ from those of the application. */
export type LimitsOverride = Partial<Limits>;

/** The changes of a tenant after an earlier change. */
export interface TenantChanges {
  /**
   * The number of the last change. It only grows, and is never less than the time of the change in milliseconds since
   * 1970: so a tenant whose database was restored does not give a number again that a partition knows.
   */
  seq: number;
  revocations: readonly Revocation[];
  limits: LimitsOverride;
}

/** How a partition subscribes. */
export interface SubscriptionRequest {
  partition: string;
  /** For how long at least. */
  leaseMs: number;
  /** It knows all changes up to this one; 0: none. */
  knownSeq: number;
  /**
   * Whether it knows tokens that it accepts without an answer, as those of its connections. Then the answer can be lost,
   * and must not count as received. Absent (a partition of the version before): no.
   */
  holdsTokens?: boolean;
}

/** The changes that a partition receives when it subscribes. */
export interface TenantSubscription extends TenantChanges {
  /** The tenant notifies of changes until then, in milliseconds since 1970. Absent: half of the lease is certain. */
  until?: number;
}

/**
 * The version of the arguments between the Worker and its objects. A Worker and an object of neighbouring versions
 * meet during each deployment. So every call has one object of named arguments: fields are added and never change
 * their meaning, a receiver ignores those that it does not know, and one that it needs is optional. What an object of
 * the version before must not ignore is a new method.
 */
export const rpcVersion = 1;

/** Arguments of a call, with the `rpcVersion` of the caller. */
export type Named<Arguments extends object = object> = Arguments & { readonly version: number };

/** What a partition asks of its tenant. */
export interface TenantApi {
  /** Subscribes a partition to changes. Returns the changes in force after the last that it knows. */
  attend(asked: SubscriptionRequest): Promise<TenantSubscription>;
  /**
   * Counts `partition` among the tenant's, before its first write. `principal`: who writes it; absent: the server itself,
   * or a partition of the version before asks. Returns why it is refused, or undefined.
   */
  claim(asked: { partition: string; principal?: string | undefined }): Promise<Failure | undefined>;
  /** Grants up to `count` tokens of the tenant's rate; if none, `retryAfterMs` says when to retry. */
  grant(asked: { count: number }): Promise<{ granted: number; retryAfterMs: number }>;
}

/** A draft that an effect of another partition submits. */
export interface SubmittedEffect {
  /** Its key. */
  effectId: string;
  event: JsonObject & { type: string };
  correlationId: string;
  /** How many effects led to it, with itself. */
  hops: number;
  /** Of what caused it: 32 hexadecimal digits. Absent: the sender is of an earlier version. */
  traceId?: string;
}

/** What a queue of the platform is given. */
export interface QueueMessage {
  effectId: string;
  tenant: string;
  partition: string;
  /** Milliseconds since 1970: the time of the event. */
  timestamp: number;
  correlationId: string;
  /** Of what caused it: 32 hexadecimal digits. */
  traceId: string;
  payload: JsonObject;
}

/** The header with the author of a connection, from the edge to the object. The edge removes it from requests of clients. */
export const authorHeader = headers.author.name;
/** Its value if the author is not known yet: `connect` must send a token. */
export const tokenFollows = "token-follows";

/** What the edge passes to the object with each request over HTTP. */
export interface RequestContext {
  /** 32 lower-case hexadecimal digits: problems and log lines have this trace id. */
  traceId: string;
  /** The author who reads; absent in open development mode. */
  reader?: Author | undefined;
  /** The `If-None-Match` of the request. */
  ifNoneMatch?: string | undefined;
}

/** What a reader of the log has shown, and asks for. */
export interface ReadOptions {
  /** Of the event after which it reads. */
  proof?: string | undefined;
  /** The answer has proofs. */
  proofs?: boolean | undefined;
  /** Its events have their authors. */
  authors?: boolean | undefined;
  /** Its events have their correlation ids. */
  correlations?: boolean | undefined;
  /** Its events have their annotations. */
  annotations?: boolean | undefined;
  /** Those that were submitted on the Insieme wire have their draft ids. */
  draftIds?: boolean | undefined;
  /** The most bytes of the page. */
  maxBytes?: number | undefined;
}

/**
 * The header with a `StreamRequest`, from the edge to the object. The edge removes it from requests of clients.
 * Platform fact: the values of headers are logged, except where the name contains auth, cookie, jwt, key, secret or token.
 */
export const streamHeader = headers.stream.name;
/** Its name in the version before. */
export const streamHeaderBefore = headers.streamBefore.name;
/** The header with the name of the dialect of a connection, where its address has chosen it; from the edge to the object. */
export const dialectHeader = headers.dialect.name;

/** Which stream, and for which author; undefined in open development mode, where `connect` names the author. */
export type StreamRequest =
  | ({ kind: "events"; author: Author; /** Undefined: from the head. */ since?: number | undefined } & ReadOptions)
  | { kind: "connection"; author?: Author | undefined };
