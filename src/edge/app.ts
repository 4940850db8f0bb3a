import { Hono } from "hono";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import type { HttpAnswer } from "../partition/answers.ts";
import { authorHeader, type partitionObject } from "../partition/object.ts";
import { type Failure, isPartitionName, problem } from "../protocol/index.ts";
import { callObject } from "./call.ts";
import { readSubmission } from "./draft.ts";
import { authorOf, identify, type IdentitySettings } from "./identity.ts";

type PartitionObject = InstanceType<ReturnType<typeof partitionObject>>;

/** The bindings and settings of the Worker. */
export interface Env extends IdentitySettings {
  PARTITIONS: DurableObjectNamespace<PartitionObject>;
}

/** Every partition belongs to a tenant; without tokens there is one. */
const defaultTenant = "default";
/** A name for `/readyz` that a client cannot use as a partition: names begin with a letter or digit. */
const readinessProbe = "-readyz";

/** Thrown to answer a request with a failure. */
class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** The Worker's routes. No domain logic: names, identity, bodies, and a call to the partition's object. */
export function edge(models: ModelRegistry): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>();

  app.get("/livez", (c) => c.json({ status: "alive" }));

  app.get("/readyz", async (c) => respond(await callObject(stubs(c.env, readinessProbe), (stub) => stub.ready())));

  app.get("/v1/partitions/:partition/ws", async (c) => {
    const partition = partitionOf(models, c.req.param("partition"));
    const identity = accepted(identify(c.req.raw, c.env));
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      throw new Refused({ code: "upgrade_expected", detail: "This address is for WebSocket connections." });
    }
    const headers = new Headers(c.req.raw.headers);
    headers.delete(authorHeader);
    if (identity.mode === "verified") headers.set(authorHeader, JSON.stringify(identity.author));
    return await callObject(stubs(c.env, partition), (stub) => stub.fetch(new Request(c.req.raw, { headers })));
  });

  app.post("/v1/partitions/:partition/events", async (c) => {
    const partition = partitionOf(models, c.req.param("partition"));
    const { author, clientId } = accepted(authorOf(accepted(identify(c.req.raw, c.env)), c.req.raw));
    const submission = accepted(await readSubmission(c.req.raw));
    const submit = (stub: DurableObjectStub<PartitionObject>): Promise<HttpAnswer> =>
      "draft" in submission
        ? stub.submitEvent(author, clientId, submission.draft, submission.bytes)
        : stub.submitBatch(author, clientId, submission.batch, submission.bytes);
    return respond(await callObject(stubs(c.env, partition), submit));
  });

  app.get("/v1/partitions/:partition/events", async (c) => {
    const partition = partitionOf(models, c.req.param("partition"));
    accepted(identify(c.req.raw, c.env));
    const since = accepted(integer("since", c.req.query("since") ?? "0"));
    const limit = c.req.query("limit") === undefined ? undefined : accepted(integer("limit", c.req.query("limit")!));
    return respond(await callObject(stubs(c.env, partition), (stub) => stub.readEvents(since, limit)));
  });

  app.get("/v1/partitions/:partition/state", async (c) => {
    const partition = partitionOf(models, c.req.param("partition"));
    accepted(identify(c.req.raw, c.env));
    const at = c.req.query("at") === undefined ? undefined : accepted(integer("at", c.req.query("at")!));
    return respond(await callObject(stubs(c.env, partition), (stub) => stub.readState(at)));
  });

  app.all("/v1/partitions/:partition/:resource{ws|events|state}", (c) => {
    const allow = c.req.param("resource") === "events" ? "GET, POST" : "GET";
    const failure: Failure = { code: "method_not_allowed", detail: `Use one of: ${allow}.` };
    return refuse(c.req.raw, failure, { allow });
  });

  app.notFound((c) => refuse(c.req.raw, { code: "not_found", detail: "There is nothing at this address." }));

  app.onError((error, c) => {
    if (error instanceof Refused) return refuse(c.req.raw, error.failure);
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

function stubs(env: Env, partition: string): () => DurableObjectStub<PartitionObject> {
  return () => env.PARTITIONS.getByName(`${defaultTenant}/${partition}`);
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
