// `npm run stranger`: injects a fault into a shop, and says only which alerts fire. With the runbook and the console find
// out what it is; Enter shows the answer. `npm run stranger -- hot` injects that one.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { firing } from "../../support/alerts.ts";
import { temporaryFolder } from "../../support/server.ts";
import { faults } from "./faults.ts";
import { lastMinute, timeline, World } from "./world.ts";

const names = Object.keys(faults);
const name = process.argv[2] ?? names[Math.floor(Math.random() * names.length)]!;
const fault = faults[name];
if (!fault) throw new Error(`Give none, or one of ${names.join(", ")}.`);
const folder = temporaryFolder("partita-stranger-");
const world = await World.begin(fault.identity, folder);
try {
  const before = await world.scrape();
  const begun = await fault.inject(world, folder);
  const alerts = firing(timeline(before, begun, await fault.goesOn(world)), lastMinute);
  console.log("These alerts fire:");
  for (const { alertname, ...labels } of alerts) console.log(`  ${alertname} ${JSON.stringify(labels)}`);
  console.log(`The runbook: docs/RUNBOOK.md. The console: ${new URL("/console", world.server.url).href}`);
  if (world.token !== undefined) console.log(`Its token: ${world.token}`);
  const asked = createInterface({ input: process.stdin, output: process.stdout });
  await asked.question("What is the cause? ");
  asked.close();
  console.log(`${fault.alert}: ${fault.cause}`);
} finally {
  await world.end();
  rmSync(folder, { recursive: true, force: true });
}
