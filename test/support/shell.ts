import type { Folding, Submission } from "../../src/core/index.ts";
import type { Subject } from "../../src/identity/verify.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { IsolateUse } from "../../src/platform/isolate.ts";
import type { TenantApi } from "../../src/platform/rpc.ts";
import { type Author, type Failure, type Limits, noLimits } from "../../src/protocol/index.ts";
import { type Attachment, Connection } from "../../src/shell/connection.ts";
import type { StreamBody } from "../../src/shell/event-sink.ts";
import type { Effects } from "../../src/model/effects.ts";
import { allParts } from "../../src/shell/all-parts.ts";
import type { EffectPorts, MetricsPorts, ShellPorts } from "../../src/shell/ports.ts";
import type { ShellParts } from "../../src/shell/parts.ts";
import { PartitionShell } from "../../src/shell/partition-shell.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { checkedLine, type LoggedLine } from "./log-lines.ts";
import { bytesPort, type Message, migrations } from "./partition.ts";

/** A tenant that allows everything and has revoked nothing. */
export const generousTenant: TenantApi = {
  attend: async () => ({ seq: 0, revocations: [], limits: {} }),
  claim: async () => undefined,
  grant: async ({ count }) => ({ granted: count, retryAfterMs: 0 }),
};

const nowhere = () => Promise.reject(new Error("no effect is delivered in this test"));

/** What of a shell differs from the usual. */
interface Options {
  /** Undefined: open development mode. */
  tenant?: TenantApi;
  verify?: (token: string) => Promise<Subject | Failure>;
  /** The tag of the keys; undefined: none. */
  keys?: () => string | undefined;
  limits?: Partial<Limits>;
  model?: AnyModel;
  /** What the partition can do; default: all. */
  parts?: ShellParts;
  /** The storage; undefined: a new one. */
  driver?: SqlDriver;
  openBody?: () => StreamBody;
  /** What events cause outside, and where that goes. */
  effects?: Effects;
  effectPorts?: Partial<EffectPorts>;
  /** Signs heads of the log; undefined: there is no key. */
  signHead?: ShellPorts["signHead"];
  /** Where is reported what is counted; undefined: nothing is counted. */
  report?: MetricsPorts["report"];
  /** What is billed of the storage; absent: nothing. */
  billed?: Omit<MetricsPorts, "report">;
  /** The alarm that an earlier shell on the same storage has left, in milliseconds since 1970. */
  armedAt?: number | undefined;
  /** How the state is folded; undefined: as in production. */
  folding?: Folding;
  /** The size of a snapshot chunk, in UTF-16 units; undefined: as in production. */
  snapshotChunkUnits?: number;
  /** What time it is, in milliseconds since 1970. */
  now?: number;
  /** A clock and timers of its own. */
  clock?: Pick<ShellPorts, "now" | "timer" | "afterIo">;
  isolate?: IsolateUse;
}

/** The production shell in Node, on a storage, a clock, timers and an alarm that the test owns. */
export class TestShell {
  now: number;
  readonly driver: SqlDriver;
  readonly shell: PartitionShell;
  readonly logged: LoggedLine[] = [];
  /** When the alarm comes; undefined: none is set. */
  armedAt: number | undefined;
  /** How often an alarm was set: each is a billed row. */
  alarmsSet = 0;
  /** Whether no alarm can be set. */
  alarmFails = false;
  #ids = 0;
  #timers: { at: number; run: () => void }[] = [];

  constructor({
    tenant,
    verify,
    limits,
    model = insieme as AnyModel,
    driver = new NodeSqlDriver(),
    keys = () => undefined,
    openBody,
    effects,
    parts = allParts,
    effectPorts,
    signHead,
    report,
    billed,
    armedAt,
    folding,
    snapshotChunkUnits,
    now = 1_700_000_000_000,
    clock,
    isolate = new IsolateUse(),
  }: Options = {}) {
    this.now = now;
    this.driver = driver;
    this.armedAt = armedAt;
    const id = (digits: number) => (++this.#ids).toString(16).padStart(digits, "0");
    this.shell = new PartitionShell(
      {
        name: { tenant: "default", partition: "room" },
        model,
        effects,
        roles: {},
        parts,
        limits: { ...noLimits, ...limits },
        ...(folding && { folding }),
        ...(snapshotChunkUnits === undefined ? {} : { snapshotChunkUnits }),
      },
      {
        storage: new PartitionStorage(this.driver, migrations, bytesPort),
        random: {
          logId: () => `log-${id(1)}`,
          incarnation: () => id(16),
          traceId: () => id(32),
          peerId: () => `peer-${id(1)}`,
          connectionId: () => `connection-${id(1)}`,
          secret: () => id(64),
          nonce: () => `nonce-${id(1)}`,
          fraction: () => 0.5,
        },
        log: (event, fields) => void this.logged.push(checkedLine(event, fields)),
        now: () => this.now,
        timer: (run, delayMs) => {
          const timer = { at: this.now + delayMs, run };
          this.#timers.push(timer);
          return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
        },
        afterIo: (run) => void this.#timers.push({ at: this.now, run }),
        every: () => () => {},
        armAlarm: async (at) => {
          if (this.alarmFails) throw new Error("database or disk is full");
          this.armedAt = at;
          this.alarmsSet++;
        },
        tenant,
        effects: { submit: nowhere, enqueue: nowhere, webhooks: nowhere, ...effectPorts },
        signHead,
        metrics: report && { report, rowsWritten: () => 0, rowsRead: () => 0, storedBytes: () => 0, ...billed },
        keys,
        verify: verify ?? (async () => ({ code: "unauthenticated", detail: "There are no tokens here." })),
        isolate,
        openBody: () => {
          if (!openBody) throw new Error("no stream is opened in this test");
          return openBody();
        },
        ...clock,
      },
    );
    this.shell.start(armedAt, () => {});
  }

  /** How many timers are pending: an object with one does not hibernate. */
  get timers(): number {
    return this.#timers.length;
  }

  /** The alarm comes, as the platform runs it. */
  async alarm(): Promise<void> {
    this.now = Math.max(this.now, this.armedAt!);
    this.armedAt = undefined;
    await this.shell.alarm();
  }

  /** Submits over HTTP, in a window of its own. */
  async submit(author: Author, submission: Submission): Promise<HttpAnswer> {
    const answer = this.shell.submit(author, "http", submission, 100, { traceId: "f".repeat(32) });
    await turn();
    this.elapse(0);
    return await answer;
  }

  /** Lets time pass, and runs the timers that are due in it. */
  elapse(ms: number): void {
    const end = this.now + ms;
    for (let due; (due = this.#timers.find(({ at }) => at <= end));) {
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.now = Math.max(this.now, due.at);
      due.run();
    }
    this.now = end;
  }

  /**
   * A connection: `author` as the edge verified it; undefined in open development mode, or where the token comes later.
   * `vanished`: its peer gives no sign of life any more. `isStream`: it is one over HTTP, whose stream reports what was read.
   */
  async open(
    author?: Author,
    awaitsToken = false,
    { vanished = false, isStream = false } = {},
  ): Promise<ShellConnection> {
    const openedAt = this.now;
    const frames: string[] = [];
    const read = { units: 0 };
    const ended: number[] = [];
    const saved: Attachment[] = [];
    const opened = await this.shell.connect(author, awaitsToken, () => ({
      send: (frame) => void frames.push(frame),
      end: (code) => void ended.push(code),
      save: (attachment) => void saved.splice(0, 1, attachment),
      lastSignOfLife: () => (vanished ? openedAt : this.now),
      ...(isStream ? { unreadUnits: () => unitsOf(frames) - read.units } : {}),
    }));
    if (!(opened instanceof Connection)) throw new Error(opened.body);
    return new ShellConnection(this.shell, opened, { frames, ended, saved, read });
  }
}

/** What a carrier has received of its connection. */
interface Received {
  frames: string[];
  ended: readonly number[];
  /** The last attachment. */
  saved: readonly Attachment[];
  /** What the reader of a stream has read. */
  read: { units: number };
}

const unitsOf = (frames: readonly string[]): number => frames.reduce((sum, { length }) => sum + length, 0);

/** A connection to a shell. */
export class ShellConnection {
  readonly #shell: PartitionShell;
  readonly #connection: Connection;
  readonly #frames: string[];
  /** The close codes with which it was ended from here. */
  readonly ended: readonly number[];
  readonly #saved: readonly Attachment[];
  readonly #read: { units: number };
  #requests = 0;

  constructor(shell: PartitionShell, connection: Connection, { frames, ended, saved, read }: Received) {
    this.ended = ended;
    this.#shell = shell;
    this.#connection = connection;
    this.#frames = frames;
    this.#saved = saved;
    this.#read = read;
  }

  /** What is stored of it over hibernation. */
  get saved(): Attachment | undefined {
    return this.#saved[0];
  }

  send(type: string, payload: object): void {
    this.raw(JSON.stringify({ id: `m-${++this.#requests}`, type, timestamp: 0, payload }));
  }

  /** Sends a frame. */
  raw(frame: string): void {
    this.#shell.receive(this.#connection, frame);
  }

  /** Its client closes it. */
  close(): void {
    this.#shell.disconnected(this.#connection);
  }

  /** The frames that have come so far. */
  get frames(): readonly string[] {
    return this.#frames;
  }

  /** The size of everything that was sent to it, in UTF-16 units. */
  get sentUnits(): number {
    return unitsOf(this.#frames);
  }

  /** The reader of a stream reads everything that was sent. */
  readAll(): void {
    this.#read.units = this.sentUnits;
    this.#connection.serve();
  }

  /** What has come so far, as messages. */
  get messages(): Message[] {
    return this.#frames.flatMap((frame) => [JSON.parse(frame) as Message].flat());
  }
}

/** Lets what was promised come about. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
