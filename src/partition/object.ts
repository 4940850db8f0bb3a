import { DurableObject } from "cloudflare:workers";
import {
  type Author,
  type Batch,
  type BatchOutcome,
  type Draft,
  type Effect,
  Intake,
  newSession,
  type Outcome,
  Partition,
  type PartitionName,
  Session,
  type SessionState,
  type Work,
} from "../core/index.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import { closeCode, limits } from "../protocol/index.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import type { EventRow } from "../storage/port.ts";
import { SqlStorage } from "../storage/sql-storage.ts";
import {
  type HttpAnswer,
  answerBatch,
  answerEvents,
  answerOutcome,
  answerProblem,
  answerState,
  answerUnchanged,
} from "./answers.ts";
import { type Codec, partitaCodec } from "./codec.ts";
import { isHeld, pageTag, stateTag } from "./etags.ts";
import { log } from "./log.ts";
import { bytesPort, migrations, sha256 } from "./migrations.ts";
import { writeSnapshot } from "./snapshots.ts";
import { closeQuietly, sendableCode, sendQuietly } from "./sockets.ts";

/** The header by which the edge tells the object who connects; from outside it is stripped. */
export const authorHeader = "partita-author";

/** The frame that is answered without waking the object, and its answer. */
const heartbeatFrame = '{"type":"heartbeat"}';
/** A peer from which nothing came for so long is taken for gone; clients send a heartbeat far more often. */
const idleMsMax = 10 * 60 * 1_000;
/** How exactly the time of a socket's last frame survives hibernation. */
const seenAtStepMs = 60 * 1_000;
/** Work that failed is tried again after this long at the earliest. */
const dueRetryMs = 5_000;

/** What an object keeps in a socket's attachment; the platform's limit is 16 KiB. */
interface Attachment {
  session: SessionState;
  /** When the last frame came, to the nearest `seenAtStepMs`. */
  seenAt: number;
}

/** A socket's session, and what is known of its peer. */
interface Known {
  readonly session: Session;
  seenAt: number;
  /** What was sent since the last sign of life, in UTF-16 units. */
  unreadBytes: number;
  /** The last heartbeat that counted as a sign of life. */
  heartbeatAt: number;
}

/** What a request over HTTP brings for the object, besides what it asks for. */
export interface Asking {
  /** 32 lower-case hexadecimal digits: what goes wrong is told and logged under it. */
  traceId: string;
  /** What the asker has, as `If-None-Match`. */
  ifNoneMatch?: string | undefined;
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
export function partitionObject(models: ModelRegistry) {
  return class PartitionObject extends DurableObject {
    readonly #name: PartitionName;
    readonly #partition: Partition;
    readonly #codec: Codec;
    readonly #storage: DurableSqlDriver;
    readonly #sessions = new Map<WebSocket, Known>();
    readonly #intake: Intake;
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

    /** A WebSocket upgrade, checked and marked by the edge. */
    override fetch(request: Request): Response {
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
      this.#step(() => {
        const known = this.#sessions.get(ws);
        if (!known) return;
        const now = Date.now();
        known.unreadBytes = 0;
        if (now - known.seenAt >= seenAtStepMs) {
          known.seenAt = now;
          this.#keep(ws, known);
        }
        const { session } = known;
        const decoded = this.#codec.decode(frame);
        const command = decoded.kind === "presence" ? this.#partition.show(session, decoded, now) : decoded;
        if (!command) return;
        const bytes = typeof frame === "string" ? frame.length : frame.byteLength;
        if (!this.#intake.offer(ws, { session, command }, bytes)) this.#end(ws, 1013, "overloaded");
      });
    }

    override webSocketClose(ws: WebSocket, code: number, reason: string): void {
      // Hibernated sockets get no automatic Close reply; without this the client waits out its own timeout.
      closeQuietly(ws, sendableCode(code), reason);
      this.#step(() => this.#left(ws));
    }

    override webSocketError(ws: WebSocket): void {
      this.#step(() => this.#left(ws));
    }

    override async alarm(): Promise<void> {
      const now = Date.now();
      this.#armedAt = undefined;
      try {
        const snapshot = this.#partition.runDue(now, () => this.#sweepSockets(now));
        if (snapshot) await writeSnapshot(this.#partition, snapshot);
      } finally {
        const next = this.#partition.nextDue;
        if (next !== undefined) this.#arm(Math.max(next, now + dueRetryMs));
      }
    }

    /** Decides a draft that came over HTTP. */
    submitEvent(
      author: Author,
      clientId: string,
      draft: Draft,
      bytes: number,
      { traceId }: Asking,
    ): Promise<HttpAnswer> {
      return this.#wait(author, bytes, (resolve) => ({
        author,
        clientId,
        draft,
        traceId,
        answer: (outcome: Outcome) => resolve(answerOutcome(this.#name.partition, outcome)),
      }));
    }

    /** Decides a batch that came over HTTP. */
    submitBatch(
      author: Author,
      clientId: string,
      batch: Batch,
      bytes: number,
      { traceId }: Asking,
    ): Promise<HttpAnswer> {
      return this.#wait(author, bytes, (resolve) => ({
        author,
        clientId,
        batch,
        traceId,
        answer: (outcome: BatchOutcome) => resolve(answerBatch(this.#name.partition, batch.batchId, outcome)),
      }));
    }

    /** A page of the log. */
    readEvents(since: number, limit: number | undefined, asking: Asking): HttpAnswer {
      return this.#answer(asking, (now) => {
        const standing = this.#partition.standing(now);
        const etag = pageTag(standing);
        if (since <= standing.head && isHeld(asking.ifNoneMatch, etag)) return answerUnchanged(etag);
        return answerEvents(this.#name.partition, this.#partition.events(since, limit, now), etag);
      });
    }

    /** The state, at the head or after an event. */
    readState(at: number | undefined, asking: Asking): HttpAnswer {
      return this.#answer(asking, (now) => {
        const standing = this.#partition.standing(now);
        const etag = stateTag(standing, at ?? standing.head);
        if ((at ?? 0) <= standing.head && isHeld(asking.ifNoneMatch, etag)) return answerUnchanged(etag);
        return answerState(this.#partition.stateAt(at, now), etag);
      });
    }

    /** Whether the schema is current and the storage reads. */
    ready(asking: Asking): HttpAnswer {
      return this.#answer(asking, (now) => {
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

    #answer({ traceId }: Asking, read: (now: number) => HttpAnswer): HttpAnswer {
      const now = Date.now();
      try {
        return this.#step(() => read(now));
      } catch (error) {
        return answerProblem(this.#partition.problemOf(error, now, traceId));
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

    #attach(ws: WebSocket, attachment: Attachment): void {
      const known: Known = {
        seenAt: attachment.seenAt,
        unreadBytes: 0,
        heartbeatAt: 0,
        session: new Session(
          {
            deliver: (replies, broadcasts) => this.#deliver(ws, known, replies, broadcasts),
            save: () => this.#keep(ws, known),
          },
          attachment.session,
        ),
      };
      this.#sessions.set(ws, known);
      this.#partition.attach(known.session, Date.now());
    }

    #keep(ws: WebSocket, { session, seenAt }: Known): void {
      // Not of a socket that was ended meanwhile.
      if (this.#sessions.has(ws)) ws.serializeAttachment({ session: session.state, seenAt } satisfies Attachment);
    }

    /** Takes up again what is known of a socket. */
    #wake(ws: WebSocket): void {
      const attachment = ws.deserializeAttachment() as Attachment | null;
      // Platform fact: getWebSockets() includes sockets that were ended here, as long as their peer has not answered.
      if (attachment) this.#attach(ws, attachment);
    }

    #left(ws: WebSocket): void {
      // Platform fact: a socket whose Close wakes the object is not among getWebSockets().
      if (!this.#sessions.has(ws)) this.#wake(ws);
      this.#detach(ws);
    }

    #detach(ws: WebSocket): void {
      const known = this.#sessions.get(ws);
      if (!known) return;
      this.#sessions.delete(ws);
      this.#partition.detach(known.session);
    }

    #deliver(ws: WebSocket, known: Known, replies: readonly Effect[], broadcasts: readonly EventRow[]): void {
      const arrays = known.session.state.client?.arrays === true;
      for (const frame of this.#codec.frames(replies, broadcasts, arrays)) {
        sendQuietly(ws, frame);
        known.unreadBytes += frame.length;
      }
      for (const effect of replies) {
        const code = effect.kind === "error" ? closeCode(effect.problem.code) : undefined;
        if (code !== undefined) this.#end(ws, code, "see the last message");
      }
      if (known.unreadBytes > limits.unreadBytesMax) this.#endIfUnread(ws, known);
    }

    /**
     * Platform fact: nothing tells how much waits in a socket. So a client from which nothing came,
     * no frame and no heartbeat, while this much was sent is taken for one that does not read.
     */
    #endIfUnread(ws: WebSocket, known: Known): void {
      const heartbeat = this.ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0;
      if (heartbeat > known.heartbeatAt) {
        known.heartbeatAt = heartbeat;
        known.unreadBytes = 0;
        return;
      }
      this.#end(ws, 1013, "slow_consumer");
    }

    #end(ws: WebSocket, code: number, reason: string): void {
      this.#detach(ws);
      ws.serializeAttachment(null);
      closeQuietly(ws, code, reason);
    }

    /** Platform fact: `webSocketClose` may never come for a peer that vanished. */
    #sweepSockets(now: number): void {
      for (const [ws, { seenAt }] of this.#sessions) {
        const heartbeat = this.ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0;
        if (now - Math.max(seenAt, heartbeat) < idleMsMax) continue;
        this.#end(ws, 1001, "idle");
      }
    }
  };
}
