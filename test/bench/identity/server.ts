import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { TestServer } from "../../support/server.ts";

const settings = {
  PARTITA_JWT_SECRET: "the secret of a bench, of more than 32 bytes",
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
};

/** A Partita server that verifies tokens, see worker.ts. */
export const verifiedServer = (): TestServer =>
  new TestServer({ settings, main: fileURLToPath(new URL("worker.ts", import.meta.url)) });

/** A Partita server in open development mode that has no metrics, see bare/worker.ts. */
export const bareServer = (): TestServer =>
  new TestServer({ main: fileURLToPath(new URL("bare/worker.ts", import.meta.url)) });

/** A token that it accepts, for one hour and every partition. */
export function benchToken(): Promise<string> {
  return new SignJWT({ partitions: ["*"], permissions: ["read", "submit:*"] })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("bench")
    .setIssuer(settings.PARTITA_JWT_ISSUER)
    .setAudience(settings.PARTITA_JWT_AUDIENCE)
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(settings.PARTITA_JWT_SECRET));
}
