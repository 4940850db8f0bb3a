import { type DurableObject, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type * as z from "zod/mini";
import { type Model, modelFor, type PayloadOf } from "../model/index.ts";
import { callObject } from "../platform/call.ts";
import { stubOf } from "../platform/placement.ts";
import {
  type Author,
  isPartitionName,
  type JsonObject,
  type NumberedEvent,
  type Problem,
  systemAuthor,
} from "../protocol/index.ts";
import {
  type BatchWrite,
  type EventsRead,
  PartitionWriter,
  ReadRefused,
  type StateRead,
  type WriteOptions,
  type Written,
  type WrittenBatch,
} from "../shell/writer.ts";
import type { Application } from "./application.ts";
import { partitionCalls, type PartitionRpc } from "./partition-calls.ts";

type Payloads = Record<string, z.core.$ZodType>;

/** What code of the server may read: everything, also where the model decides by its state who reads. */
const readPermissions = ["read", "admin:read"];
/** The pause before a stream that has ended is opened again, in milliseconds. */
const reopenMs = 1_000;
const serverName = /^[\x21-\x7e]{1,64}$/;
const tenantDefault = "default";

/** The bindings that code of the server needs. */
export interface WriterEnv {
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionRpc>;
}

/** As whom code of the server acts, and which model it writes for. */
export interface ServerPartitionOptions<S extends object, P extends Payloads, Internal extends string> {
  /** It submits as the principal `server:<as>`: 1 to 64 visible ASCII characters. Default: `worker`. */
  as?: string;
  /** The model that serves the partition, for its types. */
  model?: Model<S, P, Internal>;
}

/** A partition for code of the server, which runs in the Worker of the authority. */
export class ServerPartition<S extends object = JsonObject, P extends Payloads = Payloads> extends PartitionWriter<
  S,
  P
> {
  readonly #open: (since: number | undefined) => Promise<Response>;

  constructor(
    model: Model<any, any, any>,
    calls: ConstructorParameters<typeof PartitionWriter>[1],
    open: (since: number | undefined) => Promise<Response>,
  ) {
    super(model, calls);
    this.#open = open;
  }

  /**
   * Follows the log: each event once and in order, from the one after `since` on; absent: from the next one. It connects again
   * by itself. It ends when the loop is left, or `signal` aborts. A Worker that follows a log keeps running: use it for as
   * long as somebody waits, and `events` for the rest.
   *
   * @throws ReadRefused
   */
  async *watch({ since, signal }: { since?: number; signal?: AbortSignal } = {}): AsyncGenerator<NumberedEvent, void> {
    let last = since;
    const isOver = () => signal?.aborted === true;
    while (!isOver()) {
      for await (const { id, event, data } of await this.#messages(last, signal)) {
        if (event === "connected") last ??= (JSON.parse(data) as { currentEventIndex: number }).currentEventIndex;
        if (id === undefined || event !== undefined) continue;
        last = Number(id);
        yield JSON.parse(data) as NumberedEvent;
      }
      if (!isOver()) await new Promise((resolve) => setTimeout(resolve, reopenMs));
    }
  }

  async #messages(since: number | undefined, signal: AbortSignal | undefined) {
    const response = await this.#open(since);
    if (response.status !== 200) throw new ReadRefused((await response.json()) as Problem);
    const ends = signal ? { signal } : {};
    return response.body!.pipeThrough(new TextDecoderStream(), ends).pipeThrough(new EventSourceParserStream());
  }
}

const context = () => ({ traceId: crypto.randomUUID().replaceAll("-", "") });

/** The partition `name` of a tenant, for code of the server. @throws TypeError */
export function serverPartition<S extends object, P extends Payloads, Internal extends string>(
  { models, placementOf }: Pick<Application, "models" | "placementOf">,
  env: WriterEnv,
  tenant: string,
  name: string,
  { as = "worker", model }: ServerPartitionOptions<S, P, Internal> = {},
): ServerPartition<S, P> {
  const served = isPartitionName(name) ? modelFor(models, name) : undefined;
  if (!served) throw new TypeError(`no model serves "${name}"`);
  if (model && served !== model) throw new TypeError(`"${name}" is served by ${served.name}, and not by this model`);
  if (!serverName.test(as)) throw new TypeError("`as` has 1 to 64 visible ASCII characters");
  const author = systemAuthor("server", as);
  const reader: Author = { ...author, permissions: readPermissions };
  const stub = () => partitionCalls(stubOf(env.PARTITIONS, `${tenant}/${name}`, placementOf(tenant)));
  return new ServerPartition<S, P>(
    served,
    {
      submit: (submission, bytes) =>
        callObject(stub, (object) =>
          object.submit({ author, clientId: author.principal, submission, bytes, context: context() }),
        ),
      readEvents: (since, limit) =>
        callObject(stub, (object) =>
          object.readEvents({ since, limit, context: { ...context(), reader }, proof: { authors: true } }),
        ),
      readState: (at) => callObject(stub, (object) => object.readState({ at, context: { ...context(), reader } })),
    },
    (since) =>
      callObject(stub, (object) => object.openStream({ kind: "events", author: reader, since, authors: true }, {})),
  );
}

/** What a service binding can say of the Worker that is bound, as its `props`. */
export interface WriterProps {
  /** It submits as the principal `server:<name>`. */
  name?: string;
  /** The one tenant that it may address; absent: each. */
  tenant?: string;
}

/** A partition, for another Worker. */
export class RemotePartition extends RpcTarget {
  readonly #partition: ServerPartition;

  constructor(partition: ServerPartition) {
    super();
    this.#partition = partition;
  }

  /** As `PartitionWriter.submit`. */
  submit(type: string, payload: JsonObject, options: WriteOptions): Promise<Written> {
    return this.#partition.submit(type, payload as PayloadOf<Payloads, string>, options);
  }

  /** As `PartitionWriter.submitBatch`. */
  submitBatch(
    mode: "atomic" | "sequential",
    drafts: readonly BatchWrite<Payloads>[],
    options: Pick<WriteOptions, "key">,
  ): Promise<WrittenBatch> {
    return this.#partition.submitBatch(mode, drafts, options);
  }

  /** As `PartitionWriter.events`. */
  events(asked?: { since?: number; limit?: number }): Promise<EventsRead> {
    return this.#partition.events(asked);
  }

  /** As `PartitionWriter.state`. */
  state(asked?: { at?: number }): Promise<StateRead> {
    return this.#partition.state(asked);
  }

  /** Follows the log as lines of JSON, `{"eventId":7,"event":{…}}` each, until its reader cancels it. */
  watch({ since }: { since?: number } = {}): ReadableStream<Uint8Array> {
    const stop = new AbortController();
    const events = this.#partition.watch({ signal: stop.signal, ...(since === undefined ? {} : { since }) });
    const { readable, writable } = new IdentityTransformStream();
    void writeLines(events, writable.getWriter(), stop);
    return readable;
  }
}

/** Writes events as lines, until the reader has gone. */
async function writeLines(
  events: AsyncGenerator<NumberedEvent, void>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  stop: AbortController,
): Promise<void> {
  const encoder = new TextEncoder();
  // It may go while no event comes.
  writer.closed.catch(() => stop.abort());
  try {
    for await (const event of events) await writer.write(encoder.encode(`${JSON.stringify(event)}\n`));
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
  }
}

/** The tenant that a binding addresses. @throws TypeError */
export function tenantFor({ tenant: own }: WriterProps, asked: string | undefined): string {
  if (own !== undefined && asked !== undefined && asked !== own)
    throw new TypeError("this binding is for another tenant");
  return own ?? asked ?? tenantDefault;
}

/** What the entrypoint has for other Workers: its class without protected members, which published types cannot have. */
export type WritersClass = new (
  ctx: ExecutionContext<WriterProps>,
  env: WriterEnv,
) => WorkerEntrypoint<WriterEnv, WriterProps> & {
  partition(name: string, options?: { tenant?: string }): RemotePartition;
};

/** The entrypoint for service bindings of other Workers. */
export function writersEntrypoint(application: Pick<Application, "models" | "placementOf">): WritersClass {
  return class Writers extends WorkerEntrypoint<WriterEnv, WriterProps> {
    /**
     * A partition. `tenant`: default: that of the binding's `props`, or `default`.
     *
     * @throws TypeError where no model serves it, or the binding is for another tenant.
     */
    partition(name: string, { tenant }: { tenant?: string } = {}): RemotePartition {
      const props = this.ctx.props ?? {};
      const of = tenantFor(props, tenant);
      const options = props.name === undefined ? {} : { as: props.name };
      return new RemotePartition(serverPartition(application, this.env, of, name, options) as ServerPartition);
    }
  };
}
