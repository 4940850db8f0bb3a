// Where the Worker's CPU time goes: its functions, for a stream of events
// and for its fan-out, from V8's sampling profiler. The line numbers are those of the bundle, which is kept.
// Run: node --disable-warning=ExperimentalWarning test/bench/profile.ts
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { buildWorker } from "../../src/tools/build-worker.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { descendantsOf, freePort } from "../support/processes.ts";
import { Inspector } from "./inspector.ts";
import { LoadGenerator } from "./load.ts";

/** Functions that are listed. */
const functionsShown = 30;

const percent = (share: number): string => `${(share * 100).toFixed(1).padStart(5)}%`;

const bundle = join(projectFolder, "dist", "profile");
mkdirSync(bundle, { recursive: true });
await buildWorker(bundle);
const files = ["worker.js", ...readdirSync(bundle).filter((name) => name.endsWith(".sql"))];
const port = await freePort();
const inspectorPort = await freePort();
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    name: "partita",
    compatibilityDate: "2026-09-18",
    compatibilityFlags: ["nodejs_compat"],
    modules: files.map((name) => ({
      type: name === "worker.js" ? ("ESModule" as const) : ("Text" as const),
      path: name,
      contents: readFileSync(join(bundle, name), "utf8"),
    })),
    bindings: { PARTITA_IDENTITY: "open" },
    durableObjects: { PARTITIONS: { className: "PartitionObject", useSQLite: true } },
    host: "127.0.0.1",
    port,
    inspectorPort,
    log: new Log(LogLevel.ERROR),
    cf: false,
  }),
);
await miniflare.ready;
const server = descendantsOf(process.pid).find(({ command }) => command.includes(`entry=127.0.0.1:${port} `))!.pid;
const generator = new LoadGenerator();
const inspector = await Inspector.open(inspectorPort);
try {
  console.log(`Lines are those of ${relative(projectFolder, bundle)}/worker.js.`);
  for (const subscribers of [0, 100, 1_000]) {
    const stream = (partition: string, measureEvents: number) =>
      generator.run({
        kind: "stream",
        address: { server: `http://127.0.0.1:${port}`, partition },
        pid: server,
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
  await miniflare.dispose();
}
