// `npm run token`: signs a token for development, see `usage`.
import { SignJWT } from "jose";
import { rulesOf } from "../identity/settings.ts";
import { isId, isReserved } from "../protocol/index.ts";
import { fail, readCommandLine } from "./command-line.ts";

const usage = `usage: npm run token -- --sub alice [--partitions "board-*"] [--permissions "read,submit:*"]
                            [--roles editor] [--tenant acme] [--hours 1]
Prints a token for development. It is signed with the settings that the server verifies with: PARTITA_JWT_SECRET,
PARTITA_JWT_ISSUER and PARTITA_JWT_AUDIENCE in the environment.`;

const { values } = readCommandLine(usage, {
  options: {
    sub: { type: "string" },
    tenant: { type: "string" },
    partitions: { type: "string", default: "*" },
    permissions: { type: "string", default: "read,submit:*,init" },
    roles: { type: "string", default: "" },
    hours: { type: "string", default: "1" },
  },
});
const list = (text: string) => text.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));
const hours = Number(values.hours);
if (!values.sub) fail("Name the subject: --sub alice", 2);
if (!isId(values.sub) || isReserved(values.sub))
  fail(`"${values.sub}" cannot be the subject of a token: see docs/SECURITY.md.`, 2);
if (!(hours > 0 && hours <= 24)) fail("--hours must be more than 0, and at most 24.", 2);
const rules = rulesOf(process.env);
if (typeof rules === "string") fail(rules, 2);
if (!("secret" in rules.keys))
  fail("Only PARTITA_JWT_SECRET can sign here: tokens of a JWKS are signed by their issuer.", 2);

const now = Math.floor(Date.now() / 1_000);
const token = await new SignJWT({
  partitions: list(values.partitions),
  permissions: list(values.permissions),
  roles: list(values.roles),
  ...(values.tenant === undefined ? {} : { tenant: values.tenant }),
})
  .setProtectedHeader({ alg: "HS256", ...(rules.type === undefined ? {} : { typ: rules.type }) })
  .setSubject(values.sub)
  .setIssuer(rules.issuer)
  .setAudience(rules.audience)
  .setJti(crypto.randomUUID())
  .setIssuedAt(now)
  .setExpirationTime(now + Math.ceil(hours * 3_600))
  .sign(rules.keys.secret);
console.log(token);
