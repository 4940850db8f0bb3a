// Shows which functions use the Worker's CPU time, for a stream of events and for its fan-out, by V8's sampling profiler.
// The line numbers refer to the bundle, which is kept.
// Run: node --disable-warning=ExperimentalWarning test/bench/profile.ts
import { mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { buildWorker } from "../../src/tools/build-worker.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { freePort } from "../support/processes.ts";
import { startBundle } from "./bundle.ts";
import { Inspector } from "./inspector.ts";
import { LoadGenerator } from "./load.ts";

/** The most functions that are listed. */
const functionsShown = 30;

const percent = (share: number): string => `${(share * 100).toFixed(1).padStart(5)}%`;

const bundle = join(projectFolder, "dist", "profile");
mkdirSync(bundle, { recursive: true });
await buildWorker(bundle);
const inspectorPort = await freePort();
const server = await startBundle(bundle, { inspectorPort });
const generator = new LoadGenerator();
const inspector = await Inspector.open(inspectorPort);
try {
  console.log(`Lines are those of ${relative(projectFolder, bundle)}/worker.js.`);
  for (const subscribers of [0, 100, 1_000]) {
    const stream = (partition: string, measureEvents: number) =>
      generator.run({
        kind: "stream",
        address: { server: server.origin, partition },
        pid: server.pid,
        publishers: 8,
        inFlight: subscribers > 100 ? 16 : 64,
        subscribers,
        stream: { event: "push", prefix: "n" },
        makeTree: true,
        warmupEvents: subscribers > 100 ? 1_000 : 8_000,
        measureEvents,
      });
    await stream(`warm-${subscribers}`, 100);
    let result: unknown;
    const costs = await inspector.profile(
      async () => (result = await stream(`hot-${subscribers}`, subscribers > 100 ? 5_000 : 30_000)),
    );
    console.log(`\n${subscribers} subscribers: ${JSON.stringify(result)}`);
    for (const by of ["self", "total"] as const) {
      console.log(`  self  total  by ${by}`);
      for (const { name, self, total } of costs.sort((a, b) => b[by] - a[by]).slice(0, functionsShown)) {
        console.log(`${percent(self)} ${percent(total)}  ${name}`);
      }
    }
  }
} finally {
  inspector.close();
  generator.stop();
  await server.stop();
}
