import type { Delivered, SagaQuery, Submission } from "../core/index.ts";
import { asciiJson } from "../platform/ascii.ts";
import {
  type Named,
  type ReadOptions,
  type RequestContext,
  streamHeader,
  streamHeaderBefore,
  type StreamRequest,
  type SubmittedEffect,
  type TenantChanges,
} from "../platform/rpc.ts";
import type { Author } from "../protocol/index.ts";
import type { Inspected } from "../shell/inspected.ts";
import type { AnswerBody, HttpAnswer } from "../wire/partita/answers.ts";
import { named, orBefore } from "./calls.ts";

/** Frames of a connection without a WebSocket. */
export interface PostCall {
  id: string;
  author?: Author | undefined;
  /** How many frames the connection sent earlier. */
  before: number;
  frames: readonly string[];
  traceId: string;
}

/** A poll of a connection without a WebSocket. */
export interface PollCall {
  /** Absent: opens a connection. */
  connectionId?: string | undefined;
  author?: Author | undefined;
  before: number;
  frames: readonly string[];
  received: number;
  holdMs: number;
  end: boolean;
  traceId: string;
}

/** A submission over HTTP. */
export interface SubmitCall {
  author: Author;
  clientId: string;
  submission: Submission;
  /** The size of the request's body. */
  bytes: number;
  context: RequestContext;
}

/** Events of another server. */
export interface ImportCall {
  author: Author;
  submission: Submission;
  /** The size of the request's body. */
  bytes: number;
  context: RequestContext;
}

/** A page of the log. */
export interface ReadEventsCall {
  since: number;
  limit?: number | undefined;
  context: RequestContext;
  proof?: ReadOptions | undefined;
}

/** The state; `at`: after this event, absent: at the head. */
export interface ReadStateCall {
  at?: number | undefined;
  /** Whether the answer says of which log it is. */
  proofs?: boolean | undefined;
  context: RequestContext;
}

/** Effects of another partition of the tenant. */
export interface DeliverCall {
  /** Its name. */
  from: string;
  effects: readonly SubmittedEffect[];
  traceId: string;
}

/** A page of dead letters. */
export interface ListDeadLettersCall {
  /** The id of the effect that it begins after; absent: the first page. */
  after?: string | undefined;
  limit: number;
  context: RequestContext;
}

/** One of them. */
export interface DeadLetterCall {
  effectId: string;
  context: RequestContext;
}

/** What an operator asks of a partition. */
export interface InspectCall {
  asked: Inspected;
  context: RequestContext;
}

/** The state after any event. */
export interface TravelCall {
  at: number;
  /** The principal who asks. */
  by: string;
  context: RequestContext;
}

/** One saga. */
export interface SagaCall {
  id: string;
  context: RequestContext;
}

/** A page of sagas. */
export interface ListSagasCall extends SagaQuery {
  context: RequestContext;
}

/** A proof that an event is in the log. */
export interface AuditProofCall {
  eventId: number;
  /** By the signed head of this many events; absent: the newest. */
  size?: number | undefined;
  context: RequestContext;
}

/** A proof that the log of one signed head is the beginning of that of another. */
export interface AuditConsistencyCall {
  from: number;
  /** Absent: the newest. */
  size?: number | undefined;
  context: RequestContext;
}

/** The remote methods of a partition's object. */
export interface PartitionRpc extends PartitionRpcBefore {
  fetch(request: Request): Promise<Response>;
  postFramesWith(asked: Named<PostCall>): Promise<HttpAnswer>;
  pollWith(asked: Named<PollCall>): Promise<HttpAnswer<AnswerBody>>;
  submitWith(asked: Named<SubmitCall>): Promise<HttpAnswer>;
  importWith(asked: Named<ImportCall>): Promise<HttpAnswer>;
  readEventsWith(asked: Named<ReadEventsCall>): Promise<HttpAnswer>;
  readStateWith(asked: Named<ReadStateCall>): Promise<HttpAnswer<AnswerBody>>;
  /** Decides drafts, in their order. Returns what became of the first ones. */
  deliverWith(asked: Named<DeliverCall>): Promise<readonly Delivered[]>;
  listDeadLettersWith(asked: Named<ListDeadLettersCall>): Promise<HttpAnswer>;
  readDeadLetterWith(asked: Named<DeadLetterCall>): Promise<HttpAnswer>;
  replayDeadLetterWith(asked: Named<DeadLetterCall>): Promise<HttpAnswer>;
  discardDeadLetterWith(asked: Named<DeadLetterCall>): Promise<HttpAnswer>;
  readAuditHead(asked: Named<RequestContext>): Promise<HttpAnswer>;
  readAuditProofWith(asked: Named<AuditProofCall>): Promise<HttpAnswer>;
  verify(asked: Named<RequestContext>): Promise<HttpAnswer>;
  readAuditConsistencyWith(asked: Named<AuditConsistencyCall>): Promise<HttpAnswer>;
  readSaga(asked: Named<SagaCall>): Promise<HttpAnswer>;
  listSagas(asked: Named<ListSagasCall>): Promise<HttpAnswer>;
  readUsage(asked: Named<RequestContext>): Promise<HttpAnswer>;
  inspectWith(asked: Named<InspectCall>): Promise<HttpAnswer>;
  travelWith(asked: Named<TravelCall>): Promise<HttpAnswer<AnswerBody>>;
  ready(asked: Named<RequestContext>): Promise<HttpAnswer>;
  mayReadWith(asked: Named<{ author: Author }>): Promise<boolean>;
  /** Applies changes. Returns whether it stays subscribed. */
  tenantChanged(changes: Named<TenantChanges>): Promise<boolean>;
  /** Ends all connections, and refuses new ones for `seconds`. */
  drainWith(asked: Named<{ seconds: number }>): Promise<void>;
}

/** The remote methods that a Worker of the version before calls, and that this one calls at an object of that version. */
export interface PartitionRpcBefore {
  postFrames(
    id: string,
    author: Author | undefined,
    before: number,
    frames: readonly string[],
    traceId: string,
  ): Promise<HttpAnswer>;
  submit(
    author: Author,
    clientId: string,
    submission: Submission,
    bytes: number,
    context: RequestContext,
  ): Promise<HttpAnswer>;
  readEvents(
    since: number,
    limit: number | undefined,
    context: RequestContext,
    proof?: ReadOptions,
  ): Promise<HttpAnswer>;
  readState(at: number | undefined, context: RequestContext): Promise<HttpAnswer<AnswerBody>>;
  drain(seconds: number): Promise<void>;
}

/** The calls of a partition's object, of this version or the one before. */
export type PartitionCalls = ReturnType<typeof partitionCalls>;

/** The calls of the object of `stub`. */
export function partitionCalls(stub: PartitionRpc) {
  return {
    /** Opens a WebSocket. */
    connect: (request: Request): Promise<Response> => stub.fetch(request),

    /** Opens a stream. `headers`: what the object needs besides. */
    async openStream(asked: StreamRequest, headers: Readonly<Record<string, string>>): Promise<Response> {
      const open = (header: string) =>
        stub.fetch(new Request("http://partition/stream", { headers: { ...headers, [header]: asciiJson(asked) } }));
      try {
        return await open(streamHeader);
      } catch (error) {
        // An object of the version before finds no request in the header that it knows.
        if (!String(error).includes("null (reading 'author')")) throw error;
        return await open(streamHeaderBefore);
      }
    },

    postFrames: (asked: PostCall): Promise<HttpAnswer> =>
      orBefore(
        "postFramesWith",
        () => stub.postFramesWith(named(asked)),
        () => stub.postFrames(asked.id, asked.author, asked.before, asked.frames, asked.traceId),
      ),

    /** Undefined: the object is of a version that cannot be polled. */
    poll: (asked: PollCall): Promise<HttpAnswer<AnswerBody> | undefined> =>
      orBefore<HttpAnswer<AnswerBody> | undefined>(
        "pollWith",
        () => stub.pollWith(named(asked)),
        async () => undefined,
      ),

    submit: (asked: SubmitCall): Promise<HttpAnswer> =>
      orBefore(
        "submitWith",
        () => stub.submitWith(named(asked)),
        () => stub.submit(asked.author, asked.clientId, asked.submission, asked.bytes, asked.context),
      ),

    /** An object of the version before does not have it: then it throws, and nothing was imported. */
    importEvents: (asked: ImportCall): Promise<HttpAnswer> => stub.importWith(named(asked)),

    readEvents: (asked: ReadEventsCall): Promise<HttpAnswer> =>
      orBefore(
        "readEventsWith",
        () => stub.readEventsWith(named(asked)),
        () => stub.readEvents(asked.since, asked.limit, asked.context, asked.proof),
      ),

    readState: (asked: ReadStateCall): Promise<HttpAnswer<AnswerBody>> =>
      orBefore(
        "readStateWith",
        () => stub.readStateWith(named(asked)),
        () => stub.readState(asked.at, asked.context),
      ),

    /** An object of the version before does not have it: then it throws, and the sender tries again. */
    deliver: (asked: DeliverCall): Promise<readonly Delivered[]> => stub.deliverWith(named(asked)),

    listDeadLetters: (asked: ListDeadLettersCall): Promise<HttpAnswer> => stub.listDeadLettersWith(named(asked)),

    readDeadLetter: (asked: DeadLetterCall): Promise<HttpAnswer> => stub.readDeadLetterWith(named(asked)),

    replayDeadLetter: (asked: DeadLetterCall): Promise<HttpAnswer> => stub.replayDeadLetterWith(named(asked)),

    discardDeadLetter: (asked: DeadLetterCall): Promise<HttpAnswer> => stub.discardDeadLetterWith(named(asked)),

    readAuditHead: (asked: RequestContext): Promise<HttpAnswer> => stub.readAuditHead(named(asked)),

    readAuditProof: (asked: AuditProofCall): Promise<HttpAnswer> => stub.readAuditProofWith(named(asked)),
    readAuditConsistency: (asked: AuditConsistencyCall): Promise<HttpAnswer> =>
      stub.readAuditConsistencyWith(named(asked)),

    /** Compares what derives from the log with the log, or says how far that is. */
    verify: (asked: RequestContext): Promise<HttpAnswer> => stub.verify(named(asked)),

    readSaga: (asked: SagaCall): Promise<HttpAnswer> => stub.readSaga(named(asked)),
    listSagas: (asked: ListSagasCall): Promise<HttpAnswer> => stub.listSagas(named(asked)),

    readUsage: (asked: RequestContext): Promise<HttpAnswer> => stub.readUsage(named(asked)),

    /** An object of the version before does not have it: then it throws. */
    inspect: (asked: InspectCall): Promise<HttpAnswer> => stub.inspectWith(named(asked)),
    travel: (asked: TravelCall): Promise<HttpAnswer<AnswerBody>> => stub.travelWith(named(asked)),

    ready: (asked: RequestContext): Promise<HttpAnswer> => stub.ready(named(asked)),

    /** Whether the state allows this author to read. */
    mayRead: (asked: { author: Author }): Promise<boolean> => stub.mayReadWith(named(asked)),

    tenantChanged: (changes: TenantChanges): Promise<boolean> => stub.tenantChanged(named(changes)),

    drain: (asked: { seconds: number }): Promise<void> =>
      orBefore(
        "drainWith",
        () => stub.drainWith(named(asked)),
        () => stub.drain(asked.seconds),
      ),
  };
}
