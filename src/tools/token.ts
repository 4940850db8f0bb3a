// `npm run token -- --sub alice [--partitions "board-*"] [--permissions "read,submit:*"] [--roles editor] [--tenant acme] [--hours 1]`:
// signs a token for development, by the same settings that the server verifies with, from the environment.
import { parseArgs } from "node:util";
import { SignJWT } from "jose";
import { rulesOf } from "../identity/settings.ts";

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

const { values } = parseArgs({
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
if (!values.sub) fail("Say whom it is for: --sub alice");
if (!(hours > 0 && hours <= 24)) fail("--hours must be more than 0, and at most 24.");
const rules = rulesOf(process.env);
if (typeof rules === "string") fail(rules);
if (!("secret" in rules.keys))
  fail("Tokens of a JWKS are signed by its issuer; here only PARTITA_JWT_SECRET can sign.");

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
