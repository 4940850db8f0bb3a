import { DurableObject } from "cloudflare:workers";
import {
  type Author,
  type Batch,
  type BatchOutcome,
  type Draft,
  Intake,
  newSession,
  type Outcome,
  Partition,
  type PartitionName,
  type Work,
} from "../core/index.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import { SqlStorage } from "../storage/sql-storage.ts";
import { type HttpAnswer, answerBatch, answerEvents, answerOutcome, answerProblem, answerState } from "./answers.ts";
import { type Codec, partitaCodec } from "./codec.ts";
import { type Attachment, Connection, type ConnectionHost } from "./connection.ts";
import { log } from "./log.ts";
import { bytesPort, migrations, sha256 } from "./migrations.ts";
import { writeSnapshot } from "./snapshots.ts";
import { answerClose, heartbeatFrame, socketCarrier } from "./sockets.ts";
import { Streams } from "./streams.ts";

/** The header by which the edge tells the object who connects; from outside it is stripped. */
export const authorHeader = "partita-author";

/** Work that failed is tried again after this long at the earliest. */
const dueRetryMs = 5_000;

/** The header by which the edge asks the object for a stream: a `StreamRequest`. From outside it never comes here. */
export const streamHeader = "partita-stream";

/** Which stream, and for whom. Undefined in open development mode: whoever `connect` names. */
export type StreamRequest =
  | { kind: "events"; author: Author; clientId: string; /** Undefined: from the head. */ since?: number | undefined }
  | { kind: "connection"; author?: Author | undefined };

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
export function partitionObject(models: ModelRegistry) {
  return class PartitionObject extends DurableObject {
    readonly #name: PartitionName;
    readonly #partition: Partition;
    readonly #codec: Codec;
    readonly #storage: DurableSqlDriver;
    readonly #intake: Intake;
    readonly #host: ConnectionHost;
    readonly #connections = new Set<Connection>();
    readonly #streams: Streams;
    /** Weak, because the peer of a socket that was ended here may never answer. */
    readonly #bySocket = new WeakMap<WebSocket, Connection>();
    #armedAt: number | undefined;

    constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
      super(ctx, env);
      this.#name = partitionNameOf(ctx.id.name);
      const model = modelFor(models, this.#name.partition);
      if (!model) throw new Error("no model serves this partition");
      this.#storage = new DurableSqlDriver(ctx.storage);
      this.#partition = new Partition(this.#name, model, {
        storage: new SqlStorage(this.#storage, migrations, bytesPort),
        random: {
          logId: () => crypto.randomUUID(),
          traceId: () => crypto.randomUUID().replaceAll("-", ""),
          peerId: () => crypto.randomUUID(),
        },
        sha256,
        log,
        defer: (run, delayMs) => void setTimeout(() => this.#step(() => run(Date.now())), delayMs),
      });
      this.#codec = partitaCodec(this.#name.partition);
      this.#intake = new Intake({
        process: (batch) => this.#step(() => this.#partition.process(batch, Date.now())),
        defer: (window) => void setTimeout(window, 0),
      });
      this.#host = {
        partition: this.#partition,
        codec: this.#codec,
        intake: this.#intake,
        left: (connection) => {
          this.#connections.delete(connection);
          this.#partition.detach(connection.session);
        },
      };
      this.#streams = new Streams({
        ...this.#host,
        step: (body) => this.#step(body),
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
            this.#partition.problemOf(error, Date.now());
          }
          for (const ws of ctx.getWebSockets()) this.#wake(ws);
        });
      });
    }

    /** A WebSocket upgrade, or a stream that is asked for: checked and marked by the edge. */
    override fetch(request: Request): Response | Promise<Response> {
      if (request.headers.has("upgrade")) return this.#upgrade(request);
      const asked = JSON.parse(request.headers.get(streamHeader)!) as StreamRequest;
      return this.#step(() =>
        asked.kind === "events"
          ? this.#streams.read(asked.author, asked.clientId, asked.since)
          : this.#streams.connect(asked.author),
      );
    }

    #upgrade(request: Request): Response {
      const { 0: client, 1: server } = new WebSocketPair();
      const author = request.headers.get(authorHeader);
      const attachment: Attachment = {
        session: newSession(author === null ? undefined : (JSON.parse(author) as Author)),
        seenAt: Date.now(),
      };
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
      } finally {
        const next = this.#partition.nextDue;
        if (next !== undefined) this.#arm(Math.max(next, now + dueRetryMs));
      }
    }

    /** Takes frames of a connection without a WebSocket, of which `before` others were sent earlier. */
    postFrames(id: string, author: Author | undefined, before: number, frames: readonly string[]): HttpAnswer {
      return this.#step(() => this.#streams.take(id, author, before, frames));
    }

    /** Decides a draft that came over HTTP. */
    submitEvent(author: Author, clientId: string, draft: Draft, bytes: number): Promise<HttpAnswer> {
      return this.#wait(author, bytes, (resolve) => ({
        author,
        clientId,
        draft,
        answer: (outcome: Outcome) => resolve(answerOutcome(this.#name.partition, outcome)),
      }));
    }

    /** Decides a batch that came over HTTP. */
    submitBatch(author: Author, clientId: string, batch: Batch, bytes: number): Promise<HttpAnswer> {
      return this.#wait(author, bytes, (resolve) => ({
        author,
        clientId,
        batch,
        answer: (outcome: BatchOutcome) => resolve(answerBatch(this.#name.partition, batch.batchId, outcome)),
      }));
    }

    /** A page of the log. */
    readEvents(since: number, limit: number | undefined): HttpAnswer {
      return this.#answer((now) => answerEvents(this.#name.partition, this.#partition.events(since, limit, now)));
    }

    /** The state, at the head or after an event. */
    readState(at: number | undefined): HttpAnswer {
      return this.#answer((now) => answerState(this.#partition.stateAt(at, now)));
    }

    /** Whether the schema is current and the storage reads. */
    ready(): HttpAnswer {
      return this.#answer((now) => {
        this.#partition.events(0, 1, now);
        return { status: 200, headers: { "content-type": "application/json" }, body: '{"status":"ready"}' };
      });
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

    #answer(read: (now: number) => HttpAnswer): HttpAnswer {
      const now = Date.now();
      try {
        return this.#step(() => read(now));
      } catch (error) {
        return answerProblem(this.#partition.problemOf(error, now));
      }
    }

    /** One entry into the core, after which the alarm is what the core wants. */
    #step<T>(body: () => T): T {
      try {
        return body();
      } finally {
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
      return attachment ? this.#attach(ws, attachment) : undefined;
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
