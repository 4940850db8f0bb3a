import { type DescribeRouteOptions, resolver } from "hono-openapi";
import type * as z from "zod/mini";
import { type ErrorCode, errorKinds, partitionName, problem } from "../../protocol/index.ts";
import { problemTexts } from "../problem-texts.ts";
import { problemDocument } from "./schemas.ts";

type Responses = NonNullable<DescribeRouteOptions["responses"]>;
type Answer = Responses[string];
type HeaderName = "CacheControl" | "ETag" | "Location" | "RetryAfter" | "TraceId" | "Vary";
type ParameterName = "clientId" | "idempotencyKey" | "ifNoneMatch" | "traceparent";

/** Parameters that the document describes once, by their names there. */
export const parameters = (...names: ParameterName[]) =>
  names.map((name) => ({ $ref: `#/components/parameters/${name}` }));

/** The parameter of every address of a partition. In place: hono-openapi would describe it again beside a reference. */
const partition = {
  name: "partition",
  in: "path",
  required: true,
  description: "The partition's name. One that was never written is empty.",
  schema: { type: "string", pattern: partitionName.source },
  example: "room",
} as const;

/** The parameters of an operation on a partition: its name, and these. */
export const partitionParameters = (...names: ParameterName[]) => [partition, ...parameters(...names)];

/** Headers that the document describes once. Every response has the trace id. */
export const headers = (...names: HeaderName[]) =>
  Object.fromEntries(
    [...names, "TraceId" as const].map((name) => [headerNames[name], { $ref: `#/components/headers/${name}` }]),
  );

const headerNames: Readonly<Record<HeaderName, string>> = {
  CacheControl: "Cache-Control",
  ETag: "ETag",
  Location: "Location",
  RetryAfter: "Retry-After",
  TraceId: "Partita-Trace-Id",
  Vary: "Vary",
};

/** An answer of JSON, with an example of it. */
export const json = (description: string, schema: z.ZodMiniType, example: unknown, ...names: HeaderName[]): Answer => ({
  description,
  headers: headers(...names),
  content: { "application/json": { schema: resolver(schema), example } },
});

/** An answer that is a page. */
export const page = (description: string): Answer => ({
  description,
  headers: headers(),
  content: { "text/html": { schema: { type: "string" } } },
});

/** What may go wrong anywhere. */
const anywhere = ["internal"] as const;
/** What may go wrong where somebody has to say who they are. */
const atTheDoor = [
  "bad_request",
  "unauthenticated",
  "auth_expired",
  "auth_revoked",
  "forbidden",
  "origin_not_allowed",
  "identity_unavailable",
  "partition_unavailable",
  "draining",
] as const;
/** What may go wrong on the way to a partition. */
const onTheWay = [...atTheDoor, "not_found", "storage_unavailable", "schema_mismatch"] as const;

/** The problems that an operation on a partition may be answered by: these, and those that any may. */
export const partitionRefusals = (...codes: ErrorCode[]): Responses => refusals(...onTheWay, ...codes);

/** The problems that an operation of the tenant or the server may be answered by: these, and those of its door. */
export const doorRefusals = (...codes: ErrorCode[]): Responses => refusals(...atTheDoor, ...codes);

/** The problems that an operation may be answered by, by status, with an example of each code. */
export function refusals(...codes: ErrorCode[]): Responses {
  const byStatus = Map.groupBy(new Set([...codes, ...anywhere]), (code) => errorKinds[code].status);
  return Object.fromEntries(
    [...byStatus].toSorted(([a], [b]) => a - b).map(([status, codesOfIt]) => [status, refusal(codesOfIt)]),
  );
}

function refusal(codes: readonly ErrorCode[]): Answer {
  return {
    description: codes.map((code) => `\`${code}\`: ${problemTexts[code]}.`).join("\n\n"),
    headers: codes.some((code) => errorKinds[code].retryable) ? headers("RetryAfter") : headers(),
    content: {
      "application/problem+json": {
        schema: resolver(problemDocument),
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
}

function exampleOf(code: ErrorCode) {
  return problem(
    { code, detail: `${problemTexts[code]}.`, ...(errorKinds[code].retryable ? { retryAfter: 1 } : {}) },
    {
      instance: "/v1/partitions/room",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      timestamp: 1_800_000_000_000,
    },
  );
}
