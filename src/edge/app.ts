import { type Context, Hono } from "hono";
import { allows } from "../core/index.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import type { HttpAnswer } from "../partition/answers.ts";
import { authorHeader, type partitionObject } from "../partition/object.ts";
import { closeCode, type Failure, isPartitionName, type Problem, problem } from "../protocol/index.ts";
import { callObject } from "./call.ts";
import { readSubmission } from "./draft.ts";
import type { IdentitySettings } from "../identity/settings.ts";
import { authorOf, identify, type Identity, protocolsOf, type Roles, subprotocol, unaddressed } from "./identity.ts";
import { openConnection, openEvents, postFrames } from "./streams.ts";

type PartitionObject = InstanceType<ReturnType<typeof partitionObject>>;

/** The bindings and settings of the Worker. */
export interface Env extends IdentitySettings {
  PARTITIONS: DurableObjectNamespace<PartitionObject>;
}

/** Every partition belongs to a tenant; without verified tokens there is one. */
const defaultTenant = "default";
/** What reading a partition needs: its log, its state, and to be connected to it. */
const readPermission = "read";
/** A name for `/readyz` that a client cannot use as a partition: names begin with a letter or digit. */
const readinessProbe = "-readyz";

/** The close code of an upgrade that was refused for another reason than a missing or bad token. */
const refusedClose = 4403;

/** Who asks for what. */
interface Visitor {
  identity: Identity;
  partition: string;
  /** A fresh stub of the partition's object. */
  stub: () => DurableObjectStub<PartitionObject>;
}

/** Thrown to answer a request with a failure. */
class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** The Worker's routes. No domain logic: names, identity, bodies, and a call to the partition's object. */
export function edge(models: ModelRegistry, roles: Roles): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>();

  /** Who asks, for which partition; refuses whoever may not address it, before anything else is looked at. */
  const visitor = async (c: Context<{ Bindings: Env }>): Promise<Visitor> => {
    const identity = accepted(await identify(c.req.raw, c.env, roles, Date.now()));
    const partition = c.req.param("partition") ?? "";
    const failure = unaddressed(identity, partition);
    if (failure) throw new Refused(failure);
    const tenant = identity.mode === "verified" ? identity.subject.tenant : defaultTenant;
    const name = partitionOf(models, partition);
    return { identity, partition: name, stub: () => c.env.PARTITIONS.getByName(`${tenant}/${name}`) };
  };
  const reader = async (c: Context<{ Bindings: Env }>): Promise<Visitor> => {
    const found = await visitor(c);
    if (found.identity.mode === "verified" && !allows(found.identity.author.permissions, readPermission)) {
      throw new Refused({ code: "forbidden", layer: "permission", detail: `This needs the permission "read".` });
    }
    return found;
  };

  app.get("/livez", (c) => c.json({ status: "alive" }));

  app.get("/readyz", async (c) => {
    const probe = () => c.env.PARTITIONS.getByName(`${defaultTenant}/${readinessProbe}`);
    return respond(await callObject(probe, (stub) => stub.ready()));
  });

  app.get("/v1/partitions/:partition/ws", async (c) => {
    const { identity, stub } = await reader(c);
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      throw new Refused({ code: "upgrade_expected", detail: "This address is for WebSocket connections." });
    }
    // What is inside the Worker is told by these headers, and by nobody from outside; the token stays here.
    const headers = new Headers(c.req.raw.headers);
    for (const name of [authorHeader, "authorization", "sec-websocket-protocol"]) headers.delete(name);
    if (identity.mode === "verified") headers.set(authorHeader, JSON.stringify(identity.author));
    if (protocolsOf(c.req.raw).includes(subprotocol)) headers.set("sec-websocket-protocol", subprotocol);
    return await callObject(stub, (object) => object.fetch(new Request(c.req.raw, { headers })));
  });

  app.post("/v1/partitions/:partition/events", async (c) => {
    const { identity, stub } = await visitor(c);
    const { author, clientId } = accepted(authorOf(identity, c.req.raw));
    const submission = accepted(await readSubmission(c.req.raw));
    const submit = (object: DurableObjectStub<PartitionObject>): Promise<HttpAnswer> =>
      "draft" in submission
        ? object.submitEvent(author, clientId, submission.draft, submission.bytes)
        : object.submitBatch(author, clientId, submission.batch, submission.bytes);
    return respond(await callObject(stub, submit));
  });

  app.get("/v1/partitions/:partition/events", async (c) => {
    const { stub } = await reader(c);
    const since = accepted(integer("since", c.req.query("since") ?? "0"));
    const limit = c.req.query("limit") === undefined ? undefined : accepted(integer("limit", c.req.query("limit")!));
    return respond(await callObject(stub, (object) => object.readEvents(since, limit)));
  });

  app.get("/v1/partitions/:partition/state", async (c) => {
    const { stub } = await reader(c);
    const at = c.req.query("at") === undefined ? undefined : accepted(integer("at", c.req.query("at")!));
    return respond(await callObject(stub, (object) => object.readState(at)));
  });

  app.get("/v1/partitions/:partition/events/stream", async (c) =>
    accepted(await openEvents(c.req.raw, await reader(c))),
  );
  app.post("/v1/partitions/:partition/connection", async (c) => await openConnection(await reader(c)));
  app.post("/v1/partitions/:partition/connection/:id", async (c) => {
    const visitor = await reader(c);
    return respond(accepted(await postFrames(c.req.raw, visitor, c.req.param("id"))));
  });

  app.all("/v1/partitions/:partition/:resource{ws|events|state}", (c) => {
    const allow = c.req.param("resource") === "events" ? "GET, POST" : "GET";
    const failure: Failure = { code: "method_not_allowed", detail: `Use one of: ${allow}.` };
    return refuse(c.req.raw, failure, { allow });
  });

  app.notFound((c) => refuse(c.req.raw, { code: "not_found", detail: "There is nothing at this address." }));

  app.onError((error, c) => {
    if (error instanceof Refused) {
      const told = refuse(c.req.raw, error.failure);
      return speaksOurs(c.req.raw) ? tellBySocket(told) : told;
    }
    const { overloaded, retryable } = error as { overloaded?: boolean; retryable?: boolean };
    const failure: Failure =
      overloaded || retryable
        ? {
            code: "partition_unavailable",
            detail: "The partition did not answer. Send the same again: it counts once.",
            retryAfter: 1,
          }
        : { code: "internal", detail: "Something went wrong here; it was logged under the trace id." };
    return refuse(c.req.raw, failure, {}, error);
  });

  return app;
}

/** Whether this is an upgrade of a client that speaks our subprotocol. */
function speaksOurs(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket" && protocolsOf(request).includes(subprotocol);
}

/** Browsers show a page nothing of a refused upgrade: so the refusal is the one message of a socket that ends with it. */
async function tellBySocket(refusal: Response): Promise<Response> {
  const told = (await refusal.json()) as Problem;
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const payload = { message: told.detail, ...told };
  server.send(JSON.stringify({ id: `e-${told.traceId}`, type: "error", timestamp: told.timestamp, payload }));
  server.close(closeCode(told.code) ?? refusedClose, "see the last message");
  return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": subprotocol } });
}

function partitionOf(models: ModelRegistry, name: string): string {
  if (!isPartitionName(name)) {
    throw new Refused({
      code: "bad_request",
      detail: "A partition's name has 1 to 128 of A–Z a–z 0–9 . _ ~ : - and begins with a letter or digit.",
    });
  }
  if (!modelFor(models, name))
    throw new Refused({ code: "not_found", detail: "No model serves partitions of this name." });
  return name;
}

function integer(name: string, text: string): number | Failure {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  return {
    code: "bad_request",
    detail: `"${name}" must be a whole number from 0 on.`,
    errors: [{ field: name, code: "invalid_type", message: "Not a whole number from 0 on." }],
  };
}

function accepted<T extends object | number>(result: T | Failure): Exclude<T, Failure> {
  if (typeof result === "object" && "code" in result && "detail" in result) throw new Refused(result);
  return result as Exclude<T, Failure>;
}

function respond(answer: HttpAnswer): Response {
  return new Response(answer.body, { status: answer.status, headers: answer.headers });
}

function refuse(request: Request, failure: Failure, headers: Record<string, string> = {}, error?: unknown): Response {
  const told = problem(failure, {
    instance: new URL(request.url).pathname,
    traceId: crypto.randomUUID().replaceAll("-", ""),
    timestamp: Date.now(),
  });
  if (error !== undefined) {
    console.error(
      JSON.stringify({ level: "error", message: "a request failed", traceId: told.traceId, error: String(error) }),
    );
  }
  return new Response(JSON.stringify(told), {
    status: told.status,
    headers: {
      "content-type": "application/problem+json",
      ...(told.retryAfter === undefined ? {} : { "retry-after": String(told.retryAfter) }),
      ...headers,
    },
  });
}
