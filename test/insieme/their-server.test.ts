// The server of the package is the reference for what the scenarios expect.
import { afterEach, beforeEach, describe, test } from "vitest";
import { disks } from "./disks.ts";
import { nodeLab } from "./node-lab.ts";
import { scenarios, wireScenarioNames } from "./scenarios.ts";
import { TheirServer } from "./their-server.ts";

let server: TheirServer;
// One for each: its numbers are not those of a project, but of its whole database.
beforeEach(async () => {
  server = await TheirServer.start();
});
afterEach(() => server.stop());

for (const [kind, newDisk] of Object.entries(disks)) {
  describe(`the server of the package, and a client with ${kind}`, () => {
    for (const [name, run] of Object.entries(scenarios)) {
      if (kind !== "memory" && wireScenarioNames.includes(name)) continue;
      test(`[WP-13] ${name}`, () => run(nodeLab(server, newDisk)));
    }
  });
}
