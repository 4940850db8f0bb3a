import { SignJWT } from "jose";
import { type IdentitySettings, rulesOf } from "../identity/settings.ts";
import { isId, isReserved } from "../protocol/index.ts";
import { Mistake } from "./mistake.ts";

/** What a token says; lists are texts with commas. */
export interface TokenText {
  sub: string;
  partitions: string;
  permissions: string;
  roles: string;
  tenant: string | undefined;
  hours: string;
}

/** The longest lifetime of a token for development. */
export const hoursMax = 24;

const list = (text: string) => text.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));

/** Signs a token with the settings that a server verifies with. @throws Mistake */
export async function signToken(
  { sub, partitions, permissions, roles, tenant, hours: hoursText }: TokenText,
  settings: IdentitySettings,
): Promise<string> {
  const hours = Number(hoursText);
  if (!isId(sub) || isReserved(sub))
    throw new Mistake(`"${sub}" cannot be the subject of a token: see docs/SECURITY.md.`, 2);
  if (!(hours > 0 && hours <= hoursMax)) throw new Mistake(`--hours must be more than 0, and at most ${hoursMax}.`, 2);
  const rules = rulesOf(settings);
  if (typeof rules === "string") throw new Mistake(rules, 2);
  if (!("secret" in rules.keys))
    throw new Mistake("Only PARTITA_JWT_SECRET can sign here: tokens of a JWKS are signed by their issuer.", 2);
  const now = Math.floor(Date.now() / 1_000);
  return await new SignJWT({
    partitions: list(partitions),
    permissions: list(permissions),
    roles: list(roles),
    ...(tenant === undefined ? {} : { tenant }),
  })
    .setProtectedHeader({ alg: "HS256", ...(rules.type === undefined ? {} : { typ: rules.type }) })
    .setSubject(sub)
    .setIssuer(rules.issuer)
    .setAudience(rules.audience)
    .setJti(crypto.randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(hours * 3_600))
    .sign(rules.keys.secret);
}
