import { describe, expect, it } from "vitest";
import { bounds } from "../../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../../src/storage/node.ts";
import { TenantStorage } from "../../../src/storage/tenant/storage.ts";
import { Endpoints } from "../../../src/tenant/endpoints.ts";
import { migrationsIn } from "../../support/partition.ts";

const day = 24 * 60 * 60_000;

function withEndpoint(): Endpoints {
  const storage = new TenantStorage(new NodeSqlDriver(), migrationsIn("tenant"));
  storage.open(0);
  const endpoints = new Endpoints(storage);
  const url = "https://example.com/";
  endpoints.put({ id: "billing", url, paused: false, ownHost: "partita.example.com", secret: { sealed: "s0" } }, 0);
  return endpoints;
}

describe("the endpoints of a tenant", () => {
  it("[AU-11] rotated twice in a day, the secret that the receiver has still signs for its day", () => {
    const endpoints = withEndpoint();
    const secretsAfter = (sealed: string, now: number) =>
      endpoints.rotate("billing", { sealed }, now + day, now)!.secrets;
    secretsAfter("s1", 10);
    expect(secretsAfter("s2", 20)).toEqual([
      { sealed: "s2" },
      { sealed: "s1", until: 20 + day },
      { sealed: "s0", until: 10 + day },
    ]);
    expect(secretsAfter("s3", 10 + day)).toEqual([
      { sealed: "s3" },
      { sealed: "s2", until: 10 + 2 * day },
      { sealed: "s1", until: 20 + day },
    ]);
    for (let at = 0; at < 20; at++) secretsAfter(`more-${at}`, 30 + day);
    expect(endpoints.find("billing")!.secrets).toHaveLength(bounds.endpointSecretsMax);
  });
});
