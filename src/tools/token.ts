// `npm run token`: signs a token for development, see `usage`.
import { Mistake } from "../cli/mistake.ts";
import { signToken } from "../cli/sign.ts";
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
if (!values.sub) fail("Name the subject: --sub alice", 2);
const { sub, partitions, permissions, roles, tenant, hours } = values;
try {
  console.log(await signToken({ sub, partitions, permissions, roles, tenant, hours }, process.env));
} catch (error) {
  if (!(error instanceof Mistake)) throw error;
  fail(error.message, error.exitCode);
}
