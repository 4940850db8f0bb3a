import type { Endpoint, EndpointSecret, EndpointState } from "../../platform/courier-api.ts";
import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";
import { bytesOf, textOf } from "../text.ts";

/** The table `endpoints` of the tenant's migration 0002. */
export class EndpointsTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(id: string): Endpoint | undefined {
    const [row] = this.#database.read("SELECT * FROM endpoints WHERE id = ?", id);
    return row && endpointOf(row);
  }

  /** All, in the order of their ids. */
  all(): Endpoint[] {
    return this.#database.read("SELECT * FROM endpoints ORDER BY id").map(endpointOf);
  }

  /** Stores an endpoint; one of the same id is replaced. */
  put({ id, url, types, state, paused, reason, ownHost, secrets, createdAt }: Endpoint): void {
    this.#database.write(
      "INSERT OR REPLACE INTO endpoints (id, url, types, state, paused, reason, own_host, secrets, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      id,
      url,
      types === undefined ? null : bytesOf(JSON.stringify(types)),
      state,
      paused ? 1 : 0,
      reason ?? null,
      ownHost,
      bytesOf(JSON.stringify(secrets)),
      createdAt,
    );
  }

  remove(id: string): void {
    this.#database.write("DELETE FROM endpoints WHERE id = ?", id);
  }
}

function endpointOf(row: SqlRow): Endpoint {
  const types = row["types"] as Uint8Array | null;
  const reason = row["reason"] as string | null;
  return {
    id: row["id"] as string,
    url: row["url"] as string,
    ...(types === null ? {} : { types: JSON.parse(textOf(types)) as string[] }),
    state: row["state"] as EndpointState,
    paused: row["paused"] === 1,
    ...(reason === null ? {} : { reason }),
    ownHost: row["own_host"] as string,
    secrets: JSON.parse(textOf(row["secrets"] as Uint8Array)) as EndpointSecret[],
    createdAt: row["created_at"] as number,
  };
}
