import {
  bytesOfPage,
  type Delivered,
  deliverJob,
  describe,
  endDrain,
  type Folding,
  type FollowUp,
  forgetRedelivery,
  Intake,
  newSession,
  type Measure,
  type Outcome,
  overloaded,
  Partition,
  type PartitionName,
  rebuildJob,
  redeliverJob,
  Refusal,
  sealJob,
  type SagaQuery,
  type SagaReader,
  type Session,
  snapshotJob,
  type Steps,
  type Subscription,
  type Submission,
  sweepRecords,
  sweepSockets,
  Turns,
  verifyJob,
  type Work,
} from "../core/index.ts";
import type { Effects } from "../model/effects.ts";
import type { AnyModel } from "../model/index.ts";
import { hmac, sha256 } from "../platform/hash.ts";
import type { SubmittedEffect } from "../platform/rpc.ts";
import type { ReadOptions, RequestContext, StreamRequest, TenantChanges } from "../platform/rpc.ts";
import {
  type Author,
  defaultLimits,
  type Failure,
  importScope,
  insiemeScope,
  type Limits,
  noLimits,
} from "../protocol/index.ts";
import {
  type AnswerBody,
  answerDeadLetter,
  answerDeadLetters,
  answerEvents,
  answerFailure,
  answerFolded,
  answerImported,
  answerJson,
  answerOutcome,
  answerPolled,
  answerUnchanged,
  answerUsage,
  answerSaga,
  answerSagas,
  type HttpAnswer,
  polledText,
} from "../wire/partita/answers.ts";
import { loggedText, partitaDialect } from "../wire/partita/codec.ts";
import { restoredSession } from "../wire/partita/options.ts";
import { Dialects } from "../wire/dialects.ts";
import { isHeld, pageTag, stateTag } from "../wire/partita/etags.ts";
import { Admission, keptDrain } from "./admission.ts";
import type { Roles } from "./author.ts";
import {
  type Attachment,
  attachmentVersion,
  type Carrier,
  Connection,
  type ConnectionHost,
  idleMsMax,
} from "./connection.ts";
import type { EffectSender } from "./effect-sender.ts";
import type { EventSink } from "./event-sink.ts";
import type { Inspected } from "./inspected.ts";
import { HeldFrames } from "./held-frames.ts";
import type { Costs } from "./costs.ts";
import type { Measures } from "./measures.ts";
import { OutstandingSums } from "./outstanding.ts";
import type { ShellParts } from "./parts.ts";
import type { ShellPorts } from "./ports.ts";
import { rebuild } from "./rebuild.ts";
import { writeSnapshot } from "./snapshot-writer.ts";
import { Reads } from "./reads.ts";
import { StateReaders } from "./state-readers.ts";
import { Pauses } from "./pauses.ts";
import type { Held } from "./polled-frames.ts";
import { type Poll, Streams } from "./streams.ts";
import { TenantLink } from "./tenant-link.ts";
import { Verification } from "./verification.ts";

/** A connection that must send its token with `connect` ends after this long without one. */
const unauthenticatedMsMax = 10_000;
/** Clients that must reconnect do so over this time, and over a longer time if there are many. */
const reconnectSpreadMsMin = 1_000;
const reconnectSpreadMsPerClient = 10;
const reconnectSpreadMsMax = 30_000;

/** The pause before an alarm or a drain is stored again that could not be. */
const storageRetryMs = 10_000;

/** Who has submitted what is imported, which nobody can say any more. */
const importer: Author = { principal: importScope, permissions: "all", system: true };
/** Who reads over HTTP in open development mode. */
const anonymousReader: Author = { principal: "dev:http", permissions: "all" };

/** What the application configures for a partition. */
export interface ShellSettings {
  readonly name: PartitionName;
  readonly model: AnyModel;
  /** What events cause outside; absent: nothing. */
  readonly effects?: Effects | undefined;
  readonly roles: Roles;
  readonly parts: ShellParts;
  /** The limits that differ from the default. */
  readonly limits: Partial<Limits>;
  /** The size of a snapshot chunk, in UTF-16 units; undefined: as large as a row of the platform allows. */
  readonly snapshotChunkUnits?: number;
  /** How a state is folded from its log; undefined: as fast as the platform allows. */
  readonly folding?: Folding;
}

/** The options of an upgrade. */
interface UpgradeOptions {
  /** The name of its dialect, where its address or its subprotocol has chosen one. */
  dialect?: string | undefined;
  /** The trace id of its `traceparent`. */
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
  readonly #turns: Turns;
  readonly #intake: Intake;
  readonly #host: ConnectionHost;
  readonly #connections = new Set<Connection>();
  readonly #streams: Streams;
  /** Undefined: nothing that events cause outside is sent. */
  readonly #effects: EffectSender | undefined;
  readonly #reads: Reads;
  readonly #stateReaders: StateReaders;
  /** Undefined in open development mode, where clients are not authenticated. */
  readonly #link: TenantLink | undefined;
  readonly #admission: Admission;
  /** Undefined: the Worker, or its deployment, has no metrics. So are the costs. */
  readonly #measures: Measures | undefined;
  readonly #costs: Costs | undefined;
  readonly #verification: Verification;
  /** The tag of the keys at the last look. */
  #keys: string | undefined;
  #armedAt: number | undefined;
  /** The end of the last drain that began in this lifetime of the object. */
  #drainedUntil: number | undefined;
  /** The alarm could not be set, as on a full disk: a timer tries again. */
  #armingFailed = false;
  /** When the connections were last looked over here, in milliseconds since 1970. */
  #sweptAt = 0;

  constructor(settings: ShellSettings, given: ShellPorts) {
    const { name, model, roles, parts } = settings;
    const now = () => given.now();
    const { metrics } = given;
    const { measuring } = parts;
    const costs = metrics && measuring && new measuring.Costs(metrics, now);
    const ports = (costs && measuring?.watchedPorts(given, costs)) ?? given;
    this.#settings = settings;
    this.#ports = ports;
    this.#costs = costs;
    const step = <T>(body: () => T): T => this.#step(body);
    const jobs = [
      sweepRecords,
      endDrain,
      ...(parts.EffectSender
        ? [deliverJob(() => this.#effects!.paused), redeliverJob(() => this.#effects!.paused)]
        : [forgetRedelivery]),
      snapshotJob((draft) => writeSnapshot(this.#partition, draft, ports, this.#turns, settings.snapshotChunkUnits)),
      rebuildJob(() =>
        rebuild(this.#partition, ports, this.#turns, settings.folding?.slicesMax, settings.snapshotChunkUnits),
      ),
      verifyJob(() => this.#verification.runDue()),
      sealJob(() => parts.sealSegment!(this.#partition.audit!, ports, this.#turns, ports.signHead!)),
      sweepSockets((at) => this.#endIdle(at)),
    ];
    this.#measures =
      costs &&
      measuring &&
      new measuring.Measures({
        partition: name.partition,
        newIncarnation: () => ports.random.incarnation(),
        metrics,
        costs: { counted: costs, storedBytes: () => metrics.storedBytes() },
        now,
        afterIo: (run) => ports.afterIo(run),
        gauges: () => {
          const open = { connections: this.#admission.usage, streams: this.#streams.usage };
          return measuring.presentGauges(this.#partition, model.name, open, now());
        },
        condition: () => this.#partition.condition,
        head: () => this.#partition.head,
        verified: () => this.#verification.last,
      });
    const measure: Measure = this.#measures?.count ?? (() => {});
    const outstanding = new OutstandingSums();
    const corePorts = {
      storage: ports.storage,
      random: ports.random,
      sha256,
      hmac,
      log: ports.log,
      measure,
      unread: (at: number) => outstanding.unread(at),
      askTenant: (count: number) => void this.#link?.requestGrant(count),
      defer: (run: (now: number) => void, delayMs: number) =>
        void ports.timer(() => this.#step(() => run(ports.now())), delayMs),
    };
    const partition = new Partition(name, model, corePorts, {
      jobs,
      effects: settings.effects,
      ...parts,
      seals: ports.signHead !== undefined,
      folding: settings.folding,
      loaded: () => this.#link?.resume(),
    });
    this.#partition = partition;
    this.#dialects = new Dialects(
      partitaDialect(name.partition, partition.authors),
      ...(parts.dialects ?? []).map((dialectOf) => dialectOf(name.partition, partition.authors)),
    );
    this.#turns = new Turns({
      timer: (turn) => void ports.timer(() => this.#step(turn), 0),
      afterIo: (turn) => ports.afterIo(() => this.#step(turn)),
    });
    this.#intake = new Intake({
      get connections() {
        return partition.connections;
      },
      turns: this.#turns,
      isAlone: () => ports.isolate.beginWindow(),
      process: (batch, workMax) => partition.process(batch, ports.now(), workMax),
    });
    const pauses = new Pauses(ports);
    this.#host = {
      partition,
      dialects: this.#dialects,
      intake: this.#intake,
      outstanding,
      held: new HeldFrames(),
      now,
      timer: (run, delayMs) => ports.timer(run, delayMs),
      pause: (run, delayMs) => pauses.begin(run, delayMs),
      connectionEnded: (connection) => {
        this.#connections.delete(connection);
        this.#detach(connection.session);
      },
      authenticate: ports.tenant && ((session, token) => this.#admission.authenticate(session, token)),
      nonce: () => ports.random.nonce(),
      mustClaim: () => this.#link?.mustClaim === true,
      admitRequest: (author) => this.#admission.admitRequest(author),
      admitDraft: (author) => this.#admission.admitDraft(author),
      step,
    };
    const limits = limitsOf(settings, ports);
    partition.limit(limits);
    this.#link =
      ports.tenant &&
      new TenantLink({
        where: name,
        partition,
        limits,
        tenant: ports.tenant,
        log: ports.log,
        now,
        fraction: () => ports.random.fraction(),
        timer: (run, delayMs) => ports.timer(run, delayMs),
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
    const { deliveries } = partition;
    this.#effects =
      parts.EffectSender &&
      ports.effects &&
      deliveries &&
      new parts.EffectSender({
        partition,
        deliveries,
        ports: ports.effects,
        log: ports.log,
        now,
        timer: (run, delayMs) => ports.timer(run, delayMs),
        afterIo: (run) => ports.afterIo(run),
        step,
        refresh: async () => await this.#link?.refresh(),
      });
    this.#verification = new Verification({
      partition,
      turns: this.#turns,
      log: ports.log,
      measure,
      now,
      timer: (run, delayMs) => ports.timer(run, delayMs),
    });
    this.#reads = new Reads(this.#turns);
    this.#stateReaders = new StateReaders(ports, this.#turns);
    this.#streams = new Streams({
      ...this.#host,
      random: ports.random,
      openBody: () => ports.openBody(),
      every: (run, periodMs) => ports.every(run, periodMs),
      addConnection: (connection) => this.#addConnection(connection),
      attach: (subscription) => this.#attach(subscription),
      detach: (subscription) => this.#detach(subscription),
    });
  }

  /**
   * Opens the partition; must be called first. `armedAt`: the time of the alarm that is set, in milliseconds since
   * 1970. `wake`: restores the connections after hibernation, by calling the method `wake` for each.
   */
  start(armedAt: number | undefined, wake: () => void): void {
    this.#armedAt = armedAt;
    this.#step(() => {
      try {
        this.#partition.open(this.#ports.now());
        // The only alarm of a partition that was never written is the end of its drain, see `#keepDrain`.
        if (!this.#partition.exists && armedAt !== undefined) this.#admission.close(keptDrain(armedAt));
      } catch (error) {
        // Each request retries, and answers its client; the object itself must stay reachable.
        this.#partition.failureOf(error, this.#ports.now());
      }
      wake();
      this.#endOfOtherKeys();
    });
  }

  /**
   * Adds a connection, or refuses it. `carrier` is called only if it is accepted. `author`: as the edge verified
   * it; undefined in open development mode, or if `awaitsToken`: then `connect` must send the token.
   */
  async connect(
    author: Author | undefined,
    awaitsToken: boolean,
    carrier: (attachment: Attachment) => Carrier,
    { dialect, traceId }: UpgradeOptions = {},
  ): Promise<Connection | HttpAnswer> {
    this.#costs?.request();
    const refused = await this.#admission.admit(author);
    // Those whose peers have vanished must not take its place, nor show it their presence until the next sweep.
    if (!refused && Math.abs(this.#ports.now() - this.#sweptAt) >= idleMsMax) {
      this.#step(() => this.#endIdle(this.#ports.now()));
    }
    const failure = refused ?? this.#admission.capacityFailure(author, awaitsToken);
    if (failure) return this.#refuse(failure, traceId);
    const chosen = this.#dialects.named(dialect);
    const attachment: Attachment = {
      version: (chosen ?? this.#dialects.last).attachmentVersion,
      session: newSession(author, awaitsToken),
      seenAt: this.#ports.now(),
      ...(chosen ? { dialect: chosen.name } : {}),
      ...(traceId === undefined ? {} : { traceId }),
    };
    this.#measures?.count("connections", 1);
    return this.#step(() => this.wake(carrier(attachment), attachment));
  }

  /** Whether a connection can be restored: not one of a later version, nor of a dialect that only another version has. */
  canWake({ version = 0, dialect }: Attachment): boolean {
    return version <= attachmentVersion && (dialect === undefined || this.#dialects.named(dialect) !== undefined);
  }

  /** Restores a connection from its attachment, after hibernation. */
  wake(carrier: Carrier, attachment: Attachment): Connection {
    const session = restoredSession(attachment.session);
    const connection = new Connection(carrier, this.#host, { ...attachment, session });
    if (attachment.session.awaitsToken) {
      this.#ports.timer(() => this.#step(() => connection.endIfUnauthenticated()), unauthenticatedMsMax);
    }
    this.#addConnection(connection);
    connection.follow();
    return connection;
  }

  /** Accepts a frame of a connection. */
  receive(connection: Connection, frame: string | ArrayBuffer): void {
    const now = this.#ports.now();
    this.#costs?.message();
    this.#link?.used(now);
    this.#step(() => connection.receive(frame, now));
  }

  /** The peer of a connection has disconnected. */
  disconnected(connection: Connection): void {
    this.#step(() => connection.disconnected());
  }

  /** Opens a stream: the events of the log, or the frames to a connection without a WebSocket. */
  async stream(asked: StreamRequest, traceId: string | undefined): Promise<EventSink | HttpAnswer> {
    this.#costs?.request();
    const failure = (await this.#admission.admit(asked.author)) ?? this.#admission.capacityFailure(asked.author, false);
    if (failure) return this.#refuse(failure, traceId);
    this.#measures?.count("connections", 1);
    return await this.#step(() =>
      asked.kind === "events" ? this.#streams.read(asked, traceId) : this.#streams.connect(asked.author, traceId),
    );
  }

  /** Accepts frames of a connection without a WebSocket. `before`: how many frames it sent earlier. */
  async postFrames(
    id: string,
    author: Author | undefined,
    before: number,
    frames: readonly string[],
    traceId: string,
  ): Promise<HttpAnswer> {
    this.#costs?.request();
    // Its token can be another one than that which opened the connection, and can be revoked separately.
    const failure = author && (await this.#admission.admitRequest(author));
    if (failure) return this.#refuse(failure, traceId);
    return this.#step(() => this.#streams.receive(id, author, before, frames, traceId));
  }

  /**
   * Polls a connection without a WebSocket; without an id, opens one. The body is the connection's id and what it has
   * not received, or empty if that is nothing. A body that waits is a stream.
   *
   * Platform fact: calls of an invocation that wait for an answer may be limited to six, streams that wait are not.
   */
  async poll(
    { connectionId, author, ...asked }: Poll & { connectionId?: string | undefined; author?: Author | undefined },
    traceId: string,
  ): Promise<HttpAnswer<AnswerBody>> {
    this.#costs?.request();
    const opens = connectionId === undefined;
    const failure = opens
      ? ((await this.#admission.admit(author)) ?? this.#admission.capacityFailure(author, false))
      : author && (await this.#admission.admitRequest(author));
    if (failure) return this.#refuse(failure, traceId);
    const principal = author?.principal ?? anonymousReader.principal;
    try {
      return this.#step(() => {
        const now = this.#ports.now();
        this.#partition.assertMayRead(principal, now);
        this.#partition.payForRead(principal, 0, now);
        if (opens) this.#measures?.count("connections", 1);
        const id = connectionId ?? this.#streams.openPolled(author, traceId);
        if (typeof id !== "string") return id;
        // The first answer of a connection brings its id.
        const given = this.#streams.poll(id, author, opens ? { ...asked, holdMs: 0 } : asked, traceId);
        if ("status" in given) return given;
        return answerPolled("polled" in given ? this.#later(id, given) : polledText(id, given, opens));
      });
    } catch (error) {
      return answerFailure(this.#settings.name.partition, this.#partition.failureOf(error, this.#ports.now(), traceId));
    }
  }

  /** The body of the answer to a poll that waits. */
  #later(id: string, { polled, release }: Held): ReadableStream<Uint8Array> {
    const { readable, writer } = this.#ports.openBody();
    // Its reader is gone.
    writer.closed.catch(release);
    void polled
      .then((given) => {
        const text = polledText(id, given, false);
        return text === "" ? undefined : writer.write(new TextEncoder().encode(text));
      })
      .then(() => writer.close())
      .catch(() => {});
    return readable;
  }

  /** Decides a submission over HTTP. */
  async submit(
    author: Author,
    clientId: string,
    submission: Submission,
    bytes: number,
    { traceId }: RequestContext,
  ): Promise<HttpAnswer> {
    this.#costs?.request();
    const failure = await this.#admission.admitRequest(author);
    if (failure) return this.#refuse(failure, traceId);
    const declined = await this.#admission.admitDraft(author);
    // Not the submission itself: while the answer waits for its window, its content may be dropped.
    const { key, mode } = submission;
    return await this.#wait(author, bytes, traceId, (resolve) => {
      const answer = (outcome: Outcome) =>
        resolve(answerOutcome(this.#settings.name.partition, { key, mode }, outcome));
      return declined
        ? { author, submission, declined, traceId, answer }
        : { author, clientId, submission, traceId, answer };
    });
  }

  /** Appends events of another server: each draft says its place. `author`: who asks for it. */
  async importEvents(
    author: Author,
    submission: Submission,
    bytes: number,
    { traceId }: RequestContext,
  ): Promise<HttpAnswer> {
    this.#costs?.request();
    const failure =
      (this.#settings.parts.decideImported ? undefined : without("imports")) ??
      (await this.#admission.admitRequest(author)) ??
      (await this.#admission.admitUncounted());
    if (failure) return this.#refuse(failure, traceId);
    return await this.#wait(author, bytes, traceId, (resolve) => ({
      author: importer,
      clientId: importer.principal,
      submission,
      traceId,
      answer: (outcome: Outcome) => resolve(answerImported(this.#settings.name.partition, outcome)),
    }));
  }

  /** Decides effects of the partition `from`, in their order. Returns what became of the first ones. */
  async deliver(from: string, effects: readonly SubmittedEffect[], traceId: string): Promise<readonly Delivered[]> {
    this.#costs?.request();
    const { receiveEffects } = this.#settings.parts;
    // As while a version of the Worker replaces one that had the part.
    if (!receiveEffects) return [{ kind: "later", code: "not_configured" }];
    const host = {
      model: this.#settings.model,
      admit: () => this.#admission.admitUncounted(),
      decide: (author: Author, submission: Submission, bytes: number, declined: Failure | undefined) =>
        new Promise<Outcome>((answer) => {
          const work: Work = declined
            ? { author, submission, declined, traceId, answer }
            : { author, clientId: author.principal, submission, traceId, answer };
          this.#step(() => {
            if (this.#intake.offer(author.principal, work, bytes)) return;
            const failure = this.#partition.failureOf(new Refusal(overloaded), this.#ports.now(), traceId);
            answer({ kind: "refused", failure });
          });
        }),
    };
    return await receiveEffects(host, from, effects);
  }

  /** Reads a page of the log. */
  readEvents(
    since: number,
    limit: number | undefined,
    context: RequestContext,
    { proof, proofs, authors = false, correlations, annotations = false, draftIds = false, maxBytes }: ReadOptions = {},
  ): Promise<HttpAnswer> {
    const partition = this.#partition;
    const { partition: name } = this.#settings.name;
    return this.#answerRead(context, function* (now) {
      const standing = partition.standing(now);
      const etag = pageTag(standing);
      if (since <= standing.head && isHeld(context.ifNoneMatch, etag)) {
        // The tag is of this log, but the proof may be of another one.
        partition.assertSameLog(since, proof, now);
        return unmetered(answerUnchanged(etag));
      }
      const page = yield* partition.eventsInSteps(since, limit, now, proof, authors, maxBytes);
      const textOf = loggedText(name, partition.authors, { authors, annotations });
      const named = draftIds ? { ...page, draftIdsOf: insiemeScope } : page;
      return { answer: answerEvents(named, etag, textOf, { proofs, correlations }), bytes: bytesOfPage(page) };
    });
  }

  /** Reads the state, at the head or after an event. `proofs`: with what a client needs to go on from it. */
  readState(at: number | undefined, context: RequestContext, proofs = false): Promise<HttpAnswer<AnswerBody>> {
    const partition = this.#partition;
    const readers = this.#stateReaders;
    const { version: modelVersion } = this.#settings.model;
    return this.#answerRead<AnswerBody>(context, function* (now) {
      const standing = partition.standing(now, at);
      const etag = stateTag(standing, at ?? standing.head);
      if ((at ?? 0) <= standing.head && isHeld(context.ifNoneMatch, etag)) return unmetered(answerUnchanged(etag));
      const read = yield* partition.stateAt(at, now);
      const origin = proofs ? { serverId: standing.logId, proof: standing.proof, modelVersion } : {};
      const answer = readers.answer({ state: read.state, eventIndex: read.eventIndex, origin }, etag);
      // One that is made while it is sent costs what is visited for it.
      const bytes = typeof answer.body === "string" ? answer.body.length : read.weight;
      return { answer, bytes: bytes + read.replayedBytes };
    });
  }

  /** Reads the newest signed head of the log. */
  readAuditHead(context: RequestContext): Promise<HttpAnswer> {
    return this.#answerRead(context, (now) =>
      inOneStep(headCost, () => unmetered(answerJson({ head: this.#audit.head(now) }))),
    );
  }

  /** Reads the proof of an event, by the newest signed head or by that of `size` events. */
  readAuditProof(eventId: number, size: number | undefined, context: RequestContext): Promise<HttpAnswer> {
    return this.#answerRead(context, (now) =>
      inOneStep(proofCost, () => ({ answer: answerJson(this.#audit.proof(eventId, size, now)), bytes: proofBytes })),
    );
  }

  /** Reads the proof that the log of `from` events is the beginning of that of `size` events, or of the newest signed head. */
  readAuditConsistency(from: number, size: number | undefined, context: RequestContext): Promise<HttpAnswer> {
    return this.#answerRead(context, (now) =>
      inOneStep(consistencyCost, () => unmetered(answerJson(this.#audit.consistency(from, size, now)))),
    );
  }

  /** @throws Refusal where the Worker does not have the part. */
  get #audit(): NonNullable<Partition["audit"]> {
    return this.#partition.audit ?? missing("audit");
  }

  /** @throws Refusal where the Worker does not have the part. */
  get #sagas(): SagaReader {
    return this.#partition.sagas ?? missing("sagas");
  }

  /** Reads a saga. */
  readSaga(id: string, context: RequestContext): Promise<HttpAnswer> {
    return this.#answerRead(context, (now) =>
      inOneStep(sagaCost, () => meteredByBody(answerSaga(this.#sagas.find(id, now)))),
    );
  }

  /** Lists sagas. */
  listSagas(query: SagaQuery, context: RequestContext): Promise<HttpAnswer> {
    const sagas = () => this.#sagas;
    return this.#answerRead(context, function* (now) {
      const page = sagas().list(query, now);
      const answer = answerSagas(page);
      const work = sagaLookedAtCost * page.scanned + sagaCost * (1 + page.sagas.length);
      yield work;
      return { answer, bytes: answer.body.length + bytesPerUnit * work };
    });
  }

  /** Reads how full is what has a bound. */
  readUsage(context: RequestContext): Promise<HttpAnswer> {
    return this.#answer(context, (now) => {
      this.#partition.assertAuthorized(context.reader ?? anonymousReader, now);
      return answerUsage({
        ...this.#partition.usages(now),
        connections: this.#admission.usage,
        streams: this.#streams.usage,
      });
    });
  }

  /** Answers an operator who looks into it. */
  inspect(asked: Inspected, context: RequestContext): Promise<HttpAnswer> {
    const { inspect } = this.#settings.parts;
    return this.#answer(context, (now) => {
      const { inspection } = this.#partition;
      if (!inspect || !inspection) return missing("operations");
      return inspect(inspection, this.#connections, this.#verification, asked, now);
    });
  }

  /** Reads the state after any event, for the operator `by`; or answers how far it is folded. */
  travel(at: number, by: string, context: RequestContext): Promise<HttpAnswer<AnswerBody>> {
    const partition = this.#partition;
    const ports = this.#ports;
    const readers = this.#stateReaders;
    return this.#answer<AnswerBody>(context, () =>
      this.#reads.run(by, function* () {
        const now = ports.now();
        // Before the state is opened: whatever fails after that would keep it open.
        const etag = stateTag(partition.standing(now, at), at);
        const read = yield* partition.travel.to(at, by, now);
        return "of" in read ? answerFolded(read) : readers.answer(read, etag);
      }),
    );
  }

  /** Compares what derives from the log with the log. */
  verify(context: RequestContext): Promise<HttpAnswer> {
    return this.#answer(context, async () => answerJson({ verified: await this.#verification.read() }));
  }

  /** @throws Refusal where the Worker does not have the part. */
  get #deadLetters(): NonNullable<Partition["deadLetters"]> {
    return this.#partition.deadLetters ?? missing("effectsAndTimers");
  }

  /** Lists dead letters after the effect `after`. */
  listDeadLetters(after: string | undefined, limit: number, context: RequestContext): Promise<HttpAnswer> {
    return this.#answer(context, (now) => {
      const rows = this.#deadLetters.list(after, limit, now);
      return answerDeadLetters(rows, rows.length === limit);
    });
  }

  readDeadLetter(effectId: string, context: RequestContext): Promise<HttpAnswer> {
    return this.#answer(context, (now) => answerDeadLetter(this.#deadLetters.find(effectId, now)));
  }

  replayDeadLetter(effectId: string, context: RequestContext): Promise<HttpAnswer> {
    return this.#answer(context, (now) => {
      this.#deadLetters.replay(effectId, now);
      return answerJson({ replayed: 1 });
    });
  }

  discardDeadLetter(effectId: string, context: RequestContext): Promise<HttpAnswer> {
    return this.#answer(context, (now) => {
      this.#deadLetters.discard(effectId, now);
      return { status: 204, headers: {}, body: "" };
    });
  }

  /** Answers whether the schema is current and the storage can be read. */
  ready(context: RequestContext): Promise<HttpAnswer> {
    return this.#answer(context, (now) => {
      this.#partition.events(0, 1, now);
      return { status: 200, headers: { "content-type": "application/json" }, body: '{"status":"ready"}' };
    });
  }

  /** Whether the state allows this author to read; no, where the state is not known. */
  mayRead(author: Author): boolean {
    this.#costs?.request();
    return this.#step(() => {
      try {
        this.#partition.assertAuthorized(author, this.#ports.now());
        return true;
      } catch (error) {
        // Its reason is logged where it is an unexpected one.
        this.#partition.failureOf(error, this.#ports.now());
        return false;
      }
    });
  }

  /** Runs the jobs that are due. */
  async alarm(): Promise<void> {
    this.#costs?.request();
    this.#armedAt = undefined;
    try {
      const followUps = this.#runJobs();
      // The alarm is set first: the follow-ups need several turns, and can be lost in a crash.
      this.#arm(this.#partition.nextDue);
      this.#effects?.endPause();
      for (const followUp of followUps) await this.#follow(followUp);
    } finally {
      this.#step(() => {});
    }
  }

  #runJobs(): readonly FollowUp[] {
    try {
      return this.#partition.runJobs(this.#ports.now());
    } catch (error) {
      // Where the storage is damaged, each attempt would say the same.
      if (this.#partition.isBroken) throw error;
      // Platform fact: an alarm that fails is run again six times within two minutes, and then never.
      this.#ports.log("alarm_failed", { ...this.#settings.name, error: describe(error) });
      this.#armAt(this.#ports.now() + storageRetryMs);
      return [];
    }
  }

  /** One that rejects does not keep the later ones from running. */
  async #follow(followUp: () => Promise<void>): Promise<void> {
    try {
      await followUp();
    } catch (error) {
      this.#ports.log("follow_up_failed", { ...this.#settings.name, error: String(error) });
    }
  }

  /** Applies changes of the tenant. Returns whether the partition stays subscribed. */
  tenantChanged(changes: TenantChanges): boolean {
    this.#costs?.request();
    return this.#step(() => this.#link?.changed(changes) ?? false);
  }

  /** Decides what is queued, ends all connections, each with a time to reconnect, and accepts nothing new for `seconds`. */
  drain(seconds: number): void {
    this.#costs?.request();
    const now = this.#ports.now();
    const until = now + seconds * 1_000;
    this.#admission.close({ since: now, until });
    this.#drainedUntil = until;
    this.#ports.log("draining", { ...this.#settings.name, seconds, connections: this.#connections.size });
    this.#step(() => {
      this.#intake.flush();
      const wanted = Math.max(reconnectSpreadMsMin, this.#connections.size * reconnectSpreadMsPerClient);
      const spread = Math.min(wanted, reconnectSpreadMsMax);
      this.#partition.drain(() => Math.ceil(seconds * 1_000 + this.#ports.random.fraction() * spread), now);
      this.#keepDrain(until, now);
    });
  }

  /** Stores a drain, because the object can sleep before it ends. */
  #keepDrain(until: number, now: number): void {
    try {
      this.#partition.open(now);
      if (this.#partition.exists) this.#partition.keepDrain(until, now);
      // Its clients have written nothing yet, and a drain must not create storage: the alarm alone says until when.
      else this.#armAt(until);
    } catch (error) {
      // As long as the object does not sleep, it is drained all the same; and with a timer it does not.
      const again = () => this.#step(() => this.#keepDrain(until, this.#ports.now()));
      // Not the end of one that another one has replaced.
      const goesOn = () => this.#drainedUntil === until && this.#ports.now() < until;
      this.#ports.timer(() => void (goesOn() && again()), storageRetryMs);
      this.#ports.log("drain_not_stored", { ...this.#settings.name, error: describe(error) });
    }
  }

  #refuse(failure: Failure, traceId?: string): HttpAnswer {
    return answerFailure(
      this.#settings.name.partition,
      this.#partition.failureOf(new Refusal(failure), this.#ports.now(), traceId),
    );
  }

  /** Queues work, and resolves with its answer. All requests of a principal share one turn in a window. */
  #wait(
    author: Author,
    bytes: number,
    traceId: string,
    workFor: (resolve: (answer: HttpAnswer) => void) => Work,
  ): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      this.#step(() => {
        if (!this.#intake.offer(author.principal, workFor(resolve), bytes)) resolve(this.#refuse(overloaded, traceId));
      });
    });
  }

  /** Answers a read in its turn. Its principal pays for it, by the bytes that it says. */
  #answerRead<Body extends AnswerBody = string>(
    context: RequestContext,
    read: (now: number) => Steps<MeteredAnswer<Body>>,
  ): Promise<HttpAnswer<Body> | HttpAnswer> {
    const reader = context.reader ?? anonymousReader;
    const { principal } = reader;
    const partition = this.#partition;
    const ports = this.#ports;
    return this.#answer(context, () =>
      this.#reads.run(principal, function* () {
        const now = ports.now();
        partition.assertMayRead(principal, now);
        partition.assertAuthorized(reader, now);
        let bytes = 0;
        try {
          const metered = yield* read(now);
          bytes = metered.bytes;
          return metered.answer;
        } finally {
          partition.payForRead(principal, bytes, ports.now());
        }
      }),
    );
  }

  async #answer<Body extends AnswerBody = string>(
    { traceId, reader }: RequestContext,
    read: (now: number) => Promise<HttpAnswer<Body> | HttpAnswer> | HttpAnswer,
  ): Promise<HttpAnswer<Body> | HttpAnswer> {
    this.#costs?.request();
    const failure = reader && (await this.#admission.admitRequest(reader));
    if (failure) return this.#refuse(failure, traceId);
    try {
      return await this.#step(() => read(this.#ports.now()));
    } catch (error) {
      return answerFailure(this.#settings.name.partition, this.#partition.failureOf(error, this.#ports.now(), traceId));
    }
  }

  /** Runs one entry into the core, and then sets the alarm for the next job. */
  #step<T>(body: () => T): T {
    // Not the shell itself: it would stay in memory, with its state, until another partition runs.
    this.#ports.isolate.note(this.#settings);
    try {
      if (this.#ports.keys() !== this.#keys) this.#endOfOtherKeys();
      return body();
    } finally {
      this.#dialects.forget();
      this.#arm(this.#partition.nextDue);
      this.#effects?.start();
      this.#rest();
      this.#measures?.entered();
    }
  }

  /** Lets go of what was kept for readers that do not come back. The clock is read only where there is something: on the platform that is a call. */
  #rest(): void {
    const { travel } = this.#partition;
    if (travel.keeps) travel.rest(this.#ports.now());
    if (this.#verification.keeps) this.#verification.rest(this.#ports.now());
  }

  /** Ends what other keys have let in. Keys that were changed must not wait until something restarts the object. */
  #endOfOtherKeys(): void {
    const keys = this.#ports.keys();
    this.#keys = keys;
    if (keys !== undefined) this.#partition.endOthersThan(keys, this.#ports.now());
  }

  #arm(at: number | undefined): void {
    // An alarm is a billed row: one that comes too early finds nothing due, and sets the next.
    if (at === undefined || this.#armingFailed || (this.#armedAt !== undefined && this.#armedAt <= at)) return;
    this.#armAt(at);
  }

  #armAt(at: number): void {
    this.#armedAt = at;
    this.#ports.armAlarm(at).catch((error: unknown) => {
      this.#ports.log("alarm_not_set", { ...this.#settings.name, error: describe(error) });
      this.#armedAt = undefined;
      this.#armingFailed = true;
      this.#ports.timer(() => {
        this.#armingFailed = false;
        this.#step(() => {});
      }, storageRetryMs);
    });
  }

  #addConnection(connection: Connection): void {
    this.#connections.add(connection);
    this.#attach(connection.session);
  }

  #attach(listener: Session | Subscription): void {
    this.#admission.add(listener);
    try {
      this.#partition.attach(listener, this.#ports.now());
    } catch (error) {
      this.#detach(listener);
      throw error;
    }
  }

  #detach(listener: Session | Subscription): void {
    this.#admission.remove(listener);
    this.#partition.detach(listener);
  }

  /** Platform fact: `webSocketClose` may never be called for a peer that vanished. */
  #endIdle(now: number): void {
    this.#sweptAt = now;
    for (const connection of this.#connections) connection.endIfIdle(now);
    // Also of one that another version of the Worker has let in meanwhile.
    this.#endOfOtherKeys();
    this.#partition.expire(now);
  }
}

/** An answer, and the bytes that were produced or replayed for it. */
interface MeteredAnswer<Body extends AnswerBody = string> {
  answer: HttpAnswer<Body> | HttpAnswer;
  bytes: number;
}

/** What a signed head costs a turn, in the units of `State.work`: a row is read. */
const headCost = 16;
/** And a proof between two heads: at most about twice as many rows of nodes as the tree over the segments has levels. */
const consistencyCost = 32 * headCost;
/** And a proof: the leaves of its segment are read, and the 1,023 nodes over them computed, which takes a millisecond. */
const proofCost = 2_048;
/** What its reader pays for it: as for the page of the log with about the same cost. */
const proofBytes = 64 * 1_024;
/** What a reader pays for a unit of work of which the answer shows nothing: as much. */
const bytesPerUnit = proofBytes / proofCost;

/** A read that is one step. */
function* inOneStep<T>(work: number, read: () => T): Steps<T> {
  const given = read();
  yield work;
  return given;
}

/** A Worker that has the part calls an object of one that has not. */
const without = (part: string): Failure => ({
  code: "not_configured",
  detail: `The server of this partition has no part "${part}".`,
});

/** @throws Refusal */
function missing(part: string): never {
  throw new Refusal(without(part));
}

/** What it takes to read a saga, in the units of `State.work`; and to look whether it belongs on a page. */
const sagaCost = 64;
const sagaLookedAtCost = 8;

const meteredByBody = (answer: HttpAnswer): MeteredAnswer => ({ answer, bytes: answer.body.length });

const unmetered = (answer: HttpAnswer): MeteredAnswer => ({ answer, bytes: 0 });

/** The limits in force as long as the tenant has set none. */
function limitsOf({ limits }: ShellSettings, { tenant }: ShellPorts): Limits {
  if (tenant) return { ...defaultLimits, ...limits };
  // The tenant's object counts what is limited over all partitions; in open development mode there is none.
  return { ...noLimits, ...limits, tenant: null, newPartitions: null };
}
