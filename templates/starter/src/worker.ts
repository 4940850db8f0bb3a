import { SignJWT } from "jose";
import { createAuthority } from "partita";
import { operations } from "partita/parts";
import * as z from "zod/mini";
import { tasks } from "./model.ts";

const authority = createAuthority({
  models: { "list-*": tasks },
  roles: { member: ["read", "submit:*"] },
  // What `npm run console` shows.
  parts: [operations],
});

const asked = z.object({ name: z.string().check(z.regex(/^[\w-]{1,40}$/)) });

/**
 * Signs a token for a name that the page says. Replace it by your own sign-in: everybody who can call this can take any name.
 */
authority.worker.post("/api/token", async (c) => {
  const { success, data } = asked.safeParse(await c.req.json().catch(() => undefined));
  if (!success) return c.text("a name has 1 to 40 letters, digits, _ and -", 400);
  const { PARTITA_JWT_SECRET = "", PARTITA_JWT_ISSUER = "", PARTITA_JWT_AUDIENCE = "" } = c.env;
  const token = await new SignJWT({ partitions: ["list-*"], roles: ["member"] })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(data.name)
    .setIssuer(PARTITA_JWT_ISSUER)
    .setAudience(PARTITA_JWT_AUDIENCE)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(PARTITA_JWT_SECRET));
  return c.text(token);
});

export const { PartitionObject, TenantObject } = authority;
// What `wrangler types` writes names them as types.
export type PartitionObject = InstanceType<typeof PartitionObject>;
export type TenantObject = InstanceType<typeof TenantObject>;
export default authority.worker;
