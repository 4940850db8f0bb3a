import type { Endpoint, EndpointRoute, EndpointSecret } from "../platform/courier-api.ts";
import { bounds, type Failure } from "../protocol/index.ts";
import { EndpointsTable } from "../storage/tenant/endpoints.ts";
import type { TenantStorage } from "../storage/tenant/storage.ts";

/** How an endpoint is made or changed. */
export interface PutEndpoint {
  id: string;
  url: string;
  /** Absent: all. */
  types?: readonly string[];
  paused: boolean;
  ownHost: string;
  /** Of a new endpoint; that of an existing one stays. */
  secret: EndpointSecret;
}

/** The rules of a tenant's endpoints. Synchronous: each call is one step. */
export class Endpoints {
  readonly #storage: TenantStorage;
  readonly #table: EndpointsTable;

  constructor(storage: TenantStorage) {
    this.#storage = storage;
    this.#table = storage.table(EndpointsTable);
  }

  find(id: string): Endpoint | undefined {
    return this.#table.find(id);
  }

  all(): Endpoint[] {
    return this.#table.all();
  }

  /** The endpoints that get effects. */
  routes(): EndpointRoute[] {
    return this.all()
      .filter(({ state }) => state === "active")
      .map(({ id, types }) => (types === undefined ? { id } : { id, types }));
  }

  /** Makes an endpoint, or changes it: another address has to answer a challenge again. */
  put(
    { id, url, types, paused, ownHost, secret }: PutEndpoint,
    now: number,
  ): { endpoint: Endpoint; created: boolean } | Failure {
    const before = this.find(id);
    if (!before && this.all().length >= bounds.endpointsMax) {
      return {
        code: "quota_exceeded",
        detail: `There can be at most ${bounds.endpointsMax} endpoints: remove one first.`,
      };
    }
    const moved = before?.url !== url;
    const endpoint: Endpoint = {
      id,
      url,
      ...(types === undefined ? {} : { types }),
      state: before && !moved ? before.state : "pending",
      paused,
      ...(before?.reason === undefined || moved ? {} : { reason: before.reason }),
      ownHost,
      secrets: before?.secrets ?? [secret],
      createdAt: before?.createdAt ?? now,
    };
    this.#put(endpoint, now);
    return { endpoint, created: before === undefined };
  }

  /** Returns whether there was one. */
  remove(id: string, now: number): boolean {
    if (!this.find(id)) return false;
    this.#storage.transaction(now, () => this.#table.remove(id));
    return true;
  }

  /** The endpoint at `url` has answered a challenge. Returns undefined if that is not its address any more. */
  activate(id: string, url: string, now: number): Endpoint | undefined {
    const endpoint = this.find(id);
    if (endpoint?.url !== url) return undefined;
    const { reason: _, ...rest } = endpoint;
    return this.#put({ ...rest, state: "active" }, now);
  }

  /** Disables the endpoint at `url`: effects are not sent to it until it answers a challenge again. */
  disable(id: string, url: string, reason: string, now: number): Endpoint | undefined {
    const endpoint = this.find(id);
    if (endpoint?.url !== url || endpoint.state !== "active") return endpoint;
    return this.#put({ ...endpoint, state: "disabled", reason }, now);
  }

  /**
   * Signs with a new secret; those before sign too, that of now up to `until`. So the receiver's still signs if the
   * answer to the first rotation was lost, and it was rotated again.
   */
  rotate(id: string, secret: EndpointSecret, until: number, now: number): Endpoint | undefined {
    const endpoint = this.find(id);
    const [current] = endpoint?.secrets ?? [];
    if (!endpoint || !current) return undefined;
    const signing = endpoint.secrets.slice(1).filter((each) => each.until !== undefined && each.until > now);
    const secrets = [secret, { ...current, until }, ...signing].slice(0, bounds.endpointSecretsMax);
    return this.#put({ ...endpoint, secrets }, now);
  }

  #put(endpoint: Endpoint, now: number): Endpoint {
    this.#storage.transaction(now, () => this.#table.put(endpoint));
    return endpoint;
  }
}
