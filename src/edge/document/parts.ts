import { type DescribeRouteOptions, resolver } from "hono-openapi";
import type * as z from "zod/mini";
import { type ErrorCode, errorStatuses, isRetryable, partitionName, problem } from "../../protocol/index.ts";
import { problemTexts } from "../problem-texts.ts";
import { problemDocument } from "./schemas.ts";
import { headers as table } from "../../protocol/headers.ts";

type Responses = NonNullable<DescribeRouteOptions["responses"]>;
type Answer = Responses[string];
type HeaderName = "CacheControl" | "ETag" | "Location" | "RetryAfter" | "TraceId" | "Vary";
type ParameterName = "clientId" | "idempotencyKey" | "ifNoneMatch" | "traceparent";

/** References to parameters that the document describes once. */
export const parameters = (...names: ParameterName[]) =>
  names.map((name) => ({ $ref: `#/components/parameters/${name}` }));

/** The parameter of every path of a partition. Not a reference: hono-openapi would describe it a second time. */
const partition = {
  name: "partition",
  in: "path",
  required: true,
  description: "The name of the partition. A partition that was never written is empty.",
  schema: { type: "string", pattern: partitionName.source },
  example: "room",
} as const;

/** The parameters of an operation on a partition: its name, and `names`. */
export const partitionParameters = (...names: ParameterName[]) => [partition, ...parameters(...names)];

/** References to headers that the document describes once. Every response has the trace id. */
export const headers = (...names: HeaderName[]) =>
  Object.fromEntries(
    [...names, "TraceId" as const].map((name) => [headerNames[name], { $ref: `#/components/headers/${name}` }]),
  );

const headerNames: Readonly<Record<HeaderName, string>> = {
  CacheControl: table.cacheControl.name,
  ETag: table.etag.name,
  Location: table.location.name,
  RetryAfter: table.retryAfter.name,
  TraceId: table.traceId.name,
  Vary: table.vary.name,
};

/** A JSON response with an example. */
export const json = (description: string, schema: z.ZodMiniType, example: unknown, ...names: HeaderName[]): Answer => ({
  description,
  headers: headers(...names),
  content: { "application/json": { schema: resolver(schema), example } },
});

/** A response that is an HTML page. */
export const page = (description: string): Answer => ({
  description,
  headers: headers(),
  content: { "text/html": { schema: { type: "string" } } },
});

/** The codes that any operation can return. */
const commonCodes = ["internal"] as const;
/** The codes that an operation can return where the caller must authenticate. */
const authenticationCodes = [
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
/** The codes that any operation on a partition can return. */
const partitionCodes = [...authenticationCodes, "not_found", "storage_unavailable", "schema_mismatch"] as const;

/** The error responses of an operation on a partition: `codes`, and those that any such operation can return. */
export const partitionRefusals = (...codes: ErrorCode[]): Responses => refusals(...partitionCodes, ...codes);

/** The error responses of an operation on the tenant or the server: `codes`, and those of authentication and of its rate. */
export const authenticationRefusals = (...codes: ErrorCode[]): Responses =>
  refusals(...authenticationCodes, "rate_limited", ...codes);

/** The error responses of an operation, by status, with an example of each code. */
export function refusals(...codes: ErrorCode[]): Responses {
  const byStatus = Map.groupBy(new Set([...codes, ...commonCodes]), (code) => errorStatuses[code]);
  return Object.fromEntries(
    [...byStatus].toSorted(([a], [b]) => a - b).map(([status, codesOfStatus]) => [status, refusal(codesOfStatus)]),
  );
}

function refusal(codes: readonly ErrorCode[]): Answer {
  return {
    description: codes.map((code) => `\`${code}\`: ${problemTexts[code]}.`).join("\n\n"),
    headers: codes.some((code) => isRetryable(code)) ? headers("RetryAfter") : headers(),
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
    { code, detail: `${problemTexts[code]}.`, ...(isRetryable(code) ? { retryAfter: 1 } : {}) },
    {
      instance: "/v1/partitions/room",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      timestamp: 1_800_000_000_000,
    },
  );
}
