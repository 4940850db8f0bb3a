import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditKeys } from "../workerd/audit-keys.ts";
import { type FuzzRequest, requestsOf } from "../support/openapi-requests.ts";
import { TestServer } from "../support/server.ts";

/** FUZZ_SEED repeats the requests of a run. */
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_126);
const requestsMax = 10_000;
const inFlight = 32;
/** The most answers of one kind that are validated: pages are long, and similar. */
const validatedMax = 200;
/** The attempts for a request whose connection is closed. */
const attemptsMax = 5;

let server: TestServer;
/** The endpoint of the document's examples: nothing is sent to another one. */
const receiver = createServer(async (request, response) => {
  let text = "";
  for await (const piece of request) text += String(piece);
  response.end(JSON.stringify({ challenge: JSON.parse(text).data.challenge }));
});
// The document has any shape
let document: any;

beforeAll(async () => {
  server = new TestServer({
    settings: {
      PARTITA_IDENTITY: "open",
      PARTITA_WEBHOOK_LOOPBACK: "on",
      PARTITA_WEBHOOK_KEY: Buffer.alloc(32, 7).toString("base64"),
      PARTITA_AUDIT_KEYS: auditKeys,
    },
  });
  await server.start();
  await once(receiver.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  await fetch(new URL("/v1/endpoints/billing", server.url), { method: "PUT", body: JSON.stringify({ url }) });
  document = await (await fetch(new URL("/openapi.json", server.url))).json();
});
afterAll(async () => {
  receiver.close();
  receiver.closeAllConnections();
  await server.stop();
});

/**
 * Sends a request, and again if the connection was closed. Platform fact: workerd closes a keep-alive connection without
 * notice after it answered a request whose body it did not read.
 */
async function answerTo({ method, address, headers, body }: FuzzRequest): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(new URL(address, server.url), {
        method: method.toUpperCase(),
        headers,
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      if (attempt === attemptsMax) throw error;
    }
  }
}

/**
 * A drained partition refuses everything for minutes, so it is not one of those under test. Nor is an endpoint whose
 * address changes: messages would leave this machine.
 */
function elsewhere(request: FuzzRequest): FuzzRequest {
  if (request.path === "/v1/endpoints/{endpoint}" && request.method !== "get") {
    return { ...request, address: request.address.replace(/^\/v1\/endpoints\/billing/, "/v1/endpoints/other") };
  }
  if (request.path !== "/v1/partitions/{partition}/drain") return request;
  return { ...request, address: request.address.replace(/^\/v1\/partitions\/[^/]*/, "/v1/partitions/drained") };
}

const keyOf = (method: string, path: string, status: number, code = "") => `${method} ${path} ${status} ${code}`.trim();

/** Compares answers with the document. */
class Judge {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #schemas = new Map<string, ValidateFunction>();
  /** How many answers there were, by operation, status and code. */
  readonly seen = new Map<string, number>();

  constructor() {
    this.#ajv.addSchema(document, "document");
  }

  /** Why an answer is not valid; undefined: it is valid. */
  async fault({ path, method }: FuzzRequest, response: Response): Promise<string | undefined> {
    const { status, headers } = response;
    const streams = headers.get("content-type") === "text/event-stream";
    // A stream would not end.
    if (streams) await response.body!.cancel();
    const text = streams ? "" : await response.text();
    if (status >= 500) return `a ${status}: ${text}`;
    const answer = document.paths[path][method].responses[status];
    if (!answer) return `a ${status} is not in the document: ${text}`;
    for (const [name, header] of Object.entries<{ $ref: string }>(answer.headers)) {
      const described = document.components.headers[header.$ref.split("/").at(-1)!];
      if (described.required && headers.get(name) === null) return `${status} without ${name}`;
    }
    const [type = "none"] = (headers.get("content-type") ?? "").split(";");
    const content = answer.content?.[type];
    if (!answer.content) return text === "" ? this.#count(method, path, status) : `${status} with a body: ${text}`;
    if (!content) return `${status} of type ${type} is not in the document`;
    if (type.startsWith("text/") || streams) return this.#count(method, path, status);
    const pointer = ["paths", path, method, "responses", String(status), "content", type, "schema"];
    const body = JSON.parse(text) as { code?: string };
    const known = this.seen.get(keyOf(method, path, status, body.code)) ?? 0;
    const validate = this.#schema(pointer);
    if (known < validatedMax && !validate(body))
      return `${text} is not what the document says: ${this.#ajv.errorsText(validate.errors)}`;
    return this.#count(method, path, status, body.code);
  }

  #schema(steps: string[]): ValidateFunction {
    const pointer = steps.map((step) => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
    let schema = this.#schemas.get(pointer);
    if (!schema) this.#schemas.set(pointer, (schema = this.#ajv.compile({ $ref: `document#/${pointer}` })));
    return schema;
  }

  #count(method: string, path: string, status: number, code?: string): undefined {
    const key = keyOf(method, path, status, code);
    this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
  }
}

describe("/openapi.json", () => {
  test("[OB-5] is accepted by a public validator", async () => {
    const { valid, errors } = await new Validator().validate(document);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
  });

  test("[OB-5] names each operation and parameter once, and contains every referenced part", () => {
    const operations = Object.values<any>(document.paths).flatMap((item) => Object.values<any>(item));
    const ids = operations.map(({ operationId }) => operationId as string);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { summary, tags, parameters } of operations) {
      expect([summary, tags]).toEqual([expect.any(String), [expect.any(String)]]);
      const names = (parameters as any[]).map((parameter) => parameter.$ref ?? `${parameter.in} ${parameter.name}`);
      expect(new Set(names).size).toBe(names.length);
    }
    for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      expect(reference!.split("/").reduce((part, step) => part?.[step], document)).toBeDefined();
    }
  });

  test(`[OB-5] [ER-1] [AU-10] ${requestsMax} requests generated from it get no 5xx, and only documented answers`, async () => {
    console.log(`fuzzing with FUZZ_SEED=${seed}`);
    const judge = new Judge();
    const requests = fc.sample(requestsOf(document), { numRuns: requestsMax, seed }).map(elsewhere);
    const faults: string[] = [];
    let next = 0;
    const send = async () => {
      while (next < requests.length && faults.length === 0) {
        const at = next++;
        const request = requests[at]!;
        const fault = await judge.fault(request, await answerTo(request));
        if (fault) faults.push(`request ${at} of seed ${seed}: ${JSON.stringify(request)}: ${fault}`);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, send));
    expect(faults).toEqual([]);
    const seen = [...judge.seen.keys()];
    if (process.env["FUZZ_SHOW"]) console.log(judge.seen);
    // Full coverage: each operation succeeded and, if possible, was refused.
    for (const [path, item] of Object.entries<object>(document.paths)) {
      for (const method of Object.keys(item)) {
        const answers = seen.filter((key) => key.startsWith(`${method} ${path} `));
        expect(answers.length).toBeGreaterThanOrEqual(path.includes("{") ? 2 : 1);
      }
    }
    const events = "/v1/partitions/{partition}/events";
    for (const key of [
      `post ${events} 201`,
      `post ${events} 200`,
      `post ${events} 400 bad_request`,
      `post ${events} 413 payload_too_large`,
      `post ${events} 422 validation_failed`,
      `post ${events} 422 unknown_event_type`,
      `post ${events} 422 idempotency_key_reused`,
      `post ${events} 409 conflict`,
      `get ${events} 304`,
      `get ${events} 409 cursor_ahead`,
    ]) {
      expect(seen).toContain(key);
    }
  });
});
