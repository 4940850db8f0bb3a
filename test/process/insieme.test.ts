// The published clients of the package `insieme`, unmodified, with each of their stores, against this server in workerd.
import { afterAll, beforeAll, describe, test } from "vitest";
import { disks } from "../insieme/disks.ts";
import { nodeLab } from "../insieme/node-lab.ts";
import { OurServer } from "../insieme/our-server.ts";
import { scenarios, wireScenarioNames } from "../insieme/scenarios.ts";

/** None of them takes long. */
const timeoutMs = 60_000;

let server: OurServer;
beforeAll(async () => {
  server = await OurServer.start();
});
afterAll(() => server?.stop());

for (const [kind, newDisk] of Object.entries(disks)) {
  describe(`a client of Insieme with ${kind}`, () => {
    for (const [name, run] of Object.entries(scenarios)) {
      if (kind !== "memory" && wireScenarioNames.includes(name)) continue;
      test(`[WP-13] [EC-11] ${name}`, () => run(nodeLab(server, newDisk)), timeoutMs);
    }
  });
}
