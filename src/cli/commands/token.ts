import { defineCommand } from "citty";
import { variablesOf } from "../configuration.ts";
import { devVariables } from "../dev-variables.ts";
import { hoursMax, signToken } from "../sign.ts";

export const token = defineCommand({
  meta: {
    name: "token",
    description:
      "Prints a token for development, signed with the PARTITA_JWT_* of the environment, of .dev.vars or of wrangler.toml",
  },
  args: {
    sub: { type: "string", description: "The subject: the user", required: true },
    partitions: { type: "string", default: "*", description: "Names of partitions, or prefixes that end in *" },
    permissions: { type: "string", default: "read,submit:*,init", description: "What it may do" },
    roles: { type: "string", description: "Roles that the Worker declares" },
    tenant: { type: "string", description: "Its tenant" },
    hours: { type: "string", default: "1", description: `How long it is valid, at most ${hoursMax}` },
  },
  async run({ args: { sub, partitions, permissions, roles = "", tenant, hours } }) {
    const settings = { ...(await variablesOf(".")), ...devVariables("."), ...process.env };
    console.log(await signToken({ sub, partitions, permissions, roles, tenant, hours }, settings));
  },
});
