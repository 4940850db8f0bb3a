import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { TestServer } from "../support/server.ts";
import type { Grant, InsiemeServer } from "./lab.ts";

const secret = "a secret of at least thirty-two bytes";
const issuer = "https://issuer.example";
const audience = "partita";
/** Tokens here come from the same clock. */
const verified = {
  PARTITA_JWT_SECRET: secret,
  PARTITA_JWT_ISSUER: issuer,
  PARTITA_JWT_AUDIENCE: audience,
  PARTITA_CLOCK_TOLERANCE: "0",
};

/** This server in workerd, for clients of the package. */
export class OurServer implements InsiemeServer {
  readonly leavesGap = false;
  readonly server: TestServer;

  private constructor(server: TestServer) {
    this.server = server;
  }

  /** `open`: tokens are not verified. `origins`: of the pages that may connect. */
  static async start({ open = false, origins }: { open?: boolean; origins?: string } = {}): Promise<OurServer> {
    const settings = open
      ? { PARTITA_IDENTITY: "open" }
      : { ...verified, ...(origins && { PARTITA_ALLOWED_ORIGINS: origins }) };
    const server = new TestServer({ settings, main: fileURLToPath(new URL("worker.ts", import.meta.url)) });
    await server.start();
    return new OurServer(server);
  }

  get pid(): number {
    return this.server.pid;
  }

  address(projectId: string): string {
    const address = new URL(`insieme/${projectId}`, this.server.url);
    address.protocol = "ws:";
    return address.href;
  }

  project(projectId: string): { address: string; projectId: string } {
    return { address: this.address(projectId), projectId };
  }

  /** Of one user with several devices, who may submit notes. `permissions`: others. */
  token(
    { clientId, projectId, expiresAt = Date.now() + 3_600_000 }: Grant,
    permissions: readonly string[] = ["read", "submit:note.*"],
  ): Promise<string> {
    // A token that has expired was issued before.
    const issuedAt = Math.floor(Math.min(Date.now(), expiresAt - 1_000) / 1_000);
    return new SignJWT({ clientId, userId: "ann", partitions: [projectId], permissions })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(clientId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(Math.floor(expiresAt / 1_000))
      .sign(new TextEncoder().encode(secret));
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
