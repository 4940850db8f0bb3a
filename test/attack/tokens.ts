import { SignJWT } from "jose";

export const identitySettings = {
  PARTITA_JWT_SECRET: "the secret of an attack, of more than 32 bytes",
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
};

/** Who sends requests. */
export interface Principal {
  name: string;
  token: string;
}

/** A principal with a token for one hour and every partition of its tenant. */
export async function principal(
  name: string,
  { tenant = "default", permissions = ["read", "submit:*", "init"] } = {},
): Promise<Principal> {
  const token = await new SignJWT({ tenant, partitions: ["*"], permissions })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(name)
    .setIssuer(identitySettings.PARTITA_JWT_ISSUER)
    .setAudience(identitySettings.PARTITA_JWT_AUDIENCE)
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(identitySettings.PARTITA_JWT_SECRET));
  return { name, token };
}
