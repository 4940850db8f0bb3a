import { allParts } from "../../src/shell/all-parts.ts";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { bytesPort, hmac } from "../../src/platform/hash.ts";
import {
  type Command,
  complete,
  newSession,
  Partition,
  type Ports,
  type Reply,
  Session,
  type SessionState,
  type SnapshotDraft,
  snapshotJob,
  sweepRecords,
  sweepSockets,
} from "../../src/core/index.ts";
import type { Effects } from "../../src/model/effects.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { partitaDialect } from "../../src/wire/partita/codec.ts";
import type { LogDialect } from "../../src/wire/dialect.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import type { Migration } from "../../src/storage/migrations.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { checkedLine, type LoggedLine } from "./log-lines.ts";

/** SHA-256, as the shell passes it to the core. */
export const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());

export { bytesPort, hmac };

/** The migrations as they are on disk. */
export const migrationsIn = (folder: string): Migration[] => {
  const base = new URL(`../../migrations/${folder}/`, import.meta.url);
  return readdirSync(base)
    .filter((name) => name.endsWith(".sql"))
    .toSorted()
    .map((name) => {
      const sql = readFileSync(new URL(name, base), "utf8");
      return { number: Number(name.slice(0, 4)), sql, sha256: sha256(sql) };
    });
};

/** The migrations of a partition. */
export const migrations = migrationsIn(".");

/** A sent message, parsed. */
// Tests look into messages of every type
export type Message = any;

/** The kind of a reply; for the verdict on a single draft, its result. */
function kindOf(reply: Reply): string {
  return reply.kind === "decided" && reply.mode === "single" ? reply.verdict.results[0]!.kind : reply.kind;
}

/** A connection of a test, with what it has received: the kinds and the frames. */
export class TestConnection {
  /** The kinds of all received replies and broadcasts. */
  readonly received: string[] = [];
  readonly frames: string[] = [];
  readonly session: Session;
  /** The session in the socket's attachment. */
  saved: SessionState;
  /** How often the attachment was written. */
  saves = 0;
  readonly #host: TestPartition;
  #requests = 0;

  constructor(host: TestPartition, state: SessionState) {
    this.#host = host;
    this.saved = state;
    this.session = new Session(
      {
        mayVanish: true,
        deliver: (replies, broadcasts) => {
          this.received.push(...replies.map(kindOf), ...broadcasts.map(() => "broadcast"));
          const { state, broadcastsNameDraftsOf } = this.session;
          const frames = host.codec.frames(replies, broadcasts, state.wire, broadcastsNameDraftsOf);
          this.frames.push(...frames);
        },
        save: (saved) => {
          this.saved = structuredClone(saved);
          this.saves++;
        },
      },
      state,
    );
  }

  /** Sends a frame, and returns the messages that this connection received for it. */
  raw(frame: string | ArrayBuffer): Message[] {
    const before = this.frames.length;
    const { partition, codec, now } = this.#host;
    const messages = this.session.state.client && codec.messages(frame);
    const commands = (messages ?? [frame]).map((message) => this.#commandOf(message));
    const work = commands
      .filter((command) => command !== undefined)
      .map((command) => ({ session: this.session, command }));
    if (work.length > 0) partition.process(work, now);
    return this.frames.slice(before).map((text) => JSON.parse(text) as Message);
  }

  #commandOf(message: string | ArrayBuffer): Command | undefined {
    const { partition, codec, now } = this.#host;
    const decoded = codec.decode(message);
    // Tokens are not verified here, as in open development mode.
    if (decoded.kind === "token") return decoded.command(undefined);
    return decoded.kind === "presence" ? partition.show(this.session, decoded, now) : decoded;
  }

  send(type: string, payload: object): Message[] {
    return this.raw(JSON.stringify({ id: `m-${++this.#requests}`, type, timestamp: this.#host.now, payload }));
  }

  connect(clientId: string, more: object = {}): Message[] {
    return this.send("connect", { clientId, version: "0.0.8", ...more });
  }

  submit(draftId: string, type: string, payload: unknown, more: object = {}): Message {
    const { expectedEventId, ...event } = more as { expectedEventId?: unknown };
    return this.send("submit_event", { draftId, event: { type, payload, ...event }, expectedEventId })[0];
  }

  /** The messages of one type so far. */
  of(type: string): Message[] {
    return this.frames
      .flatMap((frame) => [JSON.parse(frame) as Message].flat())
      .filter((message) => message.type === type);
  }
}

/** A partition in Node: the production core on the storage, the clock and the randomness of the test. */
export class TestPartition {
  now = 1_700_000_000_000;
  codec: LogDialect;
  readonly driver: SqlDriver;
  readonly logged: LoggedLine[] = [];
  /** What the partition has measured, by counter and label. */
  readonly counted: Record<string, number> = {};
  /** How many bytes connections have not read. */
  unread = 0;
  /** The counts that the partition has requested of the tenant's rate. */
  readonly asked: number[] = [];
  partition: Partition;
  /** Whether timers can recur, from the next restart on. */
  recurs = true;
  /** Whether its Worker has effects and timers, from the next `restart` on. */
  causes = true;
  readonly #name: string;
  readonly #model: AnyModel;
  readonly #effects: Effects | undefined;
  #ids = 0;
  #sweepSockets: () => void = () => {};
  #snapshot: SnapshotDraft | undefined;
  #incarnations = 0;
  #timers: { at: number; run: (now: number) => void }[] = [];

  constructor({
    model = insieme as AnyModel,
    driver = new NodeSqlDriver() as SqlDriver,
    name = "room",
    wrap = (storage: PartitionStorage) => storage as Ports["storage"],
    effects = undefined as Effects | undefined,
  } = {}) {
    this.#name = name;
    this.#model = model;
    this.driver = driver;
    this.#effects = effects;
    this.partition = this.#create(wrap);
    this.codec = partitaDialect(name, this.partition.authors);
  }

  /** A new incarnation on the same storage, as after an eviction or a crash. */
  restart(model: AnyModel = this.#model): void {
    this.#timers = [];
    this.partition = this.#create((storage) => storage, model);
    this.codec = partitaDialect(this.#name, this.partition.authors);
  }

  open(author?: SessionState["author"]): TestConnection {
    return this.attach(newSession(author));
  }

  attach(state: SessionState): TestConnection {
    const connection = new TestConnection(this, state);
    this.partition.attach(connection.session, this.now);
    return connection;
  }

  /** Closes a connection, as its peer or the shell does. */
  close({ session }: TestConnection): void {
    this.partition.detach(session);
  }

  /** How many timers are pending: an object with one does not hibernate. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Advances the clock, and runs the timers that become due. */
  elapse(ms: number): void {
    const end = this.now + ms;
    for (let due; (due = this.#timers.find(({ at }) => at <= end));) {
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.now = Math.max(this.now, due.at);
      due.run(this.now);
    }
    this.now = end;
  }

  /** Opens a connection, and sends its `connect`. */
  client(clientId: string, more: object = {}): TestConnection {
    const connection = this.open();
    connection.connect(clientId, more);
    return connection;
  }

  /** Runs the due jobs, but writes no snapshot. Returns the snapshot that is due, or undefined. */
  runJobs(now = this.now, sweepSockets: () => void = () => {}): SnapshotDraft | undefined {
    this.#sweepSockets = sweepSockets;
    this.#snapshot = undefined;
    // The follow-ups are those of the jobs of #create: they run at once.
    for (const followUp of this.partition.runJobs(now)) void followUp();
    return this.#snapshot;
  }

  /** Does what the object does at its alarm: runs the due jobs, and writes the snapshot. */
  runDue(now = this.now, sweepSockets: () => void = () => {}): void {
    const draft = this.runJobs(now, sweepSockets);
    if (!draft) return;
    const text = [...draft.state].join("");
    const bytes = new Uint8Array(gzipSync(text));
    this.partition.putSnapshotChunk(draft.eventId, 0, bytes, now);
    this.partition.completeSnapshot(draft, Buffer.byteLength(text), "gzip", sha256(bytes), now);
  }

  state(at?: number): unknown {
    return JSON.parse([...complete(this.partition.stateAt(at, this.now)).state].join(""));
  }

  #create(wrap: (storage: PartitionStorage) => Ports["storage"], model = this.#model): Partition {
    const name = { tenant: "default", partition: this.#name };
    const ports: Ports = {
      storage: wrap(new PartitionStorage(this.driver, migrations, bytesPort)),
      random: {
        logId: () => `log-${++this.#ids}`,
        incarnation: () => (++this.#incarnations).toString(16).padStart(16, "0"),
        traceId: () => (++this.#ids).toString(16).padStart(32, "0"),
        peerId: () => `peer-${++this.#ids}`,
        secret: () => (++this.#ids).toString(16).padStart(64, "0"),
        fraction: () => 0.5,
      },
      sha256,
      hmac,
      defer: (run, delayMs) => void this.#timers.push({ at: this.now + delayMs, run }),
      log: (event, fields) => void this.logged.push(checkedLine(event, fields)),
      measure: (counter, by, label) => {
        const name = label === undefined ? counter : `${counter} ${label}`;
        this.counted[name] = (this.counted[name] ?? 0) + by;
      },
      unread: () => this.unread,
      askTenant: (count) => void this.asked.push(count),
    };
    const jobs = [
      sweepRecords,
      snapshotJob(async (draft) => void (this.#snapshot = draft)),
      sweepSockets(() => this.#sweepSockets()),
    ];
    const { dialects: _, causing, nextOccurrence, ...others } = allParts;
    const parts = {
      ...others,
      ...(this.recurs && { nextOccurrence }),
      ...(this.causes && { causing, effects: this.#effects }),
      jobs,
    };
    const partition = new Partition(name, model, ports, parts);
    partition.open(this.now);
    return partition;
  }
}
