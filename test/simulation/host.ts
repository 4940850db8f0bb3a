import { type Draft, type Folding, single } from "../../src/core/index.ts";
import type { Effects } from "../../src/model/effects.ts";
import type { AnyModel } from "../../src/model/index.ts";
import type { TenantChanges } from "../../src/platform/rpc.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { type Author, bounds, type Json, type Limits } from "../../src/protocol/index.ts";
import type { LogValues } from "../../src/protocol/log-fields.ts";
import { type Attachment, type Carrier, Connection } from "../../src/shell/connection.ts";
import { allParts } from "../../src/shell/all-parts.ts";
import { EventSink, type StreamBody, type StreamWriter } from "../../src/shell/event-sink.ts";
import { PartitionShell } from "../../src/shell/partition-shell.ts";
import type { ShellPorts } from "../../src/shell/ports.ts";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { Conversation, type Talk } from "./conversation.ts";
import type { Fault, FaultyDisk } from "./disk.ts";
import { Incarnation } from "./incarnation.ts";
import type { Ledger } from "./ledger.ts";
import type { ServerLink } from "./link.ts";
import type { Random } from "./random.ts";
import { BodyWriter } from "./reader.ts";
import type { Schedule } from "./schedule.ts";
import type { Trace } from "./trace.ts";
import { type Asked, parseFrame } from "./wire.ts";

/** The partition's name in every run. */
export const partitionName = { tenant: "default", partition: "room" };

/** The platform runs an alarm that failed again, from then on. */
const alarmRetryMs = 2_000;
/** So short that a small state has several chunks, in UTF-16 units. */
const snapshotChunkUnits = 250;

/** How far a clock may be behind that the next timer holds back, in milliseconds: `chainedTurnsMax` turns, and some. */
export const lagMsMax = 200;

/** A connection as the platform knows it. */
interface Known {
  readonly connection: Connection;
  readonly conversation: Talk;
  /** UTF-16 units that were sent since its client may have proven that it reads. */
  unproven: number;
  /** What is in the socket's attachment: all that survives hibernation. */
  attachment: Attachment;
}

/** Who connects: the principal, as the test knows it, and what the edge has verified of it. */
export interface Arriving {
  /** Undefined in open development mode: `connect` names it. */
  readonly principal: string | undefined;
  /** Undefined in open development mode, and where the token comes with `connect`. */
  readonly author: Author | undefined;
  readonly awaitsToken: boolean;
  /** Of a connection with another wire than ours. */
  readonly talk?: Talk;
}

/** Whether a request may prove that something was read; not, where it names no event. */
function provesReading(asked: Asked): boolean {
  if (asked.kind === "array") return asked.parts.some(provesReading);
  return ["ack", "submit", "batch"].includes(asked.kind) || (asked.kind === "sync" && (asked.since ?? 0) > 0);
}

/** What gets a stream; undefined: there is none. */
type Opened = (body: BodyWriter | undefined) => void;

/** What a host is made of. */
export interface HostParts {
  readonly model: AnyModel;
  readonly effects?: Effects | undefined;
  readonly disk: FaultyDisk;
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly schedule: Schedule;
  readonly random: Random;
  /** What is allowed. */
  readonly limits: Limits;
  /** How the state is folded; undefined: as in production. */
  readonly folding?: Folding | undefined;
  /** How late a timer may come, in milliseconds. */
  readonly deferMsMax: number;
  /** Whether the next timer that is due holds back the clock. */
  readonly clamped: boolean;
  /** Undefined in open development mode. */
  readonly tenant?: ShellPorts["tenant"];
  readonly verify?: ShellPorts["verify"];
}

/**
 * Stands in for the platform: gives the simulated network, timers and alarm to the production shell, with the
 * platform's crashes, evictions and hibernation.
 */
export class Host {
  readonly #parts: HostParts;
  readonly #links = new Map<ServerLink, Known>();
  /** The bodies of open streams, by what the platform would send. */
  readonly #bodies = new Map<ReadableStream, BodyWriter>();
  readonly #requests = new Set<(answer: HttpAnswer | undefined) => void>();
  /** Upgrades that have no answer yet. */
  readonly #upgrading = new Set<ServerLink>();
  /** Requests for streams that have no answer yet. */
  readonly #waiting = new Set<Opened>();
  #shell!: PartitionShell;
  #incarnation!: Incarnation;
  #armedAt: number | undefined;
  /** Between these times nothing new is accepted, by the server's clock. */
  #drained = { since: 0, until: 0 };
  #drainStored = true;
  #incarnations = 0;
  #alarmRuns = false;
  /** The jobs whose rows were written since the alarm, and whether that removed them. */
  readonly #jobsWritten = new Map<string, "put" | "removed">();
  /** A job whose row was written since the alarm, and again after that. */
  #jobAgain: string | undefined;
  /** The kinds of jobs that failed since the alarm. */
  readonly #jobsFailed = new Set<string>();
  /** A commit since the alarm was reported as failed, and was made: a job that failed may have succeeded. */
  #jobsInDoubt = false;
  /** The last event before this step. */
  #headBefore = 0;
  /** A fault struck, and since then live connections may wait for what is in the log. */
  #doubtful = false;
  #faulted = false;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#boot([]);
  }

  /** Whether the platform could evict it now: it keeps an object that has a timer, or work that it waits for. */
  get idle(): boolean {
    const asked = this.#requests.size + this.#waiting.size + this.#upgrading.size;
    return asked === 0 && this.#incarnation.pending === 0 && !this.#alarmRuns;
  }

  get alarmDue(): boolean {
    return this.#armedAt !== undefined && this.#armedAt <= this.#parts.schedule.serverNow && !this.#alarmRuns;
  }

  /** To be called when a storage fault strikes. */
  struck(fault: Fault): void {
    this.#faulted = true;
    if (fault === "commit_in_doubt") this.#jobsInDoubt = true;
  }

  /** To be called after each task, when all that was promised has come about: looks what has become of the object. */
  look(): void {
    const { disk } = this.#parts;
    if (disk.dead) this.crash();
    if (this.#faulted) this.#doubtful = true;
    this.#faulted = false;
    this.#checkDelivery();
    this.#headBefore = this.#parts.ledger.head;
  }

  /** A WebSocket upgrade. `opened` is called when it is accepted; the link ends where it is not. */
  async accept(link: ServerLink, arriving: Arriving, opened: () => void = () => {}): Promise<void> {
    const { ledger, trace } = this.#parts;
    const { principal, author, awaitsToken, talk } = arriving;
    const conversation = talk ?? new Conversation(link, principal, ledger, trace);
    const incarnation = this.#incarnation;
    const shell = this.#shell;
    let attachment: Attachment | undefined;
    this.#upgrading.add(link);
    incarnation.entered();
    const accepted = await shell
      .connect(author, awaitsToken, (given) => {
        attachment = structuredClone(given);
        return this.#carrier(link, incarnation);
      })
      .catch(() => undefined);
    if (!incarnation.alive) return;
    this.#upgrading.delete(link);
    if (!(accepted instanceof Connection)) link.closeFromServer(true);
    else if (link.isCut) this.#enter(() => shell.disconnected(accepted));
    else {
      trace.check(!this.drained, () => `${link.name} is accepted while the partition is drained`);
      this.#know(link, { connection: accepted, conversation, attachment: attachment!, unproven: 0 });
      opened();
    }
  }

  /** A draft over HTTP. `done` gets the answer, or undefined where the process ends first. */
  request(author: Author, clientId: string, draft: Draft, done: (answer: HttpAnswer | undefined) => void): void {
    const { disk, ledger, trace, schedule, random } = this.#parts;
    const text = JSON.stringify(draft);
    trace.line(`${schedule.now} ${clientId} > POST ${text}`);
    this.#requests.add(done);
    const incarnation = this.#incarnation;
    const finish = (answer: HttpAnswer | undefined) => {
      if (!this.#requests.has(done) || !incarnation.alive) return;
      trace.check(!disk.open, () => `${clientId} is answered before the transaction is committed`);
      ledger.observe();
      this.#requests.delete(done);
      trace.line(`${schedule.now} ${clientId} < ${answer?.status} ${answer?.body}`);
      done(answer);
    };
    this.#enter(() => {
      const asking = { traceId: random.hex(32) };
      this.#shell.submit(author, clientId, single(draft), text.length, asking).then(finish, () => finish(undefined));
    });
  }

  /** A request for the log as a stream. `opened` gets it, or undefined where it is refused or the process ends first. */
  async stream(author: Author, clientId: string, since: number | undefined, opened: Opened): Promise<void> {
    const incarnation = this.#incarnation;
    this.#waiting.add(opened);
    incarnation.entered();
    const answer = await this.#shell.stream({ kind: "events", author, since }, undefined).catch(() => undefined);
    if (!incarnation.alive || !this.#waiting.delete(opened)) return;
    const body = answer instanceof EventSink ? this.#bodies.get(answer.readable) : undefined;
    this.#parts.trace.line(
      `${this.#parts.schedule.now} a stream for ${clientId} after ${since}: ${body !== undefined}`,
    );
    opened(body);
  }

  /** The tenant's object pushes changes. Resolves to whether the partition wants the next, and never where the process ends first. */
  async tenantChanged(changes: TenantChanges): Promise<boolean> {
    let wanted: boolean | undefined;
    this.#enter(() => (wanted = this.#shell.tenantChanged(changes)));
    if (wanted === undefined) throw new Error("the partition failed");
    return wanted;
  }

  /** Whether nothing new may be accepted. */
  get drained(): boolean {
    const { since, until } = this.#drained;
    const { serverNow } = this.#parts.schedule;
    // What is accepted now was admitted before, on a clock that may have been behind.
    return serverNow >= since && serverNow < until - (this.#parts.clamped ? lagMsMax : 0);
  }

  /** A clock that was set back ends a drain: what connects until it goes on may stay. */
  clockJumped(): void {
    if (this.#parts.schedule.serverNow < this.#drained.since) this.#drained = { since: 0, until: 0 };
  }

  drain(seconds: number): void {
    const { trace, schedule, disk, ledger } = this.#parts;
    trace.line(`${schedule.now} drain for ${seconds} s`);
    this.#drainStored = true;
    this.#enter(() => this.#shell.drain(seconds));
    if (disk.dead) this.#drainStored = false;
    // What was queued is decided before.
    ledger.observe();
    this.#drained = { since: schedule.serverNow, until: schedule.serverNow + seconds * 1_000 };
  }

  /** What is due has an alarm. */
  checkAlarm(): void {
    this.#parts.ledger.checkJobs();
    const due = this.#parts.ledger.dueWork();
    // It has no row: it is due while the state is behind the log, and that it failed says so.
    if (this.#jobsFailed.has("rebuild")) due.push("rebuild");
    for (const kind of this.#jobsFailed) {
      this.#parts.trace.check(
        this.#jobsInDoubt || due.includes(kind),
        () => `the job ${kind} failed, and is not due again`,
      );
    }
    if (this.#parts.ledger.timers.waits) due.push("a timer");
    this.#checkArmed(due);
  }

  #checkArmed(due: readonly string[]): void {
    const armed = due.length === 0 || this.#armedAt !== undefined || this.#alarmRuns;
    this.#parts.trace.check(armed, () => `${due.join()} is due, and no alarm is set`);
  }

  /** The alarm, as the platform runs it. */
  alarm(): void {
    const { schedule, trace, ledger } = this.#parts;
    const incarnation = this.#incarnation;
    trace.line(`${schedule.now} alarm`);
    this.#armedAt = undefined;
    this.#alarmRuns = true;
    // The alarm forgets a drain that is over: a clock that is set back after it brings none back.
    if (schedule.serverNow >= this.#drained.until) this.#drained = { since: 0, until: 0 };
    const ended = (failed: boolean) => {
      if (incarnation !== this.#incarnation || !incarnation.alive) return;
      this.#alarmRuns = false;
      if (failed) this.#armedAt ??= schedule.serverNow + alarmRetryMs;
      ledger.observe();
      ledger.observeSweep();
      this.checkAlarm();
    };
    this.#jobsWritten.clear();
    this.#jobAgain = undefined;
    this.#jobsFailed.clear();
    this.#jobsInDoubt = false;
    this.#enter(() => {
      this.#shell.alarm().then(
        () => ended(false),
        () => ended(true),
      );
    });
    // Each job runs once, and writes its row once: what failed writes it again with its delay.
    const again = this.#jobAgain;
    trace.check(again === undefined || this.#faulted, () => `the job ${again} ran twice in one alarm`);
  }

  /** GET state: what the object says it is, if it can. */
  async readState(): Promise<void> {
    const { trace, ledger, random } = this.#parts;
    const incarnation = this.#incarnation;
    const asked = ledger.head;
    incarnation.entered();
    const { status, body } = await this.#shell.readState(undefined, { traceId: random.hex(32) });
    if (!incarnation.alive) return;
    if (status === 503 && String(body).includes('"rebuilding"')) this.#checkArmed(["rebuild"]);
    if (status !== 200) return;
    // The states of the simulation are small.
    if (typeof body !== "string") throw new Error("a small state is answered at once");
    ledger.observe();
    const { state, eventIndex } = JSON.parse(body) as { state: Json; eventIndex: number };
    // What it reads takes a turn, and in that turn more may be committed after it.
    const current = eventIndex >= asked && eventIndex <= ledger.head;
    trace.check(current, () => `the state is of event ${eventIndex}, and not of ${asked} to ${ledger.head}`);
    const expected = eventIndex === ledger.head ? ledger.state : ledger.stateAt(eventIndex);
    trace.check(canonicalJson(state) === expected, () => `the state at ${eventIndex} is not what the log folds to`);
  }

  /** The process ends, and a new one starts on what was committed. */
  crash(): void {
    const { disk, trace, schedule, ledger } = this.#parts;
    trace.line(`${schedule.now} crash`);
    this.#incarnation.end();
    for (const link of this.#links.keys()) link.closeFromServer(true);
    this.#links.clear();
    this.#fail();
    disk.revive();
    ledger.observeAll();
    this.#boot([]);
  }

  /** Evicted with its sockets open, and woken: everything but storage and attachments is new. */
  hibernate(): void {
    const { trace, schedule } = this.#parts;
    trace.line(`${schedule.now} hibernate`);
    this.#incarnation.end();
    const woken = [...this.#links];
    this.#links.clear();
    for (const [link, { conversation }] of woken) {
      trace.check(conversation.quiet, () => `${link.name} waits for an answer while nothing is going on`);
      conversation.woken();
    }
    this.#boot(woken);
  }

  /** A response body: what is written to it must be durable, as behind the output gate. */
  #openBody(incarnation: Incarnation): StreamBody {
    const { disk, ledger, trace, schedule } = this.#parts;
    const readable = new ReadableStream<Uint8Array>();
    const body = new BodyWriter(schedule);
    this.#bodies.set(readable, body);
    const writer: StreamWriter = {
      closed: body.closed,
      write: (bytes) => {
        trace.check(!disk.open, () => "a stream is written before the transaction is committed");
        if (incarnation.alive) ledger.observe();
        return body.write(bytes);
      },
      close: () => body.close(),
      abort: () => body.abort(),
    };
    return { readable, writer };
  }

  /** What runs in a process ends with it; the platform runs an alarm that did not end again. */
  #fail(): void {
    const { schedule } = this.#parts;
    if (this.#alarmRuns) this.#armedAt ??= schedule.serverNow + alarmRetryMs;
    this.#alarmRuns = false;
    for (const body of this.#bodies.values()) body.gone();
    this.#bodies.clear();
    for (const link of this.#upgrading) link.closeFromServer(true);
    this.#upgrading.clear();
    const unopened = [...this.#waiting];
    this.#waiting.clear();
    for (const opened of unopened) opened(undefined);
    const lost = [...this.#requests];
    this.#requests.clear();
    for (const done of lost) done(undefined);
  }

  #boot(woken: readonly [ServerLink, Known][]): void {
    const { model, effects, limits, folding, disk, schedule, random, deferMsMax, clamped, tenant, verify, ledger } =
      this.#parts;
    const incarnation: Incarnation = new Incarnation(++this.#incarnations, {
      disk,
      schedule,
      random,
      deferMsMax,
      tenant,
      verify: verify ?? (async () => ({ code: "unauthenticated", detail: "There are no tokens here." })),
      clamped,
      enter: (body, byTimer) => this.#enter(body, byTimer),
      armAlarm: (at) => (this.#armedAt = at),
      log: (event, fields: LogValues) => {
        if (event === "drain_not_stored") this.#drainStored = false;
        if (event === "job_failed") this.#jobsFailed.add(fields.kind!);
      },
      wrote: (sql, [kind, key]) => {
        if (!/\bjobs\b/.test(sql)) return;
        const job = `${String(kind)} ${String(key)}`;
        const write = sql.startsWith("DELETE") ? "removed" : "put";
        // A timer that fires in the same alarm can give a job that is done something to do.
        const before = this.#jobsWritten.get(job);
        if (before === "put" || before === write) this.#jobAgain ??= job;
        this.#jobsWritten.set(job, write);
      },
      openBody: () => this.#openBody(incarnation),
    });
    this.#incarnation = incarnation;
    // The next lifetime of the object goes on with a drain that was stored.
    if (!this.#drainStored) this.#drained = { since: 0, until: 0 };
    this.#headBefore = ledger.head;
    try {
      this.#shell = new PartitionShell(
        {
          name: partitionName,
          model,
          effects,
          roles: {},
          parts: allParts,
          limits,
          snapshotChunkUnits,
          ...(folding && { folding }),
        },
        incarnation.ports(),
      );
      this.#shell.start(this.#armedAt, () => {
        for (const [link, { conversation, attachment }] of woken) {
          const kept = structuredClone(attachment);
          const connection = this.#shell.wake(this.#carrier(link, incarnation), structuredClone(attachment));
          this.#know(link, { connection, conversation, attachment: kept, unproven: 0 });
        }
      });
    } catch {
      // A constructor that throws breaks the object: its sockets go, and the next request makes a new one.
      for (const [link] of woken) link.closeFromServer(true);
      incarnation.end();
    }
    if (!incarnation.alive) this.crash();
  }

  #know(link: ServerLink, known: Known): void {
    const incarnation = this.#incarnation;
    this.#links.set(link, known);
    link.attachServer({
      // Platform fact: frames that were on their way arrive after the server has closed, too.
      receive: (asked) => {
        if (incarnation.alive) this.#receive(link, known, asked);
      },
      closed: () => {
        if (!incarnation.alive || this.#links.get(link) !== known) return;
        this.#parts.trace.line(`${this.#parts.schedule.now} ${link.name} is closed`);
        this.#links.delete(link);
        this.#enter(() => this.#shell.disconnected(known.connection));
      },
    });
  }

  #receive(link: ServerLink, known: Known, asked: Asked): void {
    const { schedule, trace } = this.#parts;
    trace.line(`${schedule.now} ${link.name} > ${asked.frame.slice(0, 240)}`, asked.frame);
    known.conversation.asked(asked);
    if (provesReading(asked)) known.unproven = 0;
    this.#enter(() => this.#shell.receive(known.connection, asked.frame));
  }

  /** What carries the frames of a link. */
  #carrier(link: ServerLink, incarnation: Incarnation): Carrier {
    const { disk, trace, ledger, schedule } = this.#parts;
    return {
      send: (frame) => {
        if (!incarnation.alive) return;
        // The output gate: what is sent must be true already, and stay so.
        trace.check(!disk.open, () => `${link.name} is sent something before its transaction is committed`);
        if (!disk.open) ledger.observe();
        // The work of a connection that has closed is done, and its answer goes to nobody.
        const known = this.#links.get(link);
        if (!known) return;
        disk.delivering();
        if (disk.dead) return;
        const messages = parseFrame(frame);
        trace.line(`${schedule.now} ${link.name} < ${frame.slice(0, 240)}`, frame);
        // Before this frame, which may be a whole page; and of what one window brings, the end may be late by a frame
        // for each message.
        const { unprovenBytesPerConnectionMax } = bounds;
        trace.check(
          known.unproven <= 2 * unprovenBytesPerConnectionMax,
          () => `${link.name} was sent ${known.unproven} units, and proved none of them`,
        );
        known.unproven += frame.length;
        known.conversation.told(messages, this.#headBefore, frame.startsWith("["));
        link.fromServer({ text: frame, messages });
      },
      end: () => {
        if (!incarnation.alive) return;
        this.#links.delete(link);
        link.closeFromServer(false);
      },
      save: (attachment) => {
        if (!incarnation.alive) return;
        trace.check(!disk.open, () => `${link.name} is saved before the transaction is committed`);
        const known = this.#links.get(link);
        if (known) known.attachment = structuredClone(attachment);
      },
      lastSignOfLife: () => link.lastHeartbeatAt,
    };
  }

  /** One entry into the object. */
  #enter(body: () => void, byTimer = false): void {
    if (!byTimer) this.#incarnation.entered();
    const { lagMs } = this.#incarnation;
    this.#parts.trace.check(lagMs <= lagMsMax, () => `the clock of the partition is ${lagMs} ms behind`);
    this.#headBefore = this.#parts.ledger.head;
    try {
      body();
    } catch (error) {
      // What a handler throws is logged by the platform, and the object lives on.
      const { disk, trace } = this.#parts;
      trace.check(this.#faulted || disk.dead, () => `a handler throws: ${String((error as Error).stack)}`);
    }
  }

  /** Each connection that has seen all there was has been given what is new. */
  #checkDelivery(): void {
    const { ledger, trace } = this.#parts;
    ledger.observe();
    const waiting = [...this.#links].filter(([, { connection, conversation }]) => {
      conversation.skipOwn();
      return connection.session.live && conversation.cursor !== ledger.head;
    });
    if (waiting.length === 0) this.#doubtful = false;
    if (this.#doubtful) return;
    for (const [link, { conversation }] of waiting) {
      trace.violated(`${link.name} is live at event ${conversation.cursor}, and the log is at ${ledger.head}`);
    }
  }
}
