import { defineCommand } from "citty";
import { resolve } from "node:path";
import { Mistake } from "../mistake.ts";
import { projectIn } from "../project.ts";
import { buildStandalone } from "../standalone/build.ts";

export const build = defineCommand({
  meta: {
    name: "build",
    description: "Builds a folder that runs the Worker of this folder on a machine of your own, on workerd",
  },
  args: {
    standalone: { type: "boolean", description: "For a machine of your own; the only kind of build", required: true },
    out: {
      type: "string",
      default: "standalone",
      description: "The folder to write: a new one, or that of an earlier build, whose data stays",
    },
  },
  async run({ args }) {
    if (!args.standalone)
      throw new Mistake("Only --standalone can be built: wrangler deploy builds what it deploys.", 2);
    const folder = resolve(args.out);
    const { secrets, leftOut } = await buildStandalone(projectIn("."), folder);
    console.log(`Built ${folder}: see the README in it.`);
    if (secrets.length > 0) console.log(`It takes these secrets from its environment, too: ${secrets.join(", ")}.`);
    if (leftOut.length > 0)
      console.log(`Of wrangler's configuration it does not have: ${leftOut.join(", ")}. Only the platform does.`);
  },
});
