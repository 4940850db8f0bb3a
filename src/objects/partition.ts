import { DurableObject } from "cloudflare:workers";
import type { Delivered, PartitionName } from "../core/index.ts";
import { modelOf } from "../models/canary/index.ts";
import { stubOf } from "../platform/placement.ts";
import {
  authorHeader,
  dialectHeader,
  type Named,
  type RequestContext,
  streamHeader,
  streamHeaderBefore,
  type StreamRequest,
  type TenantChanges,
  tokenFollows,
} from "../platform/rpc.ts";
import { traceIdOf } from "../platform/trace.ts";
import type { Author } from "../protocol/index.ts";
import { type Attachment, Connection } from "../shell/connection.ts";
import { EventSink } from "../shell/event-sink.ts";
import { PartitionShell } from "../shell/partition-shell.ts";
import { type AnswerBody, type HttpAnswer, responseOf } from "../wire/partita/answers.ts";
import { closeCode } from "../wire/partita/close-codes.ts";
import { heartbeatFrame } from "../wire/partita/heartbeat.ts";
import type { Application } from "./application.ts";
import { named } from "./calls.ts";
import type { PartitionEnv } from "./environments.ts";
import { nameOf } from "./object-name.ts";
import type {
  AuditConsistencyCall,
  AuditProofCall,
  DeadLetterCall,
  DeliverCall,
  ImportCall,
  InspectCall,
  ListDeadLettersCall,
  PartitionRpc,
  PartitionRpcBefore,
  PollCall,
  PostCall,
  ReadEventsCall,
  ReadStateCall,
  ListSagasCall,
  SagaCall,
  SubmitCall,
  TravelCall,
} from "./partition-calls.ts";
import { durablePorts } from "./partition-ports.ts";
import { answerClose, socketCarrier } from "./sockets.ts";
import { tenantApiOf, tenantCalls } from "./tenant-calls.ts";

type Before<Method extends keyof PartitionRpcBefore> = Parameters<PartitionRpcBefore[Method]>;

const streamHeaders = { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" };

/** Splits an object's name, `<tenant>/<partition>`; neither part can contain a slash. */
function partitionNameOf(objectName: string): PartitionName {
  const [tenant, partition, ...rest] = objectName.split("/");
  if (!tenant || !partition || rest.length > 0) throw new Error("a partition's object is named <tenant>/<partition>");
  return { tenant, partition };
}

/** The Durable Object class for these models: it only passes the platform's events to the shell. */
export function partitionObject({ models, effects: allEffects, roles, limits, placementOf, parts }: Application) {
  return class PartitionObject extends DurableObject<PartitionEnv> implements PartitionRpc {
    readonly #shell: PartitionShell;
    /** Weak, because the peer of a socket that was ended here may never answer. */
    readonly #bySocket = new WeakMap<WebSocket, Connection>();

    constructor(ctx: DurableObjectState, env: PartitionEnv) {
      super(ctx, env);
      const name = partitionNameOf(nameOf(ctx.id));
      const model = modelOf(models, name.partition);
      if (!model) throw new Error("no model serves this partition");
      const effects = allEffects.find((declared) => declared.model === model);
      const placement = placementOf(name.tenant);
      const freshTenant = () => tenantCalls(stubOf(env.TENANTS, name.tenant, placement));
      const ports = durablePorts(
        ctx,
        env,
        env.PARTITA_IDENTITY === "open" ? undefined : tenantApiOf(freshTenant),
        parts.effectPorts?.(env, name, models, placement, parts.webhookPort?.(env, name, placement)),
        model.audit ? parts.headSigner?.(env) : undefined,
        env.METRICS && parts.reporterOf?.(env.METRICS, name, placement),
      );
      this.#shell = new PartitionShell({ name, model, effects, roles, limits, parts }, ports);
      ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(heartbeatFrame, heartbeatFrame));
      // Before any message: reads the alarm that is set, so that it is set again only if it must be earlier.
      void ctx.blockConcurrencyWhile(async () => {
        const armedAt = (await ctx.storage.getAlarm()) ?? undefined;
        this.#shell.start(armedAt, () => {
          for (const ws of ctx.getWebSockets()) this.#wake(ws);
        });
      });
    }

    /** A WebSocket upgrade or a request for a stream, which the edge has authenticated. */
    override async fetch(request: Request): Promise<Response> {
      const traceId = traceIdOf(request.headers.get("traceparent"));
      if (request.headers.has("upgrade")) return await this.#upgrade(request, traceId);
      const asked = JSON.parse(
        (request.headers.get(streamHeader) ?? request.headers.get(streamHeaderBefore))!,
      ) as StreamRequest;
      const answer = await this.#shell.stream(asked, traceId);
      return answer instanceof EventSink
        ? new Response(answer.readable, { headers: streamHeaders })
        : responseOf(answer);
    }

    async #upgrade(request: Request, traceId: string | undefined): Promise<Response> {
      const given = request.headers.get(authorHeader);
      const awaitsToken = given === tokenFollows;
      const author = given === null || awaitsToken ? undefined : (JSON.parse(given) as Author);
      const { 0: client, 1: server } = new WebSocketPair();
      // The edge passes only the subprotocol that we speak, if the client offered it.
      const subprotocol = request.headers.get("sec-websocket-protocol") ?? undefined;
      const carrier = (attachment: Attachment) => {
        this.ctx.acceptWebSocket(server);
        server.serializeAttachment(attachment);
        return socketCarrier(server, this.ctx);
      };
      const accepted = await this.#shell.connect(author, awaitsToken, carrier, {
        dialect: request.headers.get(dialectHeader) ?? subprotocol,
        traceId,
      });
      if (!(accepted instanceof Connection)) return responseOf(accepted);
      this.#bySocket.set(server, accepted);
      const headers: HeadersInit = subprotocol === undefined ? {} : { "sec-websocket-protocol": subprotocol };
      return new Response(null, { status: 101, webSocket: client, headers });
    }

    override webSocketMessage(ws: WebSocket, frame: string | ArrayBuffer): void {
      const connection = this.#bySocket.get(ws);
      if (connection) this.#shell.receive(connection, frame);
    }

    override webSocketClose(ws: WebSocket, code: number, reason: string): void {
      answerClose(ws, code, reason);
      this.#left(ws);
    }

    override webSocketError(ws: WebSocket): void {
      this.#left(ws);
    }

    override alarm(): Promise<void> {
      return this.#shell.alarm();
    }

    postFramesWith({ id, author, before, frames, traceId }: Named<PostCall>): Promise<HttpAnswer> {
      return this.#shell.postFrames(id, author, before, frames, traceId);
    }

    pollWith({ traceId, ...asked }: Named<PollCall>): Promise<HttpAnswer<AnswerBody>> {
      return this.#shell.poll(asked, traceId);
    }

    submitWith({ author, clientId, submission, bytes, context }: Named<SubmitCall>): Promise<HttpAnswer> {
      return this.#shell.submit(author, clientId, submission, bytes, context);
    }

    importWith({ author, submission, bytes, context }: Named<ImportCall>): Promise<HttpAnswer> {
      return this.#shell.importEvents(author, submission, bytes, context);
    }

    readEventsWith({ since, limit, context, proof }: Named<ReadEventsCall>): Promise<HttpAnswer> {
      return this.#shell.readEvents(since, limit, context, proof);
    }

    readStateWith({ at, context, proofs }: Named<ReadStateCall>): Promise<HttpAnswer<AnswerBody>> {
      return this.#shell.readState(at, context, proofs);
    }

    deliverWith({ from, effects, traceId }: Named<DeliverCall>): Promise<readonly Delivered[]> {
      return this.#shell.deliver(from, effects, traceId);
    }

    listDeadLettersWith({ after, limit, context }: Named<ListDeadLettersCall>): Promise<HttpAnswer> {
      return this.#shell.listDeadLetters(after, limit, context);
    }

    readDeadLetterWith({ effectId, context }: Named<DeadLetterCall>): Promise<HttpAnswer> {
      return this.#shell.readDeadLetter(effectId, context);
    }

    replayDeadLetterWith({ effectId, context }: Named<DeadLetterCall>): Promise<HttpAnswer> {
      return this.#shell.replayDeadLetter(effectId, context);
    }

    discardDeadLetterWith({ effectId, context }: Named<DeadLetterCall>): Promise<HttpAnswer> {
      return this.#shell.discardDeadLetter(effectId, context);
    }

    readAuditHead(context: RequestContext): Promise<HttpAnswer> {
      return this.#shell.readAuditHead(context);
    }

    readAuditProofWith({ eventId, size, context }: Named<AuditProofCall>): Promise<HttpAnswer> {
      return this.#shell.readAuditProof(eventId, size, context);
    }

    verify(context: RequestContext): Promise<HttpAnswer> {
      return this.#shell.verify(context);
    }

    readAuditConsistencyWith({ from, size, context }: Named<AuditConsistencyCall>): Promise<HttpAnswer> {
      return this.#shell.readAuditConsistency(from, size, context);
    }

    readSaga({ id, context }: Named<SagaCall>): Promise<HttpAnswer> {
      return this.#shell.readSaga(id, context);
    }

    listSagas({ context, ...query }: Named<ListSagasCall>): Promise<HttpAnswer> {
      return this.#shell.listSagas(query, context);
    }

    readUsage(context: RequestContext): Promise<HttpAnswer> {
      return this.#shell.readUsage(context);
    }

    inspectWith({ asked, context }: Named<InspectCall>): Promise<HttpAnswer> {
      return this.#shell.inspect(asked, context);
    }

    travelWith({ at, by, context }: Named<TravelCall>): Promise<HttpAnswer<AnswerBody>> {
      return this.#shell.travel(at, by, context);
    }

    ready(context: RequestContext): Promise<HttpAnswer> {
      return this.#shell.ready(context);
    }

    async mayReadWith({ author }: Named<{ author: Author }>): Promise<boolean> {
      return this.#shell.mayRead(author);
    }

    async tenantChanged(changes: TenantChanges): Promise<boolean> {
      return this.#shell.tenantChanged(changes);
    }

    async drainWith({ seconds }: Named<{ seconds: number }>): Promise<void> {
      this.#shell.drain(seconds);
    }

    // What a Worker of the version before calls.

    postFrames(...[id, author, before, frames, traceId]: Before<"postFrames">): Promise<HttpAnswer> {
      return this.postFramesWith(named({ id, author, before, frames, traceId }));
    }

    submit(...[author, clientId, submission, bytes, context]: Before<"submit">): Promise<HttpAnswer> {
      return this.submitWith(named({ author, clientId, submission, bytes, context }));
    }

    readEvents(...[since, limit, context, proof]: Before<"readEvents">): Promise<HttpAnswer> {
      return this.readEventsWith(named({ since, limit, context, proof }));
    }

    readState(...[at, context]: Before<"readState">): Promise<HttpAnswer<AnswerBody>> {
      return this.readStateWith(named({ at, context }));
    }

    drain(seconds: number): Promise<void> {
      return this.drainWith(named({ seconds }));
    }

    /** Restores the connection of a socket. */
    #wake(ws: WebSocket): Connection | undefined {
      const attachment = ws.deserializeAttachment() as Attachment | null;
      // Platform fact: getWebSockets() includes sockets that were ended here, as long as their peer has not answered.
      if (!attachment) return undefined;
      const carrier = socketCarrier(ws, this.ctx);
      if (!this.#shell.canWake(attachment)) {
        carrier.end(closeCode("recycled"), "recycled");
        return undefined;
      }
      const connection = this.#shell.wake(carrier, attachment);
      this.#bySocket.set(ws, connection);
      return connection;
    }

    #left(ws: WebSocket): void {
      // Platform fact: a socket whose Close wakes the object is not among getWebSockets().
      const connection = this.#bySocket.get(ws) ?? this.#wake(ws);
      if (connection) this.#shell.disconnected(connection);
    }
  };
}
