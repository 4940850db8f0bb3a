import { build } from "esbuild";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { projectFolder } from "../../../src/tools/wrangler.ts";
import { descendantsOf, freePort, guardPort, releasePort } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/server.ts";

const host = "127.0.0.1";

/** A Worker that Partita is compared with. */
interface Compared {
  /** Its main module. */
  main: string;
  /** The class of its objects, bound as `OBJECTS`. */
  className: string;
}

/** The floors. */
const floors: Compared = { main: fileURLToPath(new URL("worker.js", import.meta.url)), className: "FloorObject" };

/** The floors, or another Worker, in a workerd of their own, configured like Partita in test/support/server.ts. */
export class FloorServer {
  readonly #worker: Compared;
  readonly #folder = temporaryFolder("partita-floor-");
  #miniflare: Miniflare | undefined;
  #port = 0;

  constructor(worker: Compared = floors) {
    this.#worker = worker;
  }

  get url(): URL {
    return new URL(`http://${host}:${this.#port}`);
  }

  /** The process id of workerd. */
  get pid(): number {
    const found = descendantsOf(process.pid).find(({ command }) => command.includes(`entry=${host}:${this.#port} `));
    if (!found) throw new Error(`${this.#worker.className} does not run`);
    return found.pid;
  }

  async start(): Promise<void> {
    this.#port = await freePort();
    guardPort(this.#port);
    this.#miniflare = new Miniflare(
      convertV4MiniflareOptions({
        name: "floor",
        compatibilityDate: "2026-09-18",
        compatibilityFlags: ["nodejs_compat"],
        modules: [{ type: "ESModule", path: "worker.js", contents: await bundle(this.#worker.main) }],
        durableObjects: { OBJECTS: { className: this.#worker.className, useSQLite: true } },
        // Not needed, but Partita has assets, which are served before the Worker.
        assets: { directory: join(projectFolder, "src", "demo"), routerConfig: { has_user_worker: true } },
        host,
        port: this.#port,
        resourcePersistencePath: this.#folder,
        log: new Log(LogLevel.ERROR),
        handleStructuredLogs: ({ level, message }) => {
          if (level === "error") console.error(`floor: ${message}`);
        },
        cf: false,
      }),
    );
    await this.#miniflare.ready;
  }

  /** Starts it again, without what it has stored. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#miniflare?.dispose();
    releasePort(this.#port);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function bundle(main: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [main],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
  });
  return outputFiles[0]!.text;
}
