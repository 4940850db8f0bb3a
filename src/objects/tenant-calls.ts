import type { AdminAction, NotedAction } from "../platform/actions-api.ts";
import { callObject, callObjectOnce } from "../platform/call.ts";
import type { LimitsOverride, Named, Revocation, TenantApi, TenantSubscription } from "../platform/rpc.ts";
import type { Endpoint, EndpointRoute, EndpointSecret } from "../platform/courier-api.ts";
import type { Author, Failure, Limits } from "../protocol/index.ts";
import type { PutEndpoint } from "../tenant/endpoints.ts";
import { named, orBefore } from "./calls.ts";

/** The result of a notification: how many partitions have the change, and how many do not have it yet. */
export interface NotifyResult {
  told: number;
  pending: number;
}

/** A ticket for `subject` (JSON). */
export interface TicketCall {
  ticket: string;
  principal: string;
  subject: string;
}

/** A new secret of an endpoint; the one before signs too, up to `until` (milliseconds since 1970). */
export interface RotateCall {
  id: string;
  secret: EndpointSecret;
  until: number;
}

type Grant = Awaited<ReturnType<TenantApi["grant"]>>;
type Asked<Method extends keyof TenantApi> = Named<Parameters<TenantApi[Method]>[0]>;

/** The remote methods of a tenant's object. */
export interface TenantRpc extends TenantRpcBefore {
  attendWith(asked: Asked<"attend">): Promise<TenantSubscription>;
  claimWith(asked: Asked<"claim">): Promise<Failure | undefined>;
  grantWith(asked: Asked<"grant">): Promise<Grant>;
  /** `administers`: for an administrative request, of which each principal and the tenant have a rate. */
  refusalWith(asked: Named<{ author: Author; administers?: boolean }>): Promise<Failure | undefined>;
  revoke(revocation: Named<Revocation>): Promise<NotifyResult | Failure>;
  revocations(): Promise<Revocation[]>;
  limits(): Promise<{ limits: Limits; override: LimitsOverride }>;
  setLimitsWith(asked: Named<{ override: LimitsOverride }>): Promise<NotifyResult>;
  /** Makes these partitions (names, or prefixes that end in `*`) read-only, and no others. */
  setReadOnlyWith(asked: Named<{ partitions: readonly string[] }>): Promise<NotifyResult>;
  drainWith(asked: Named<{ seconds: number }>): Promise<NotifyResult>;
  putTicketWith(asked: Named<TicketCall>): Promise<{ expiresAt: number } | Failure>;
  takeTicketWith(asked: Named<{ ticket: string }>): Promise<string | undefined>;
  /** Notes what an administrator is about to do; once, whatever how often it comes with this id. */
  noteWith(asked: Named<{ id: string; action: AdminAction }>): Promise<void>;
  /** Those before the number `before`, the latest first. */
  actionsWith(asked: Named<{ before: number; limit: number }>): Promise<NotedAction[]>;
  /** Takes `count` units of what the principal may list. Returns why they are refused, or undefined. */
  takeListedWith(asked: Named<{ principal: string; count: number }>): Promise<Failure | undefined>;
  endpoints(): Promise<Endpoint[]>;
  endpointRoutes(): Promise<EndpointRoute[]>;
  endpointWith(asked: Named<{ id: string }>): Promise<Endpoint | undefined>;
  putEndpointWith(asked: Named<PutEndpoint>): Promise<{ endpoint: Endpoint; created: boolean } | Failure>;
  removeEndpointWith(asked: Named<{ id: string }>): Promise<boolean>;
  activateEndpointWith(asked: Named<{ id: string; url: string }>): Promise<Endpoint | undefined>;
  disableEndpointWith(asked: Named<{ id: string; url: string; reason: string }>): Promise<Endpoint | undefined>;
  rotateEndpointWith(asked: Named<RotateCall>): Promise<Endpoint | undefined>;
}

/** The remote methods that a Worker or a partition of the version before calls, and that this one calls at a tenant of that version. */
interface TenantRpcBefore {
  attend(partition: string, leaseMs: number, knownSeq: number): Promise<TenantSubscription>;
  claim(partition: string): Promise<Failure | undefined>;
  grant(count: number): Promise<Grant>;
  refusal(author: Author): Promise<Failure | undefined>;
  setLimits(override: LimitsOverride): Promise<NotifyResult>;
  drain(seconds: number): Promise<NotifyResult>;
  putTicket(ticket: string, principal: string, subject: string): Promise<{ expiresAt: number } | Failure>;
  takeTicket(ticket: string): Promise<string | undefined>;
}

/** The calls of a tenant's object, of this version or the one before. */
export type TenantCalls = ReturnType<typeof tenantCalls>;

/** The calls of the object of `stub`. */
export function tenantCalls(stub: TenantRpc) {
  return {
    attend: (asked: Parameters<TenantApi["attend"]>[0]): Promise<TenantSubscription> =>
      orBefore(
        "attendWith",
        () => stub.attendWith(named(asked)),
        () => stub.attend(asked.partition, asked.leaseMs, asked.knownSeq),
      ),

    claim: (asked: Parameters<TenantApi["claim"]>[0]): Promise<Failure | undefined> =>
      orBefore(
        "claimWith",
        () => stub.claimWith(named(asked)),
        () => stub.claim(asked.partition),
      ),

    grant: (asked: { count: number }): Promise<Grant> =>
      orBefore(
        "grantWith",
        () => stub.grantWith(named(asked)),
        () => stub.grant(asked.count),
      ),

    /** Returns why this author's token is refused, or undefined. */
    refusal: (asked: { author: Author; administers?: boolean }): Promise<Failure | undefined> =>
      orBefore(
        "refusalWith",
        () => stub.refusalWith(named(asked)),
        () => stub.refusal(asked.author),
      ),

    /** Revokes, and notifies the partitions that have connections. Returns the result, or why it is refused. */
    revoke: (revocation: Revocation): Promise<NotifyResult | Failure> => stub.revoke(named(revocation)),

    /** A tenant of the version before does not have it: then it throws. */
    takeListed: (asked: { principal: string; count: number }): Promise<Failure | undefined> =>
      stub.takeListedWith(named(asked)),

    revocations: (): Promise<Revocation[]> => stub.revocations(),

    limits: (): Promise<{ limits: Limits; override: LimitsOverride }> => stub.limits(),

    setLimits: (asked: { override: LimitsOverride }): Promise<NotifyResult> =>
      orBefore(
        "setLimitsWith",
        () => stub.setLimitsWith(named(asked)),
        () => stub.setLimits(asked.override),
      ),

    /** A tenant of the version before does not have it: then it throws, and nothing is changed. */
    setReadOnly: (asked: { partitions: readonly string[] }): Promise<NotifyResult> =>
      stub.setReadOnlyWith(named(asked)),

    /** Drains every partition that has connections. */
    drain: (asked: { seconds: number }): Promise<NotifyResult> =>
      orBefore(
        "drainWith",
        () => stub.drainWith(named(asked)),
        () => stub.drain(asked.seconds),
      ),

    /** Stores a ticket; only its hash is stored. */
    putTicket: (asked: TicketCall): Promise<{ expiresAt: number } | Failure> =>
      orBefore(
        "putTicketWith",
        () => stub.putTicketWith(named(asked)),
        () => stub.putTicket(asked.ticket, asked.principal, asked.subject),
      ),

    /** Returns the subject of a ticket, once. */
    takeTicket: (asked: { ticket: string }): Promise<string | undefined> =>
      orBefore(
        "takeTicketWith",
        () => stub.takeTicketWith(named(asked)),
        () => stub.takeTicket(asked.ticket),
      ),

    /** A tenant of the version before has no list: what is done while versions are replaced is not in it. */
    note: (asked: { id: string; action: AdminAction }): Promise<void> =>
      orBefore(
        "noteWith",
        () => stub.noteWith(named(asked)),
        async () => {},
      ),

    actions: (asked: { before: number; limit: number }): Promise<NotedAction[]> => stub.actionsWith(named(asked)),

    endpoints: (): Promise<Endpoint[]> => stub.endpoints(),

    /** The endpoints that get effects. */
    endpointRoutes: (): Promise<EndpointRoute[]> => stub.endpointRoutes(),

    endpoint: (asked: { id: string }): Promise<Endpoint | undefined> => stub.endpointWith(named(asked)),

    /** Makes or changes an endpoint. */
    putEndpoint: (asked: PutEndpoint): Promise<{ endpoint: Endpoint; created: boolean } | Failure> =>
      stub.putEndpointWith(named(asked)),

    /** Returns whether there was one. */
    removeEndpoint: (asked: { id: string }): Promise<boolean> => stub.removeEndpointWith(named(asked)),

    /** The endpoint at `url` has answered a challenge. Returns undefined if that is not its address any more. */
    activateEndpoint: (asked: { id: string; url: string }): Promise<Endpoint | undefined> =>
      stub.activateEndpointWith(named(asked)),

    /** Disables the endpoint at `url`. Returns it as it is then. */
    disableEndpoint: (asked: { id: string; url: string; reason: string }): Promise<Endpoint | undefined> =>
      stub.disableEndpointWith(named(asked)),

    /** Returns undefined if there is no such endpoint. */
    rotateEndpoint: (asked: RotateCall): Promise<Endpoint | undefined> => stub.rotateEndpointWith(named(asked)),
  };
}

/** What a partition calls of its tenant, each time by a fresh stub, and again after an error where that counts once. */
export function tenantApiOf(freshTenant: () => TenantCalls): TenantApi {
  return {
    attend: (asked) => callObject(freshTenant, (tenant) => tenant.attend(asked)),
    claim: (asked) => callObject(freshTenant, (tenant) => tenant.claim(asked)),
    // A second one would take its tokens twice.
    grant: (asked) => callObjectOnce(freshTenant, (tenant) => tenant.grant(asked)),
  };
}
