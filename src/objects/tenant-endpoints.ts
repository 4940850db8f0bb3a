import { callObject } from "../platform/call.ts";
import type { Endpoint, EndpointRoute } from "../platform/courier-api.ts";
import { log } from "../platform/log.ts";
import { type Placement, stubOf } from "../platform/placement.ts";
import type { Failure } from "../protocol/index.ts";
import type { TenantStorage } from "../storage/tenant/storage.ts";
import { Endpoints, type PutEndpoint } from "../tenant/endpoints.ts";
import { courierCalls } from "./courier-calls.ts";
import type { TenantEnv } from "./environments.ts";
import type { RotateCall } from "./tenant-calls.ts";

interface TenantEndpointsHost {
  readonly tenant: string;
  readonly couriers: TenantEnv["COURIERS"];
  readonly placement: Placement;
  waitUntil(work: Promise<unknown>): void;
}

/** What the object of a tenant does for its endpoints: it changes them, and notifies their couriers. */
export class TenantEndpoints {
  readonly #host: TenantEndpointsHost;
  readonly #endpoints: Endpoints;

  constructor(storage: TenantStorage, host: TenantEndpointsHost) {
    this.#host = host;
    this.#endpoints = new Endpoints(storage);
  }

  all(): Endpoint[] {
    return this.#endpoints.all();
  }

  routes(): EndpointRoute[] {
    return this.#endpoints.routes();
  }

  find(id: string): Endpoint | undefined {
    return this.#endpoints.find(id);
  }

  put(asked: PutEndpoint): { endpoint: Endpoint; created: boolean } | Failure {
    const put = this.#endpoints.put(asked, Date.now());
    if ("endpoint" in put) this.#changed("endpoint_set", put.endpoint);
    return put;
  }

  remove(id: string): boolean {
    const isRemoved = this.#endpoints.remove(id, Date.now());
    if (isRemoved) this.#changed("endpoint_removed", { id });
    return isRemoved;
  }

  activate(id: string, url: string): Endpoint | undefined {
    const endpoint = this.#endpoints.activate(id, url, Date.now());
    if (endpoint) log("endpoint_activated", { tenant: this.#host.tenant, endpoint: id });
    return endpoint;
  }

  disable(id: string, url: string, reason: string): Endpoint | undefined {
    return this.#endpoints.disable(id, url, reason, Date.now());
  }

  rotate({ id, secret, until }: RotateCall): Endpoint | undefined {
    const endpoint = this.#endpoints.rotate(id, secret, until, Date.now());
    if (endpoint) this.#changed("endpoint_rotated", endpoint);
    return endpoint;
  }

  /** Notifies the courier. If that fails, it asks by itself, a little later. */
  #changed(
    event: "endpoint_set" | "endpoint_removed" | "endpoint_rotated",
    { id, state, paused }: Pick<Endpoint, "id"> & Partial<Endpoint>,
  ): void {
    const { tenant, couriers, placement } = this.#host;
    log(event, { tenant, endpoint: id, state, paused });
    if (!couriers) return;
    const fresh = () => courierCalls(stubOf(couriers, `${tenant}/${id}`, placement));
    this.#host.waitUntil(
      callObject(fresh, (courier) => courier.changed()).catch((error: unknown) =>
        log("courier_not_notified", { tenant, endpoint: id, error: String(error) }),
      ),
    );
  }
}
