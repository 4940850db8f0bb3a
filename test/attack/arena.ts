import { copyFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestServer, temporaryFolder } from "../support/server.ts";
import { Meter } from "./meter.ts";
import { databaseOf, type PreparedEvent, writeLog } from "./prepared.ts";
import { AttackSocket, type Traffic } from "./socket.ts";
import { identitySettings, type Principal, principal } from "./tokens.ts";

/** The answer to a request. */
export interface HttpAnswer {
  status: number;
  body: Buffer;
  /** The code of the problem, or the status. */
  kind: string;
}

/** The server that is attacked, its prepared partitions, and the attacker's ways to it. */
export class Arena {
  /** Small partitions and few repetitions: for the tests of answers. */
  readonly quick: boolean;
  readonly folder = temporaryFolder("partita-attack-");
  readonly server = new TestServer({
    folder: this.folder,
    settings: identitySettings,
    main: fileURLToPath(new URL("worker.ts", import.meta.url)),
    objects: { BARE: "BareObject" },
  });
  readonly #prepared = new Map<string, string>();
  readonly #loaded = new Set<string>();
  readonly #shared = new Map<string, string>();
  #names = 0;
  /** What the attackers have sent and received since the start. */
  readonly traffic: Traffic = { requests: 0, sentBytes: 0, receivedBytes: 0 };

  constructor(quick: boolean) {
    this.quick = quick;
  }

  get url(): URL {
    return this.server.url;
  }

  get meter(): Meter {
    return new Meter(this.server.pid);
  }

  /** A number for a full run, and one for a quick one. */
  size(full: number, quick: number): number {
    return this.quick ? quick : full;
  }

  async start(): Promise<void> {
    await this.server.start();
    const admin = await this.unlimited("admin", ["admin:*"]);
    const body = JSON.stringify({ principal: null, replays: null });
    const { status } = await this.http(admin, "/v1/limits", { method: "PUT", body });
    if (status !== 200) throw new Error(`the limits were answered ${status}`);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A principal that has used nothing of its rates. */
  attacker(): Promise<Principal> {
    return principal(`attacker-${++this.#names}`);
  }

  /** A principal of a tenant without rates: for what rates would end before a bound is reached. */
  unlimited(name = `unlimited-${++this.#names}`, permissions?: string[]): Promise<Principal> {
    return principal(name, { tenant: "unlimited", ...(permissions && { permissions }) });
  }

  /** A name that was never used. */
  fresh(prefix = "fresh"): string {
    return `${prefix}-${++this.#names}`;
  }

  /** A new partition with this log; the log of each `name` is made once, and copied. */
  prepared(name: string, events: () => Iterable<PreparedEvent>): string {
    const partition = this.fresh(name);
    const master = this.#prepared.get(name);
    if (master === undefined) {
      writeLog(this.folder, partition, events());
      // The copies are made of a file that the server never opens.
      const copy = `${databaseOf(this.folder, partition)}-master`;
      copyFileSync(databaseOf(this.folder, partition), copy);
      this.#prepared.set(name, copy);
      return partition;
    }
    const file = databaseOf(this.folder, partition);
    copyFileSync(master, file);
    const driver = new NodeSqlDriver(file);
    driver.transaction(() => driver.wrote("UPDATE log SET partition = ?, log_id = ?", partition, crypto.randomUUID()));
    driver.close();
    return partition;
  }

  /** One partition for all rounds: for logs that are large, and that the attack does not change. */
  shared(name: string, events: () => Iterable<PreparedEvent>): string {
    const known = this.#shared.get(name);
    if (known !== undefined) return known;
    const partition = this.fresh(name);
    writeLog(this.folder, partition, events());
    this.#shared.set(name, partition);
    return partition;
  }

  connect(partition: string, who: Principal, wishes: object = {}): Promise<AttackSocket> {
    return AttackSocket.connect(this, partition, who, wishes);
  }

  /** A request of the attacker. Undici's `fetch` would share its connections between attackers, and parse the answer. */
  http(
    who: Principal,
    path: string,
    { method = "GET", body, key }: { method?: string; body?: string; key?: string } = {},
  ): Promise<HttpAnswer> {
    const headers: Record<string, string> = { authorization: `Bearer ${who.token}` };
    this.traffic.requests++;
    this.traffic.sentBytes += body?.length ?? 0;
    if (key !== undefined) headers["idempotency-key"] = key;
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.url), { method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => {
          this.traffic.receivedBytes += chunk.length;
          chunks.push(chunk);
        });
        response.on("error", reject);
        response.on("end", () => {
          const status = response.statusCode!;
          const whole = Buffer.concat(chunks);
          const [, code] = status >= 400 ? (/"code":"([a-z_]+)"/.exec(String(whole)) ?? []) : [];
          resolve({ status, body: whole, kind: code ?? String(status) });
        });
      });
      asked.on("error", reject);
      asked.end(body);
    });
  }

  /** The same traffic with a Worker that does nothing but read and send: the mean of each request. */
  async bare(who: Principal, { requests, sentBytes, receivedBytes }: Traffic): Promise<void> {
    const body = "x".repeat(sentBytes / requests);
    const path = `/bare?bytes=${Math.round(receivedBytes / requests)}`;
    for (let left = requests; left > 0; left--) await this.http(who, path, { method: "POST", body });
  }

  /** Submits one event over HTTP. */
  submit(who: Principal, partition: string, key: string, event: object): Promise<HttpAnswer> {
    return this.http(who, `/v1/partitions/${partition}/events`, { method: "POST", key, body: JSON.stringify(event) });
  }

  /**
   * Has the server load the state of a partition: from a snapshot, because folding a long log leaves a process that is
   * larger than an attack could make it. `event` is submitted after that.
   */
  async load(partition: string, event?: PreparedEvent): Promise<void> {
    const founder = await this.attacker();
    const submit = ({ type, payload }: PreparedEvent) =>
      this.submit(founder, partition, crypto.randomUUID(), { type, payload });
    if (!this.#loaded.has(partition)) {
      this.#loaded.add(partition);
      await submit({ type: "set", payload: { target: "loaded", value: true } });
      await this.meter.settle();
      await this.server.restart();
    }
    await this.http(founder, `/v1/partitions/${partition}/state`);
    if (event) await submit(event);
    await this.meter.settle();
  }
}
