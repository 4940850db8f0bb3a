import {
  Intake,
  newSession,
  Partition,
  type PartitionName,
  Refusal,
  type Session,
  snapshotJob,
  type Subscription,
  type Submission,
  sweepRecords,
  sweepSockets,
  type Work,
} from "../core/index.ts";
import type { AnyModel } from "../model/index.ts";
import { sha256 } from "../platform/hash.ts";
import type { Asking, StreamRequest, TenantChanges } from "../platform/rpc.ts";
import { type Author, defaultLimits, type Failure, type Limits, noLimits } from "../protocol/index.ts";
import {
  answerEvents,
  answerFailure,
  answerOutcome,
  answerState,
  answerUnchanged,
  type HttpAnswer,
} from "../wire/partita/answers.ts";
import { partitaDialect } from "../wire/partita/codec.ts";
import { restoredSession } from "../wire/partita/options.ts";
import { Dialects } from "../wire/dialects.ts";
import { isHeld, pageTag, stateTag } from "../wire/partita/etags.ts";
import { Admission } from "./admission.ts";
import type { Roles } from "./author.ts";
import { type Attachment, type Carrier, Connection, type ConnectionHost } from "./connection.ts";
import type { EventSink } from "./event-sink.ts";
import type { ShellPorts } from "./ports.ts";
import { writeSnapshot } from "./snapshot-writer.ts";
import { Streams } from "./streams.ts";
import { TenantLink } from "./tenant-link.ts";

/** A connection whose token has to come with `connect` ends after this long without one. */
const unauthenticatedMsMax = 10_000;
/** Clients that have to come back do so over this time, and over more where they are many. */
const reconnectSpreadMsMin = 1_000;
const reconnectSpreadMsPerClient = 10;
const reconnectSpreadMsMax = 30_000;

/** What a partition is, as its application says. */
export interface ShellSettings {
  readonly name: PartitionName;
  readonly model: AnyModel;
  readonly roles: Roles;
  /** What differs from the default limits. */
  readonly limits: Partial<Limits>;
  /** How much of a state is one chunk of a snapshot, in UTF-16 units; undefined: as the platform's rows allow. */
  readonly snapshotChunkUnits?: number;
}

/** What an upgrade says besides who connects. */
interface UpgradeOptions {
  /** The subprotocol that was agreed on: the name of a dialect. */
  subprotocol?: string | undefined;
  /** Of the `traceparent` that it came with. */
  traceId?: string | undefined;
}

/**
 * Everything of a partition that is neither the core nor the platform: it maps connections, requests, streams
 * and the alarm to the core, and the core's replies to frames and answers. A Durable Object and the simulator
 * build the same shell over their own ports. It decides nothing about drafts.
 */
export class PartitionShell {
  readonly #settings: ShellSettings;
  readonly #ports: ShellPorts;
  readonly #partition: Partition;
  readonly #dialects: Dialects;
  readonly #intake: Intake;
  readonly #host: ConnectionHost;
  readonly #connections = new Set<Connection>();
  readonly #streams: Streams;
  /** Undefined in open development mode: there nobody is told from anybody else. */
  readonly #link: TenantLink | undefined;
  readonly #admission: Admission;
  #armedAt: number | undefined;

  constructor(settings: ShellSettings, ports: ShellPorts) {
    const { name, model, roles } = settings;
    this.#settings = settings;
    this.#ports = ports;
    const now = () => ports.now();
    const step = <T>(body: () => T): T => this.#step(body);
    const jobs = [
      sweepRecords,
      snapshotJob((draft) => writeSnapshot(this.#partition, draft, ports, settings.snapshotChunkUnits)),
      sweepSockets(
        (at) => this.#endIdle(at),
        async () => await this.#link?.renew(),
      ),
    ];
    const corePorts = {
      storage: ports.storage,
      random: ports.random,
      sha256,
      log: ports.log,
      askTenant: (count: number) => void this.#link?.ask(count),
      defer: (run: (now: number) => void, delayMs: number) =>
        void ports.timer(() => this.#step(() => run(ports.now())), delayMs),
    };
    const partition = new Partition(name, model, corePorts, { jobs });
    this.#partition = partition;
    this.#dialects = new Dialects(partitaDialect(name.partition));
    this.#intake = new Intake({
      get connections() {
        return partition.connections;
      },
      process: (batch) => partition.process(batch, ports.now()),
      defer: (window) => void ports.timer(() => this.#step(window), 0),
    });
    this.#host = {
      partition,
      dialects: this.#dialects,
      intake: this.#intake,
      now,
      left: (connection) => {
        this.#connections.delete(connection);
        this.#detach(connection.session);
      },
      authenticate: ports.tenant && ((session, token) => this.#admission.authenticate(session, token)),
      mustClaim: () => this.#link?.mustClaim === true,
      claim: (author) => this.#admission.admitRequest(author, true),
      step,
    };
    const limits = limitsOf(settings, ports);
    partition.limit(limits);
    this.#link =
      ports.tenant &&
      new TenantLink({
        name: name.partition,
        partition,
        limits,
        tenant: ports.tenant,
        log: ports.log,
        now,
        step,
        concernedBy: (revocations) => this.#admission.concernedBy(revocations),
      });
    this.#admission = new Admission({
      name,
      partition,
      link: this.#link,
      roles,
      now,
      verify: (token, at) => ports.verify(token, at),
    });
    this.#streams = new Streams({
      ...this.#host,
      random: ports.random,
      openBody: () => ports.openBody(),
      timer: (run, delayMs) => ports.timer(run, delayMs),
      every: (run, periodMs) => ports.every(run, periodMs),
      join: (connection) => this.#join(connection),
      joined: (subscription) => this.#attach(subscription),
      detached: (subscription) => this.#detach(subscription),
    });
  }

  /**
   * Makes the partition ready, before anything else is given to it. `armedAt`: when the alarm comes that is set,
   * in milliseconds since 1970. `wake`: adds the connections that have survived hibernation, by `wake`.
   */
  start(armedAt: number | undefined, wake: () => void): void {
    this.#armedAt = armedAt;
    this.#step(() => {
      try {
        this.#partition.open(this.#ports.now());
      } catch (error) {
        // Each request tries again, and answers its client; the object itself must stay reachable.
        this.#partition.failureOf(error, this.#ports.now());
      }
      this.#link?.resume();
      wake();
    });
  }

  /** Whether the object can be evicted without losing anything that is not stored: no stream is open. */
  get streaming(): boolean {
    return this.#streams.open > 0;
  }

  /**
   * Adds a connection, unless that is refused. `carrier` is called for one that is accepted. `author`: as the edge
   * verified it; undefined in open development mode, or where `awaitsToken`: then `connect` has to bring the token.
   */
  async connect(
    author: Author | undefined,
    awaitsToken: boolean,
    carrier: (attachment: Attachment) => Carrier,
    { subprotocol, traceId }: UpgradeOptions = {},
  ): Promise<Connection | HttpAnswer> {
    const failure = (await this.#admission.admit(author)) ?? this.#admission.placeFor(author, awaitsToken);
    if (failure) return this.#refuse(failure, traceId);
    const attachment: Attachment = {
      session: newSession(author, awaitsToken),
      seenAt: this.#ports.now(),
      ...(this.#dialects.named(subprotocol) ? { dialect: subprotocol! } : {}),
      ...(traceId === undefined ? {} : { traceId }),
    };
    return this.#step(() => this.wake(carrier(attachment), attachment));
  }

  /** Adds a connection that has survived hibernation, as its attachment says. */
  wake(carrier: Carrier, attachment: Attachment): Connection {
    const session = restoredSession(attachment.session);
    const connection = new Connection(carrier, this.#host, { ...attachment, session });
    if (attachment.session.awaitsToken) {
      this.#ports.timer(() => this.#step(() => connection.endIfUnauthenticated()), unauthenticatedMsMax);
    }
    this.#join(connection);
    return connection;
  }

  /** Accepts a frame of a connection. */
  receive(connection: Connection, frame: string | ArrayBuffer): void {
    this.#step(() => connection.receive(frame, this.#ports.now()));
  }

  /** The peer of a connection has left. */
  leave(connection: Connection): void {
    this.#step(() => connection.leave());
  }

  /** Opens a stream: the events of the log, or what a connection without a WebSocket is sent. */
  async stream(asked: StreamRequest, traceId: string | undefined): Promise<EventSink | HttpAnswer> {
    const failure = (await this.#admission.admit(asked.author)) ?? this.#admission.placeFor(asked.author, false);
    if (failure) return this.#refuse(failure, traceId);
    return await this.#step(() =>
      asked.kind === "events"
        ? this.#streams.read(asked.author, asked.since, traceId)
        : this.#streams.connect(asked.author, traceId),
    );
  }

  /** Accepts frames of a connection without a WebSocket, of which `before` others were sent earlier. */
  async postFrames(
    id: string,
    author: Author | undefined,
    before: number,
    frames: readonly string[],
    traceId: string,
  ): Promise<HttpAnswer> {
    // Its token need not be the one that has opened the connection, and may be revoked where that one is not.
    const failure = author && (await this.#admission.admitRequest(author, false));
    if (failure) return this.#refuse(failure, traceId);
    return this.#step(() => this.#streams.receive(id, author, before, frames, traceId));
  }

  /** Decides what came over HTTP. */
  async submit(
    author: Author,
    clientId: string,
    submission: Submission,
    bytes: number,
    { traceId }: Asking,
  ): Promise<HttpAnswer> {
    const failure = await this.#admission.admitRequest(author, true);
    if (failure) return this.#refuse(failure, traceId);
    return await this.#wait(author, bytes, (resolve) => ({
      author,
      clientId,
      submission,
      traceId,
      answer: (outcome) => resolve(answerOutcome(this.#settings.name.partition, submission, outcome)),
    }));
  }

  /** Reads a page of the log. */
  readEvents(since: number, limit: number | undefined, asking: Asking): Promise<HttpAnswer> {
    return this.#answer(asking, (now) => {
      const standing = this.#partition.standing(now);
      const etag = pageTag(standing);
      if (since <= standing.head && isHeld(asking.ifNoneMatch, etag)) return answerUnchanged(etag);
      return answerEvents(this.#settings.name.partition, this.#partition.events(since, limit, now), etag);
    });
  }

  /** Reads the state, at the head or after an event. */
  readState(at: number | undefined, asking: Asking): Promise<HttpAnswer> {
    return this.#answer(asking, (now) => {
      const standing = this.#partition.standing(now);
      const etag = stateTag(standing, at ?? standing.head);
      if ((at ?? 0) <= standing.head && isHeld(asking.ifNoneMatch, etag)) return answerUnchanged(etag);
      return answerState(this.#partition.stateAt(at, now), etag);
    });
  }

  /** Whether the schema is current and the storage reads. */
  ready(asking: Asking): Promise<HttpAnswer> {
    return this.#answer(asking, (now) => {
      this.#partition.events(0, 1, now);
      return { status: 200, headers: { "content-type": "application/json" }, body: '{"status":"ready"}' };
    });
  }

  /** Runs the jobs that are due. */
  async alarm(): Promise<void> {
    this.#armedAt = undefined;
    try {
      const followUps = this.#partition.runJobs(this.#ports.now());
      // What is due next is armed first: what follows takes several turns, and may be lost in a crash.
      this.#arm(this.#partition.nextDue);
      for (const followUp of followUps) await followUp();
    } finally {
      this.#step(() => {});
    }
  }

  /** Applies changes of the tenant. Returns whether it wants to be notified of the next. */
  tenantChanged(changes: TenantChanges): boolean {
    return this.#step(() => this.#link?.changed(changes) ?? false);
  }

  /** Decides what waits, ends all connections, each with a time to come back at, and accepts nothing new for `seconds`. */
  drain(seconds: number): void {
    const now = this.#ports.now();
    this.#admission.close(seconds * 1_000);
    this.#ports.log("info", "draining", { ...this.#settings.name, seconds, connections: this.#connections.size });
    this.#step(() => {
      this.#intake.flush();
      const wanted = Math.max(reconnectSpreadMsMin, this.#connections.size * reconnectSpreadMsPerClient);
      const spread = Math.min(wanted, reconnectSpreadMsMax);
      this.#partition.drain(() => Math.ceil(seconds * 1_000 + this.#ports.random.fraction() * spread), now);
    });
  }

  #refuse(failure: Failure, traceId?: string): HttpAnswer {
    return answerFailure(
      this.#settings.name.partition,
      this.#partition.failureOf(new Refusal(failure), this.#ports.now(), traceId),
    );
  }

  /** Puts work into its window. A principal has one turn over HTTP, however many requests it sends. */
  #wait(author: Author, bytes: number, workFor: (resolve: (answer: HttpAnswer) => void) => Work): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#step(() => {
        if (!this.#intake.offer(author.principal, workFor(resolve), bytes)) reject(new Error("overloaded"));
      });
    });
  }

  async #answer({ traceId, reader }: Asking, read: (now: number) => HttpAnswer): Promise<HttpAnswer> {
    const failure = reader && (await this.#admission.admitRequest(reader, false));
    if (failure) return this.#refuse(failure, traceId);
    const now = this.#ports.now();
    try {
      return this.#step(() => read(now));
    } catch (error) {
      return answerFailure(this.#settings.name.partition, this.#partition.failureOf(error, now, traceId));
    }
  }

  /** One entry into the core, after which the alarm is what the core wants. */
  #step<T>(body: () => T): T {
    try {
      return body();
    } finally {
      this.#dialects.forget();
      this.#arm(this.#partition.nextDue);
    }
  }

  #arm(at: number | undefined): void {
    if (at === undefined || at === this.#armedAt) return;
    this.#armedAt = at;
    this.#ports.armAlarm(at);
  }

  #join(connection: Connection): void {
    this.#connections.add(connection);
    this.#attach(connection.session);
  }

  #attach(listener: Session | Subscription): void {
    this.#admission.joined(listener);
    try {
      this.#partition.attach(listener, this.#ports.now());
    } catch (error) {
      this.#detach(listener);
      throw error;
    }
  }

  #detach(listener: Session | Subscription): void {
    this.#admission.left(listener);
    this.#partition.detach(listener);
  }

  /** Platform fact: `webSocketClose` may never come for a peer that vanished. */
  #endIdle(now: number): void {
    for (const connection of this.#connections) connection.endIfIdle(now);
    this.#partition.expire(now);
  }
}

/** The limits in force while the tenant has set none. */
function limitsOf({ limits }: ShellSettings, { tenant }: ShellPorts): Limits {
  if (tenant) return { ...defaultLimits, ...limits };
  // What is limited over all partitions is counted by the tenant's object; in open development mode there is none.
  return { ...noLimits, ...limits, tenant: null, newPartitions: null };
}
