import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { buildWorker } from "../../src/tools/build-worker.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { descendantsOf, freePort, guardPort, releasePort } from "./processes.ts";

const host = "127.0.0.1";

export interface TestServerOptions {
  /** The folder of the data, which `stop` does not remove. Absent: a new folder, which `stop` removes. */
  folder?: string;
  /** Absent: a free port. */
  port?: number;
  /** The variables and secrets of the Worker. Absent: open development mode. */
  settings?: Readonly<Record<string, string>>;
  /** The Worker's main module, with the name `worker.ts`. Absent: the deployed one. */
  main?: string;
  /** Classes of objects that `main` exports besides, by the names of their bindings. */
  objects?: Readonly<Record<string, string>>;
}

/**
 * The real Worker in a real workerd, a child process of this one, with the demo's assets: for tests
 * and benches. It can be killed as by a crash, and restarted on the same data.
 */
export class TestServer {
  readonly #ownFolder: string | undefined;
  readonly #folder: string;
  readonly #settings: Readonly<Record<string, string>>;
  #main: string | undefined;
  readonly #objects: Readonly<Record<string, string>>;
  #port: number | undefined;
  #miniflare: Miniflare | undefined;

  constructor({ folder, port, settings = { PARTITA_IDENTITY: "open" }, main, objects = {} }: TestServerOptions = {}) {
    this.#ownFolder = folder === undefined ? temporaryFolder("partita-data-") : undefined;
    this.#folder = this.#ownFolder ?? folder!;
    this.#settings = settings;
    this.#main = main;
    this.#objects = objects;
    this.#port = port;
  }

  /** Its address, as `http://127.0.0.1:41234`: the same after each restart. */
  get url(): URL {
    if (this.#port === undefined) throw new Error("the server has not been started");
    return new URL(`http://${host}:${this.#port}`);
  }

  /** The process id of workerd. */
  get pid(): number {
    const found = descendantsOf(process.pid).filter(
      ({ command }) => command.includes("workerd") && command.includes(`entry=${host}:${this.#port} `),
    );
    if (found.length !== 1) throw new Error(`${found.length} processes of workerd serve port ${this.#port}`);
    return found[0]!.pid;
  }

  /** Starts workerd, and returns when it accepts requests. The first call of a process builds the Worker, which needs a second. */
  async start(): Promise<void> {
    if (this.#miniflare) throw new Error("the server runs");
    const options = workerOptions(await workerModules(this.#main), this.#settings, this.#objects);
    this.#port ??= await freePort();
    guardPort(this.#port);
    this.#miniflare = new Miniflare(
      convertV4MiniflareOptions({
        ...options,
        host,
        port: this.#port,
        // The other persistence options are ignored.
        resourcePersistencePath: this.#folder,
        log: new Log(LogLevel.ERROR),
        handleStructuredLogs: ({ level, message }) => {
          if (level === "error") console.error(`workerd: ${message}`);
        },
        cf: false,
      }),
    );
    await this.#miniflare.ready;
  }

  /** Kills workerd with SIGKILL. Returns when the process has ended. */
  async kill(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    // In the same turn: otherwise Miniflare would restart the crashed workerd.
    await this.#dispose();
  }

  /** Restarts on the same port and data, after `kill`; kills workerd first if it runs. */
  async restart(): Promise<void> {
    if (this.#miniflare) await this.kill();
    await this.start();
  }

  /** Restarts with another Worker, that of `main`, on the same port and data: no connection survives it. */
  async deploy(main: string | undefined): Promise<void> {
    this.#main = main;
    await this.restart();
  }

  /** Ends the server, and removes its data if the folder is its own. */
  async stop(): Promise<void> {
    await this.#dispose();
    if (this.#port !== undefined) releasePort(this.#port);
    if (this.#ownFolder !== undefined) rmSync(this.#ownFolder, { recursive: true, force: true });
  }

  async #dispose(): Promise<void> {
    const miniflare = this.#miniflare;
    this.#miniflare = undefined;
    await miniflare?.dispose();
  }
}

const builds = new Map<string | undefined, Promise<WorkerModule[]>>();

interface WorkerModule {
  type: "ESModule" | "Text";
  path: string;
  contents: string;
}

/** The modules of the Worker, the main one first; built once per process. */
export function workerModules(main: string | undefined): Promise<WorkerModule[]> {
  const building = builds.get(main) ?? buildModules(main);
  builds.set(main, building);
  return building;
}

async function buildModules(main: string | undefined): Promise<WorkerModule[]> {
  // Built already, by build-once.ts.
  const built = process.env["PARTITA_BUILT"];
  if (built !== undefined && main === undefined) return readModules(built);
  const folder = temporaryFolder("partita-worker-");
  try {
    await buildWorker(folder, main);
    return readModules(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readModules(folder: string): WorkerModule[] {
  const sql = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return ["worker.js", ...sql].map((name) => ({
    type: name === "worker.js" ? "ESModule" : "Text",
    path: name,
    contents: readFileSync(join(folder, name), "utf8"),
  }));
}

/** The compatibility date and flags of wrangler.toml. */
export function compatibility(): { date: string; flags: string[] } {
  const settings = readFileSync(join(projectFolder, "wrangler.toml"), "utf8");
  const [, date] = /^compatibility_date = "([\d-]+)"$/m.exec(settings) ?? [];
  const [, flags] = /^compatibility_flags = (\[.*\])$/m.exec(settings) ?? [];
  if (date === undefined || flags === undefined) throw new Error("wrangler.toml has no compatibility");
  return { date, flags: JSON.parse(flags) as string[] };
}

/** The Worker as wrangler.toml declares it. */
function workerOptions(
  modules: WorkerModule[],
  bindings: Readonly<Record<string, string>>,
  objects: Readonly<Record<string, string>>,
) {
  const { date, flags } = compatibility();
  return {
    name: "partita",
    compatibilityDate: date,
    compatibilityFlags: flags,
    modules,
    bindings: { PARTITA_PAGES: "on", ...bindings },
    durableObjects: {
      PARTITIONS: { className: "PartitionObject", useSQLite: true },
      TENANTS: { className: "TenantObject", useSQLite: true },
      COURIERS: { className: "CourierObject", useSQLite: true },
      METRICS: { className: "MetricsObject", useSQLite: true },
      ...Object.fromEntries(
        Object.entries(objects).map(([binding, className]) => [binding, { className, useSQLite: true }]),
      ),
    },
    assets: {
      directory: join(projectFolder, "dist", "demo"),
      binding: "ASSETS",
      routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
    },
  };
}

/** A new folder under the system's folder for temporary files. */
export function temporaryFolder(prefix: string): string {
  return mkdtempSync(join(tmpdir(), prefix));
}
