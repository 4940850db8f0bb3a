import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { descendantsOf, freePort, guardPort, releasePort } from "../support/processes.ts";
import { temporaryFolder } from "../support/server.ts";

/** A built Worker in a workerd of its own, in open development mode. */
export interface BundleServer {
  /** As `http://127.0.0.1:41234`. */
  origin: string;
  /** The process id of its workerd. */
  pid: number;
  stop(): Promise<void>;
}

/** Starts a build of `npm run deploy:dry`: a folder with `worker.js` and the SQL files that it loads. */
export async function startBundle(folder: string, inspector: { inspectorPort?: number } = {}): Promise<BundleServer> {
  const storage = temporaryFolder("partita-bundle-");
  const files = ["worker.js", ...readdirSync(folder).filter((name) => name.endsWith(".sql"))];
  const port = await freePort();
  guardPort(port);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "partita",
      compatibilityDate: "2026-09-18",
      compatibilityFlags: ["nodejs_compat"],
      modules: files.map((name) => ({
        type: name === "worker.js" ? ("ESModule" as const) : ("Text" as const),
        path: name,
        contents: readFileSync(join(folder, name), "utf8"),
      })),
      bindings: { PARTITA_IDENTITY: "open" },
      durableObjects: { PARTITIONS: { className: "PartitionObject", useSQLite: true } },
      host: "127.0.0.1",
      port,
      ...inspector,
      resourcePersistencePath: storage,
      log: new Log(LogLevel.ERROR),
      handleStructuredLogs: ({ level, message }) => {
        if (level === "error") console.error(`${folder}: ${message}`);
      },
      cf: false,
    }),
  );
  await miniflare.ready;
  return {
    origin: `http://127.0.0.1:${port}`,
    pid: descendantsOf(process.pid).find(({ command }) => command.includes(`entry=127.0.0.1:${port} `))!.pid,
    async stop() {
      await miniflare.dispose();
      releasePort(port);
      rmSync(storage, { recursive: true, force: true });
    },
  };
}
