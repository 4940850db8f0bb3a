import { bytesPort, sha256 } from "../platform/hash.ts";
import { DurableObject, waitUntil } from "cloudflare:workers";
import {
  Intake,
  newSession,
  Partition,
  type PartitionName,
  Refusal,
  type Submission,
  type Work,
} from "../core/index.ts";
import type { IdentitySettings } from "../identity/settings.ts";
import { type Author, defaultLimits, type Failure, noLimits } from "../protocol/index.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import { PartitionStorage } from "../storage/partition/storage.ts";
import {
  type HttpAnswer,
  answerEvents,
  answerOutcome,
  answerFailure,
  answerState,
  answerUnchanged,
  responseOf,
} from "../wire/partita/answers.ts";
import { modelOf } from "../models/canary/index.ts";
import { partitaDialect } from "../wire/partita/codec.ts";
import { restoredSession } from "../wire/partita/options.ts";
import type { Dialect } from "../wire/dialect.ts";
import { type Attachment, Connection, type ConnectionHost } from "../shell/connection.ts";
import { Door } from "../shell/admission.ts";
import { heartbeatFrame } from "../wire/partita/heartbeat.ts";
import { isHeld, pageTag, stateTag } from "../wire/partita/etags.ts";
import { log } from "../platform/log.ts";
import { migrations } from "../storage/partition/migrations.ts";
import { stubOf } from "../platform/placement.ts";
import { writeSnapshot } from "../shell/snapshot-writer.ts";
import { answerClose, socketCarrier } from "./sockets.ts";
import { Streams } from "../shell/streams.ts";
import {
  type Asking,
  authorHeader,
  type PartitionApi,
  streamHeader,
  type StreamRequest,
  type TenantApi,
  type TenantChanges,
  tokenFollows,
} from "../platform/rpc.ts";
import type { Application } from "./application.ts";
import { TenantLink } from "../shell/tenant-link.ts";

/** A connection whose token has to come with `connect` ends after this long without one. */
const strangerMsMax = 10_000;
/** Clients that are told to come back do so over this time, and over more where they are many. */
const reconnectSpreadMsMin = 1_000;
const reconnectSpreadMsPerClient = 10;
const reconnectSpreadMsMax = 30_000;
/** Work that failed is tried again after this long at the earliest. */
const dueRetryMs = 5_000;

interface PartitionEnv extends IdentitySettings {
  TENANTS: DurableObjectNamespace<DurableObject & TenantApi>;
}

/** Splits an object's name, `<tenant>/<partition>`; neither part can contain a slash. */
function partitionNameOf(objectName: string | undefined): PartitionName {
  const [tenant, partition, ...rest] = objectName?.split("/") ?? [];
  if (!tenant || !partition || rest.length > 0) throw new Error("a partition's object is named <tenant>/<partition>");
  return { tenant, partition };
}

/**
 * The Durable Object class for these models: the shell that maps the platform's events to the
 * core, and the core's effects to sockets, the alarm and answers. It decides nothing.
 */
export function partitionObject({ models, roles, limits: given, placementOf }: Application) {
  return class PartitionObject extends DurableObject<PartitionEnv> implements PartitionApi {
    readonly #name: PartitionName;
    readonly #partition: Partition;
    readonly #codec: Dialect;
    readonly #storage: DurableSqlDriver;
    readonly #intake: Intake;
    readonly #host: ConnectionHost;
    readonly #connections = new Set<Connection>();
    readonly #streams: Streams;
    /** Weak, because the peer of a socket that was ended here may never answer. */
    readonly #bySocket = new WeakMap<WebSocket, Connection>();
    /** Undefined in open development mode: there nobody is told from anybody else. */
    readonly #link: TenantLink | undefined;
    readonly #door: Door;
    #armedAt: number | undefined;

    constructor(ctx: DurableObjectState, env: PartitionEnv) {
      super(ctx, env);
      this.#name = partitionNameOf(ctx.id.name);
      const open = env.PARTITA_IDENTITY === "open";
      const model = modelOf(models, this.#name.partition);
      if (!model) throw new Error("no model serves this partition");
      this.#storage = new DurableSqlDriver(ctx.storage);
      this.#partition = new Partition(this.#name, model, {
        storage: new PartitionStorage(this.#storage, migrations, bytesPort),
        random: {
          logId: () => crypto.randomUUID(),
          incarnation: () => crypto.randomUUID().replaceAll("-", "").slice(-16),
          traceId: () => crypto.randomUUID().replaceAll("-", ""),
          peerId: () => crypto.randomUUID(),
        },
        sha256,
        log,
        askTenant: (count) => void this.#link?.ask(count),
        defer: (run, delayMs) => void setTimeout(() => this.#step(() => run(Date.now())), delayMs),
      });
      this.#codec = partitaDialect(this.#name.partition);
      const partition = this.#partition;
      this.#intake = new Intake({
        get connections() {
          return partition.connections;
        },
        process: (batch) => this.#partition.process(batch, Date.now()),
        defer: (window) => void setTimeout(() => this.#step(window), 0),
      });
      this.#host = {
        partition: this.#partition,
        codec: this.#codec,
        intake: this.#intake,
        left: (connection) => {
          this.#connections.delete(connection);
          this.#partition.detach(connection.session);
        },
        authenticate: open ? undefined : (session, token) => this.#door.authenticate(session, token),
        mustClaim: () => this.#link?.mustClaim === true,
        claim: (author) => this.#door.admitRequest(author, true),
        step: (body) => this.#step(body),
      };
      // What is limited across partitions, a tenant's object counts; in open development mode there is none.
      const across = { tenant: null, newPartitions: null };
      const limits = open ? { ...noLimits, ...given, ...across } : { ...defaultLimits, ...given };
      this.#partition.limit(limits);
      this.#link = open
        ? undefined
        : new TenantLink({
            name: this.#name.partition,
            partition: this.#partition,
            limits,
            tenant: () => stubOf(env.TENANTS, this.#name.tenant, placementOf(this.#name.tenant)),
            log,
            step: (body) => this.#step(body),
          });
      this.#door = new Door({
        name: this.#name,
        partition: this.#partition,
        link: this.#link,
        settings: env,
        roles,
        keep: waitUntil,
      });
      this.#streams = new Streams({
        ...this.#host,
        join: (connection) => this.#join(connection),
      });
      ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(heartbeatFrame, heartbeatFrame));
      // Before any message: the alarm that is set, so that it is set anew only where it must come earlier.
      void ctx.blockConcurrencyWhile(async () => {
        this.#armedAt = (await ctx.storage.getAlarm()) ?? undefined;
        this.#step(() => {
          try {
            this.#partition.open(Date.now());
          } catch (error) {
            // Each request tries again, and tells its client; the object itself must stay reachable.
            this.#partition.failureOf(error, Date.now());
          }
          this.#link?.resume();
          for (const ws of ctx.getWebSockets()) this.#wake(ws);
        });
      });
    }

    /** A WebSocket upgrade, or a stream that is asked for: checked and marked by the edge. */
    override async fetch(request: Request): Promise<Response> {
      if (request.headers.has("upgrade")) return await this.#upgrade(request);
      const asked = JSON.parse(request.headers.get(streamHeader)!) as StreamRequest;
      const failure = (await this.#door.admit(asked.author)) ?? this.#door.placeFor(asked.author, false);
      if (failure) return responseOf(this.#refuse(failure));
      return await this.#step(() =>
        asked.kind === "events"
          ? this.#streams.read(asked.author, asked.clientId, asked.since)
          : this.#streams.connect(asked.author),
      );
    }

    async #upgrade(request: Request): Promise<Response> {
      const told = request.headers.get(authorHeader);
      const awaitsToken = told === tokenFollows;
      const author = told === null || awaitsToken ? undefined : (JSON.parse(told) as Author);
      const failure = (await this.#door.admit(author)) ?? this.#door.placeFor(author, awaitsToken);
      if (failure) return responseOf(this.#refuse(failure));
      const { 0: client, 1: server } = new WebSocketPair();
      const attachment: Attachment = { session: newSession(author, awaitsToken), seenAt: Date.now() };
      this.ctx.acceptWebSocket(server);
      server.serializeAttachment(attachment);
      this.#step(() => this.#attach(server, attachment));
      // The edge has left the one that we speak, where it was offered.
      const spoken = request.headers.get("sec-websocket-protocol");
      const headers: HeadersInit = spoken === null ? {} : { "sec-websocket-protocol": spoken };
      return new Response(null, { status: 101, webSocket: client, headers });
    }

    override webSocketMessage(ws: WebSocket, frame: string | ArrayBuffer): void {
      this.#step(() => this.#bySocket.get(ws)?.receive(frame, Date.now()));
    }

    override webSocketClose(ws: WebSocket, code: number, reason: string): void {
      answerClose(ws, code, reason);
      this.#step(() => this.#left(ws));
    }

    override webSocketError(ws: WebSocket): void {
      this.#step(() => this.#left(ws));
    }

    override async alarm(): Promise<void> {
      const now = Date.now();
      this.#armedAt = undefined;
      try {
        const snapshot = this.#partition.runDue(now, () => this.#sweep(now));
        if (snapshot) await writeSnapshot(this.#partition, snapshot);
        if (this.#partition.attended) await this.#link?.renew();
      } finally {
        const next = this.#partition.nextDue;
        if (next !== undefined) this.#arm(Math.max(next, now + dueRetryMs));
      }
    }

    /** Takes frames of a connection without a WebSocket, of which `before` others were sent earlier. */
    async postFrames(
      id: string,
      author: Author | undefined,
      before: number,
      frames: readonly string[],
    ): Promise<HttpAnswer> {
      // Its token need not be the one that has opened the connection, and may be revoked where that one is not.
      const failure = author && (await this.#door.admitRequest(author, false));
      if (failure) return this.#refuse(failure);
      return this.#step(() => this.#streams.take(id, author, before, frames));
    }

    /** Decides what came over HTTP. */
    async submit(
      author: Author,
      clientId: string,
      submission: Submission,
      bytes: number,
      { traceId }: Asking,
    ): Promise<HttpAnswer> {
      const failure = await this.#door.admitRequest(author, true);
      if (failure) return this.#refuse(failure, traceId);
      return await this.#wait(author, bytes, (resolve) => ({
        author,
        clientId,
        submission,
        traceId,
        answer: (outcome) => resolve(answerOutcome(this.#name.partition, submission, outcome)),
      }));
    }

    /** A page of the log. */
    readEvents(since: number, limit: number | undefined, asking: Asking): Promise<HttpAnswer> {
      return this.#answer(asking, (now) => {
        const standing = this.#partition.standing(now);
        const etag = pageTag(standing);
        if (since <= standing.head && isHeld(asking.ifNoneMatch, etag)) return answerUnchanged(etag);
        return answerEvents(this.#name.partition, this.#partition.events(since, limit, now), etag);
      });
    }

    /** The state, at the head or after an event. */
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

    /** Takes changes of the tenant; whether it wants to be told of the next. */
    async tenantChanged(changes: TenantChanges): Promise<boolean> {
      return this.#step(() => this.#link?.changed(changes) ?? false);
    }

    /** Decides what waits, ends all connections, each with a time to come back at, and takes nothing new for so long. */
    async drain(seconds: number): Promise<void> {
      const now = Date.now();
      this.#door.close(now + seconds * 1_000);
      log("info", "draining", { ...this.#name, seconds, connections: this.#connections.size });
      this.#step(() => {
        this.#intake.flush();
        const wanted = Math.max(reconnectSpreadMsMin, this.#connections.size * reconnectSpreadMsPerClient);
        const spread = Math.min(wanted, reconnectSpreadMsMax);
        this.#partition.drain(() => Math.ceil(seconds * 1_000 + Math.random() * spread), now);
      });
    }

    #refuse(failure: Failure, traceId?: string): HttpAnswer {
      return answerFailure(this.#name.partition, this.#partition.failureOf(new Refusal(failure), Date.now(), traceId));
    }

    /** Puts work into its window. A principal has one turn over HTTP, however many requests it sends. */
    #wait(
      author: Author,
      bytes: number,
      workFor: (resolve: (answer: HttpAnswer) => void) => Work,
    ): Promise<HttpAnswer> {
      return new Promise((resolve, reject) => {
        this.#step(() => {
          if (!this.#intake.offer(author.principal, workFor(resolve), bytes)) reject(new Error("overloaded"));
        });
      });
    }

    async #answer({ traceId, reader }: Asking, read: (now: number) => HttpAnswer): Promise<HttpAnswer> {
      const failure = reader && (await this.#door.admitRequest(reader, false));
      if (failure) return this.#refuse(failure, traceId);
      const now = Date.now();
      try {
        return this.#step(() => read(now));
      } catch (error) {
        return answerFailure(this.#name.partition, this.#partition.failureOf(error, now, traceId));
      }
    }

    /** One entry into the core, after which everybody is told, and the alarm is what the core wants. */
    #step<T>(body: () => T): T {
      try {
        return body();
      } finally {
        this.#codec.forget();
        this.#arm(this.#partition.nextDue);
      }
    }

    #arm(at: number | undefined): void {
      if (at === undefined || at === this.#armedAt) return;
      this.#armedAt = at;
      void this.ctx.storage.setAlarm(at);
    }

    #attach(ws: WebSocket, attachment: Attachment): Connection {
      const connection = new Connection(socketCarrier(ws, this.ctx), this.#host, attachment);
      if (attachment.session.awaitsToken) {
        setTimeout(() => this.#step(() => connection.endIfStranger()), strangerMsMax);
      }
      this.#bySocket.set(ws, connection);
      this.#join(connection);
      return connection;
    }

    #join(connection: Connection): void {
      this.#connections.add(connection);
      this.#partition.attach(connection.session, Date.now());
    }

    /** Takes up again what is known of a socket. */
    #wake(ws: WebSocket): Connection | undefined {
      const attachment = ws.deserializeAttachment() as Attachment | null;
      // Platform fact: getWebSockets() includes sockets that were ended here, as long as their peer has not answered.
      return attachment ? this.#attach(ws, { ...attachment, session: restoredSession(attachment.session) }) : undefined;
    }

    #left(ws: WebSocket): void {
      // Platform fact: a socket whose Close wakes the object is not among getWebSockets().
      (this.#bySocket.get(ws) ?? this.#wake(ws))?.leave();
    }

    /** Platform fact: `webSocketClose` may never come for a peer that vanished. */
    #sweep(now: number): void {
      for (const connection of this.#connections) connection.endIfIdle(now);
    }
  };
}
