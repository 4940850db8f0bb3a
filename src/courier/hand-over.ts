import type { CourierRow, EndpointRoute } from "../platform/courier-api.ts";
import { courierBounds } from "./bounds.ts";

/** What a partition needs to hand its rows over. */
interface HandOverPorts {
  /** Asks the tenant which endpoints get effects. */
  routes(): Promise<readonly EndpointRoute[]>;
  /** Gives rows to the courier of an endpoint. Resolves when it has stored them. */
  accept(id: string, rows: readonly CourierRow[]): Promise<void>;
  /** No endpoint takes rows of this type, so they go nowhere: called once for each of the first `unwantedTypesMax` types. */
  unwanted(type: string): void;
  now(): number;
}

/** Hands the rows of a partition over to the couriers of the endpoints that want them. */
export class HandOver {
  readonly #ports: HandOverPorts;
  #known: { routes: readonly EndpointRoute[]; askedAt: number } | undefined;
  /** The types that were reported as unwanted. An effect can compute its type, so there is a bound. */
  readonly #unwanted = new Set<string>();

  constructor(ports: HandOverPorts) {
    this.#ports = ports;
  }

  /**
   * Hands rows over to the courier of each endpoint that wants them, but to none of `behind`, for which earlier ones wait.
   * Returns for each row the endpoints that want it and do not have it: so one that cannot be reached holds up no other.
   *
   * @throws Error where the routes are not known, or the only endpoint does not take them: then the rows wait together.
   */
  async sendToAll(rows: readonly CourierRow[], behind: ReadonlySet<string>): Promise<string[][]> {
    const routes = await this.#routes();
    for (const row of rows) if (!routes.some((route) => wants(route, row))) this.#reportUnwanted(row);
    const without = new Set(behind);
    await Promise.all(
      routes.map(async (route) => {
        const wanted = rows.filter((row) => wants(route, row));
        if (wanted.length === 0 || behind.has(route.id)) return;
        if (!(await this.#gives(route.id, wanted, routes.length === 1))) without.add(route.id);
      }),
    );
    return rows.map((row) => routes.filter((route) => without.has(route.id) && wants(route, row)).map(({ id }) => id));
  }

  /** Hands rows over to the courier of one endpoint, if it still wants them. @throws Error where it does not take them. */
  async sendTo(endpoint: string, rows: readonly CourierRow[]): Promise<void> {
    const route = (await this.#routes()).find(({ id }) => id === endpoint);
    const wanted = route ? rows.filter((row) => wants(route, row)) : [];
    if (wanted.length > 0) await this.#gives(endpoint, wanted, true);
  }

  #reportUnwanted({ type }: CourierRow): void {
    if (this.#unwanted.has(type) || this.#unwanted.size === courierBounds.unwantedTypesMax) return;
    this.#unwanted.add(type);
    this.#ports.unwanted(type);
  }

  /** Whether the courier has stored the rows. */
  async #gives(id: string, rows: readonly CourierRow[], throws: boolean): Promise<boolean> {
    try {
      await this.#ports.accept(id, rows);
      return true;
    } catch (error) {
      // A courier that is full has disabled its endpoint: the next attempt must not wait for it.
      this.#known = undefined;
      if (throws) throw error;
      return false;
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

function wants({ types }: EndpointRoute, { type }: CourierRow): boolean {
  return !types || types.includes(type);
}
