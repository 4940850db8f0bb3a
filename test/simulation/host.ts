import { gzipSync } from "node:zlib";
import {
  type Draft,
  type Effect,
  type Outcome,
  Intake,
  newSession,
  Partition,
  Session,
  type SessionState,
  single,
  type SnapshotDraft,
} from "../../src/core/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { answerOutcome, type HttpAnswer } from "../../src/wire/partita/answers.ts";
import { partitaDialect } from "../../src/wire/partita/codec.ts";
import type { Dialect } from "../../src/wire/dialect.ts";
import { hasOption } from "../../src/wire/partita/options.ts";
import { endsConnection, type Author, type Limits } from "../../src/protocol/index.ts";
import type { EventRow } from "../../src/storage/port.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { bytesPort, migrations, sha256 } from "../support/partition.ts";
import { Conversation } from "./conversation.ts";
import type { FaultyDisk } from "./disk.ts";
import { canonicalText, type Ledger } from "./ledger.ts";
import type { ServerLink } from "./link.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";
import type { Trace } from "./trace.ts";
import { type Asked, parseFrame } from "./wire.ts";

/** The partition's name in every run. */
export const partitionName = { tenant: "default", partition: "room" };

const idleMsMax = 10 * 60 * 1_000;
const dueRetryMs = 5_000;
/** The platform runs an alarm that failed again, from then on. */
const alarmRetryMs = 2_000;

/** A connection as the shell knows it. */
interface Known {
  readonly session: Session;
  readonly conversation: Conversation;
  readonly authorName: string | undefined;
  /** What is in the socket's attachment: all that survives hibernation. */
  attachment: SessionState;
  seenAt: number;
}

/** What a host is made of, and where a planted bug can get in. */
export interface HostParts {
  readonly model: AnyModel;
  readonly disk: FaultyDisk;
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly schedule: Schedule;
  readonly random: Random;
  /** What is allowed. */
  readonly limits: Limits;
  /** How late a deferred window may come, in milliseconds. */
  readonly deferMsMax: number;
  /** Runs the work of a window; a planted bug wraps it. */
  readonly around: (disk: FaultyDisk, body: () => void) => void;
}

/**
 * Stands in for `src/partition/object.ts`: maps the simulated network, timers and alarm to the real
 * core, with the platform's crashes, evictions and hibernation.
 */
export class Host {
  readonly #parts: HostParts;
  readonly #links = new Map<ServerLink, Known>();
  readonly #requests = new Set<(answer: HttpAnswer | undefined) => void>();
  #partition!: Partition;
  #intake!: Intake;
  #codec!: Dialect;
  #incarnation = 0;
  #timers = 0;
  #writing = false;
  #armedAt: number | undefined;
  #headBefore = 0;
  /** A fault struck, and no window has been done without one since: live connections may wait for what is in the log. */
  #doubtful = false;
  #faulted = false;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#boot();
  }

  /** Whether the platform could evict it now: it keeps an object with a timer. */
  get idle(): boolean {
    return this.#timers === 0 && !this.#writing;
  }

  get alarmDue(): boolean {
    return this.#armedAt !== undefined && this.#armedAt <= this.#parts.schedule.serverNow;
  }

  /** To be called when a storage fault strikes. */
  struck(): void {
    this.#faulted = true;
  }

  /** A WebSocket upgrade. */
  accept(link: ServerLink, author: Author | undefined): void {
    const { ledger, trace, schedule } = this.#parts;
    const conversation = new Conversation(link, author?.principal, ledger, trace);
    this.#step(() => {
      try {
        this.#attach(link, conversation, author?.principal, newSession(author), schedule.serverNow);
      } catch {
        // The upgrade is answered by an error; the object lives on.
        link.closeFromServer(true);
      }
    });
    link.attachServer({
      receive: (asked) => this.#receive(link, asked),
      closed: () => {
        this.#step(() => this.#intake.read());
        this.#detach(link);
      },
    });
  }

  /** A draft over HTTP. `done` gets the answer, or undefined where the process ends first. */
  request(author: Author, clientId: string, draft: Draft, done: (answer: HttpAnswer | undefined) => void): void {
    const { disk, ledger, trace, schedule } = this.#parts;
    const text = JSON.stringify(draft);
    trace.line(`${schedule.now} ${clientId} > POST ${text}`);
    this.#requests.add(done);
    const finish = (answer: HttpAnswer | undefined) => {
      if (!this.#requests.has(done) || disk.dead) return;
      trace.check(!disk.open, () => `${clientId} is answered before the transaction is committed`);
      if (!disk.open) ledger.observe();
      this.#requests.delete(done);
      trace.line(`${schedule.now} ${clientId} < ${answer?.status} ${answer?.body}`);
      done(answer);
    };
    this.#step(() => {
      const submission = single(draft);
      const answer = (outcome: Outcome) => finish(answerOutcome(partitionName.partition, submission, outcome));
      const taken = this.#intake.offer(author.principal, { author, clientId, submission, answer }, text.length);
      if (!taken) finish(undefined);
    });
  }

  /** What is due has an alarm. */
  checkAlarm(): void {
    const due = this.#parts.ledger.dueWork();
    const armed = due.length === 0 || this.#armedAt !== undefined;
    this.#parts.trace.check(armed, () => `${due.join()} is due, and no alarm is set`);
  }

  /** The alarm, as the platform runs it. */
  alarm(): void {
    const { schedule, trace, ledger } = this.#parts;
    const now = schedule.serverNow;
    const incarnation = this.#incarnation;
    this.#armedAt = undefined;
    trace.line(`${schedule.now} alarm`);
    this.#step(() => {
      try {
        const snapshot = this.#partition.runDue(now, () => this.#sweep(now));
        if (snapshot) this.#writeSnapshot(snapshot);
      } catch {
        this.#armedAt = now + alarmRetryMs;
      } finally {
        const next = this.#partition.nextDue;
        if (next !== undefined) this.#armedAt = Math.max(next, now + dueRetryMs);
      }
    });
    // A crash is a failed alarm, too.
    if (incarnation !== this.#incarnation) this.#armedAt ??= now + alarmRetryMs;
    ledger.observeSweep();
    this.checkAlarm();
  }

  /** Writes a snapshot as the shell does: a chunk and a turn at a time, while everything else goes on. */
  #writeSnapshot(draft: SnapshotDraft): void {
    const { schedule, random, trace } = this.#parts;
    const bytes = new Uint8Array(gzipSync(draft.state));
    const incarnation = this.#incarnation;
    const partition = this.#partition;
    const chunkBytes = random.between(100, bytes.length + 100);
    const turn = (from: number) => {
      if (incarnation !== this.#incarnation) return;
      this.#step(() => {
        const now = schedule.serverNow;
        trace.line(`${schedule.now} snapshot of event ${draft.eventId}, from byte ${from} of ${bytes.length}`);
        try {
          if (from >= bytes.length) {
            partition.completeSnapshot(draft, Buffer.byteLength(draft.state), "gzip", sha256(bytes), now);
            this.#writing = false;
            return;
          }
          partition.putSnapshotChunk(draft.eventId, from / chunkBytes, bytes.slice(from, from + chunkBytes), now);
          schedule.after(random.between(0, 20), () => turn(from + chunkBytes));
        } catch {
          partition.abandonSnapshot();
          this.#writing = false;
        }
      });
    };
    this.#writing = true;
    schedule.after(0, () => turn(0));
  }

  /** GET state: what the object says it is, if it can. */
  readState(): void {
    const { schedule, trace, ledger } = this.#parts;
    this.#step(() => {
      let state: ReturnType<Partition["stateAt"]>;
      try {
        state = this.#partition.stateAt(undefined, schedule.serverNow);
      } catch (error) {
        this.#partition.failureOf(error, schedule.serverNow);
        return;
      }
      ledger.observe();
      trace.check(state.eventIndex === ledger.head, () => `the state is of event ${state.eventIndex}`);
      trace.check(
        canonicalText(state.state) === ledger.state,
        () => `the state at ${ledger.head} is not what the log folds to`,
      );
    });
  }

  /** The process ends, and a new one starts on what was committed. */
  crash(): void {
    const { disk, trace, schedule, ledger } = this.#parts;
    trace.line(`${schedule.now} crash`);
    for (const link of this.#links.keys()) link.closeFromServer(true);
    this.#links.clear();
    const lost = [...this.#requests];
    this.#requests.clear();
    for (const done of lost) done(undefined);
    disk.revive();
    ledger.observeAnew();
    this.#boot();
  }

  /** Evicted with its sockets open, and woken: everything but storage and attachments is new. */
  hibernate(): void {
    const { trace, schedule } = this.#parts;
    trace.line(`${schedule.now} hibernate`);
    const woken = [...this.#links];
    this.#links.clear();
    for (const [link, { conversation }] of woken) {
      trace.check(conversation.quiet, () => `${link.name} waits for an answer while nothing is going on`);
      conversation.woken();
    }
    this.#boot(woken);
  }

  #boot(woken: readonly [ServerLink, Known][] = []): void {
    const { model, disk, limits, random, schedule } = this.#parts;
    const incarnation = ++this.#incarnation;
    this.#timers = 0;
    this.#writing = false;
    this.#codec = partitaDialect(partitionName.partition);
    let broken = false;
    try {
      this.#partition = new Partition(partitionName, model, {
        storage: new PartitionStorage(disk, migrations, bytesPort),
        random: {
          logId: () => `log-${random.hex(8)}`,
          // A counter: it is unique in a run, and leaves the kept seeds what they were.
          incarnation: () => incarnation.toString(16).padStart(16, "0"),
          traceId: () => random.hex(32),
          peerId: () => random.hex(32),
        },
        sha256,
        log: () => {},
        askTenant: () => {},
        defer: (run, delayMs) => this.#timer(() => run(schedule.serverNow), delayMs),
      });
      this.#partition.limit(limits);
    } catch {
      // The constructor threw: the platform makes a new object for the next request.
      broken = true;
    }
    const links = this.#links;
    this.#intake = new Intake({
      get connections() {
        return links.size;
      },
      process: (batch) =>
        this.#parts.around(disk, () => {
          this.#faulted = false;
          this.#partition.process(batch, schedule.serverNow);
          if (!this.#faulted) this.#doubtful = false;
        }),
      defer: (window) => this.#timer(window, random.between(0, this.#parts.deferMsMax)),
    });
    if (!broken) {
      this.#step(() => {
        try {
          this.#partition.open(schedule.serverNow);
        } catch (error) {
          this.#partition.failureOf(error, schedule.serverNow);
        }
        try {
          for (const [link, { conversation, authorName, attachment, seenAt }] of woken)
            this.#attach(link, conversation, authorName, structuredClone(attachment), seenAt);
        } catch {
          broken = true;
        }
      });
    }
    if (!broken || incarnation !== this.#incarnation) return;
    // A constructor that throws breaks the object: its sockets go, and the next request makes a new one.
    for (const [link] of woken) link.closeFromServer(true);
    this.crash();
  }

  /** A timer of the object: it keeps it from hibernating, and goes with it. */
  #timer(run: () => void, delayMs: number): void {
    const incarnation = this.#incarnation;
    this.#timers++;
    this.#parts.schedule.after(delayMs, () => {
      if (incarnation !== this.#incarnation) return;
      this.#timers--;
      this.#step(run);
    });
  }

  #receive(link: ServerLink, asked: Asked): void {
    const known = this.#links.get(link);
    if (!known) return;
    const { schedule, trace } = this.#parts;
    trace.line(`${schedule.now} ${link.name} > ${asked.frame.slice(0, 240)}`, asked.frame);
    known.conversation.asked(asked);
    known.seenAt = schedule.serverNow;
    this.#step(() => this.#intake.arrive(() => this.#read(link, asked), asked.frame.length));
  }

  #read(link: ServerLink, asked: Asked): void {
    const session = this.#links.get(link)?.session;
    if (!session) return;
    const decoded = this.#codec.decode(asked.frame);
    if (decoded.kind === "token") throw new Error("nobody sends tokens here");
    const command =
      decoded.kind === "presence" ? this.#partition.show(session, decoded, this.#parts.schedule.serverNow) : decoded;
    if (command && !this.#intake.offer(link, { session, command }, asked.frame.length)) this.#end(link);
  }

  #attach(
    link: ServerLink,
    conversation: Conversation,
    authorName: string | undefined,
    attachment: SessionState,
    seenAt: number,
  ): void {
    const session = new Session(
      {
        deliver: (replies, broadcasts) => this.#deliver(link, known, replies, broadcasts),
        save: (state) => (known.attachment = structuredClone(state)),
      },
      attachment,
    );
    const known: Known = { session, conversation, authorName, attachment, seenAt };
    this.#links.set(link, known);
    this.#partition.attach(session, this.#parts.schedule.serverNow);
  }

  #detach(link: ServerLink): void {
    const known = this.#links.get(link);
    if (!known) return;
    this.#parts.trace.line(`${this.#parts.schedule.now} ${link.name} is closed`);
    this.#links.delete(link);
    this.#partition.detach(known.session);
  }

  #end(link: ServerLink): void {
    this.#detach(link);
    link.closeFromServer(false);
  }

  #deliver(link: ServerLink, known: Known, replies: readonly Effect[], broadcasts: readonly EventRow[]): void {
    const { disk, ledger, trace, schedule } = this.#parts;
    if (disk.dead) return;
    // The output gate: what is said must be true already, and stay so.
    trace.check(!disk.open, () => `${link.name} is told something before its transaction is committed`);
    if (!disk.open) ledger.observe();
    // The work of a connection that has closed is done, and told to nobody.
    if (!this.#links.has(link)) return;
    const { wire } = known.session.state;
    for (const text of this.#codec.frames(replies, broadcasts, wire)) {
      disk.delivering();
      if (disk.dead) return;
      const messages = parseFrame(text);
      const array = text.startsWith("[");
      trace.check(!array || hasOption(wire, "arrays"), () => `${link.name} did not ask for arrays`);
      trace.line(`${schedule.now} ${link.name} < ${text.slice(0, 240)}`, text);
      known.conversation.told(messages, this.#headBefore);
      link.fromServer({ text, messages });
    }
    for (const effect of replies) {
      if (effect.kind === "error" && endsConnection(effect.failure.code)) this.#end(link);
    }
  }

  #sweep(now: number): void {
    for (const [link, { seenAt }] of this.#links) if (now - seenAt >= idleMsMax) this.#end(link);
  }

  /** One entry into the core, after which the alarm is what the core wants, unless it crashed. */
  #step(body: () => void): void {
    const { disk, ledger } = this.#parts;
    this.#headBefore = ledger.head;
    body();
    if (disk.dead) {
      this.crash();
      return;
    }
    if (this.#faulted) this.#doubtful = true;
    this.#faulted = false;
    const next = this.#partition.nextDue;
    if (next !== undefined) this.#armedAt = next;
    this.#checkDelivery();
  }

  /** Whoever has seen all there was has been given what is new. */
  #checkDelivery(): void {
    const { ledger, trace } = this.#parts;
    ledger.observe();
    if (this.#doubtful) return;
    for (const [link, { session, conversation }] of this.#links) {
      if (!session.live) continue;
      conversation.skipOwn();
      trace.check(
        conversation.cursor === ledger.head,
        () => `${link.name} is live at event ${conversation.cursor}, and the log is at ${ledger.head}`,
      );
    }
  }
}
