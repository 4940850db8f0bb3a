import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { defineCommand } from "citty";
import { serveConsole } from "../console/serve.ts";
import { consolePath, siteIn } from "../console/site.ts";
import { portOf } from "../port.ts";
import { serverAt, serverDescription } from "../server.ts";

/** In the package: beside `lib`. */
const consoleFolder = fileURLToPath(new URL("../../../console", import.meta.url));
const portDefault = 8790;

export const consoleCommand = defineCommand({
  meta: {
    name: "console",
    description:
      "Serves the console on this machine: what is in the partitions of a server, and why something was refused",
  },
  args: {
    url: { type: "string", description: serverDescription },
    port: { type: "string", default: String(portDefault), description: "The port of the console" },
  },
  async run({ args: { url, port } }) {
    const target = serverAt(url);
    const server = await serveConsole(siteIn(consoleFolder, target.origin), target, portOf(port));
    console.log(`The console of ${target.origin}: http://127.0.0.1:${port}${consolePath}`);
    console.log('Where it asks for a token, this prints one: npx partita token --sub me --permissions "read,admin:*"');
    await once(server, "close");
  },
});
