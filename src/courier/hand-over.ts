import type { CourierRow, EndpointRoute } from "../platform/courier-api.ts";
import { courierBounds } from "./bounds.ts";

/** What a partition needs to hand its rows over. */
interface HandOverPorts {
  /** Asks the tenant which endpoints get effects. */
  routes(): Promise<readonly EndpointRoute[]>;
  /** Gives rows to the courier of an endpoint. Resolves when it has stored them. */
  accept(id: string, rows: readonly CourierRow[]): Promise<void>;
  now(): number;
}

/** Hands the rows of a partition over to the couriers of the endpoints that want them. */
export class HandOver {
  readonly #ports: HandOverPorts;
  #known: { routes: readonly EndpointRoute[]; askedAt: number } | undefined;

  constructor(ports: HandOverPorts) {
    this.#ports = ports;
  }

  /** Resolves when each courier has stored what it is to deliver. */
  async send(rows: readonly CourierRow[]): Promise<void> {
    const routes = await this.#routes();
    try {
      await Promise.all(
        routes.map(async ({ id, types }) => {
          const wanted = rows.filter(({ type }) => !types || types.includes(type));
          if (wanted.length > 0) await this.#ports.accept(id, wanted);
        }),
      );
    } catch (error) {
      // A courier that is full has disabled its endpoint: the next attempt must not wait for it.
      this.#known = undefined;
      throw error;
    }
  }

  async #routes(): Promise<readonly EndpointRoute[]> {
    const now = this.#ports.now();
    const known = this.#known;
    if (known && now >= known.askedAt && now - known.askedAt < courierBounds.routesMs) return known.routes;
    const routes = await this.#ports.routes();
    this.#known = { routes, askedAt: now };
    return routes;
  }
}
