import { describeRoute, resolver } from "hono-openapi";
import { clockToleranceSecondsOf, type IdentitySettings, lifetimeSecondsOf } from "../../identity/settings.ts";
import { type Failure, isId } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import { callObject, callObjectOnce } from "../../platform/call.ts";
import { authenticationRefusals, json, parameters, partitionParameters, partitionRefusals } from "../document/parts.ts";
import {
  drainShape,
  limitsAnswer,
  limitsShape,
  readOnlyShape,
  revocationList,
  revocationShape,
  revokedAnswer,
  spreadAnswer,
  ticketAnswer,
} from "../document/tenant-schemas.ts";
import type { LimitsOverride, Revocation } from "../../platform/rpc.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { newTicket } from "../identity.ts";
import { note } from "../note.ts";
import { orRefuse, Refused } from "../refused.ts";
import type { Guards } from "../guards.ts";

/** Operations on the tenant of the token. */
export function tenantRoutes(app: Edge, { requireAdmin, requireTenant }: Guards): void {
  app.put(
    "/v1/revocations/:kind/:id",
    describeRoute({
      operationId: "revoke",
      summary: "Revoke a token, or all tokens of a subject",
      description:
        "Revoking a subject covers the tokens issued up to now, and as much later as the issuer's clock may be ahead; later ones are accepted. Once this is answered, every new request with a revoked token is refused. Open connections end within a second in up to 1,000 partitions; `pending` says how many partitions follow later. Needs `admin:revoke`. A retry is safe.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: [
        {
          name: "kind",
          in: "path",
          required: true,
          description: "The claim.",
          schema: { type: "string", enum: ["jti", "sub"] },
        },
        {
          name: "id",
          in: "path",
          required: true,
          description: "The `jti` of the token, or the `sub`.",
          schema: { type: "string" },
          example: "alice",
        },
        ...parameters("traceparent"),
      ],
      responses: {
        200: json("The token or the subject is revoked.", revokedAnswer, {
          kind: "sub",
          id: "alice",
          expiresAt: 1_800_000_000_000,
          at: 1_799_913_540,
          told: 3,
          pending: 0,
        }),
        ...authenticationRefusals("not_found", "quota_exceeded"),
      },
    }),
    requireAdmin("admin:revoke"),
    async (c) => {
      const { kind, id } = c.req.param();
      if ((kind !== "jti" && kind !== "sub") || !isId(id)) {
        throw new Refused({
          code: "bad_request",
          detail: 'Revoke "jti/<id>" or "sub/<id>": an id has 1 to 128 visible ASCII characters.',
        });
      }
      return await revoke(c, { kind, id });
    },
  );

  app.put(
    "/v1/revocations",
    describeRoute({
      operationId: "revokeByBody",
      summary: "Revoke by a body",
      description:
        "The same as `revoke`, for every id: a URL cannot hold the subjects `.` and `..`. With `at`, the issuer says up to when the tokens of the subject were issued, by its own clock: tokens that it issues from the next second on are accepted. Without it they are accepted once the clocks can no longer be confused. Needs `admin:revoke`. A retry is safe.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: resolver(revocationShape),
            example: { kind: "sub", id: "..", at: 1_799_913_540 },
          },
        },
      },
      responses: {
        200: json("The token or the subject is revoked.", revokedAnswer, {
          kind: "sub",
          id: "..",
          expiresAt: 1_800_000_000_000,
          at: 1_799_913_540,
          told: 3,
          pending: 0,
        }),
        ...authenticationRefusals("payload_too_large", "quota_exceeded"),
      },
    }),
    requireAdmin("admin:revoke"),
    async (c) => await revoke(c, orRefuse(await readJson(c.req.raw, revocationShape)).value),
  );

  app.get(
    "/v1/revocations",
    describeRoute({
      operationId: "listRevocations",
      summary: "List the revocations",
      description: "The latest 1,000 revocations in force. Needs `admin:revoke`.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        200: json("The revocations.", revocationList, {
          revocations: [{ kind: "jti", id: "t-1", at: 1_800_000_000, expiresAt: 1_800_086_400_000 }],
        }),
        ...authenticationRefusals(),
      },
    }),
    requireAdmin("admin:revoke"),
    async (c) =>
      c.json({ revocations: await callObject(c.get("tenantAccess").stub, (tenant) => tenant.revocations()) }),
  );

  app.get(
    "/v1/limits",
    describeRoute({
      operationId: "readLimits",
      summary: "Read the limits of the tenant",
      description: "`limits` are in force; `override` is what the tenant has set. Needs `admin:limits`.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: { 200: json("The limits.", limitsAnswer, limitsExample), ...authenticationRefusals() },
    }),
    requireAdmin("admin:limits"),
    async (c) => c.json(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.limits())),
  );

  app.put(
    "/v1/limits",
    describeRoute({
      operationId: "setLimits",
      summary: "Set the limits of the tenant",
      description:
        "A limit that is absent is the application's; `null` means no limit. The limits apply to open connections at once. Needs `admin:limits`. A retry is safe.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: resolver(limitsShape),
            example: { principal: { perSecond: 50, burst: 1_000 } },
          },
        },
      },
      responses: {
        200: json("The limits are in force.", spreadAnswer, { told: 3, pending: 0 }),
        ...authenticationRefusals("payload_too_large"),
      },
    }),
    requireAdmin("admin:limits"),
    async (c) => {
      // Parsed JSON has no undefined.
      const override = orRefuse(await readJson(c.req.raw, limitsShape)).value as LimitsOverride;
      await note(c, "limits.set", { limits: JSON.stringify(override) });
      return c.json(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.setLimits({ override })));
    },
  );

  app.put(
    "/v1/read-only",
    describeRoute({
      operationId: "setReadOnly",
      summary: "Make partitions read-only",
      description:
        "These partitions accept no new event, and no others are read-only; none: it ends for all. A new draft gets `read_only` with `Retry-After`, and is decided when it comes again afterwards; what was decided is answered again, and everything can be read. Timers and the effects of other partitions wait, however long it lasts. It applies to open connections at once, as limits do, and `GET /v1/limits` shows it. Needs `admin:read-only`. A retry is safe.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      requestBody: {
        required: true,
        content: {
          "application/json": { schema: resolver(readOnlyShape), example: { partitions: ["order-*"] } },
        },
      },
      responses: {
        200: json("They are read-only.", spreadAnswer, { told: 3, pending: 0 }),
        ...authenticationRefusals("payload_too_large", "not_configured"),
      },
    }),
    requireAdmin("admin:read-only"),
    async (c) => {
      const { identity, stub } = c.get("tenantAccess");
      if (identity.mode !== "verified") throw new Refused(noTenant);
      const { partitions } = orRefuse(await readJson(c.req.raw, readOnlyShape)).value;
      await note(c, "read-only.set", { partitions: partitions.join(" ") });
      return c.json(await callObject(stub, (tenant) => tenant.setReadOnly({ partitions })));
    },
  );

  app.post(
    "/v1/tickets",
    describeRoute({
      operationId: "takeTicket",
      summary: "Get a ticket for one connection",
      description:
        "For clients that can send a token neither as a header nor as a subprotocol. `?ticket=…` in the URL of a WebSocket or of server-sent events replaces the token of this request. A ticket is valid once, for 30 seconds.",
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        201: json("The ticket.", ticketAnswer, {
          ticket: `default.${"0123456789abcdef".repeat(4)}`,
          expiresAt: 1_800_000_030_000,
        }),
        ...authenticationRefusals("quota_exceeded"),
      },
    }),
    requireTenant,
    async (c) => {
      const { identity, stub } = c.get("tenantAccess");
      if (identity.mode !== "verified") throw new Refused(noTickets);
      const { subject } = identity;
      const ticket = newTicket(subject.tenant);
      const put = orRefuse(
        await callObjectOnce(stub, (tenant) =>
          tenant.putTicket({ ticket, principal: subject.principal, subject: JSON.stringify(subject) }),
        ),
      );
      return c.json({ ticket, ...put }, 201, { "cache-control": "no-store" });
    },
  );

  const drained = {
    requestBody: {
      required: true,
      content: { "application/json": { schema: resolver(drainShape), example: { seconds: 10 } } },
    },
    responses: {
      200: json("Drained.", spreadAnswer, { told: 1, pending: 0 }),
      ...partitionRefusals("rate_limited", "payload_too_large"),
    },
  };

  app.post(
    "/v1/drain",
    describeRoute({
      operationId: "drain",
      summary: "Drain the partitions that have connections",
      description:
        "Queued work is decided. Then every client is asked to reconnect, each at a different time, and new work is refused for the given seconds. Use it before a deployment. Needs `admin:drain`.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      ...drained,
    }),
    requireAdmin("admin:drain"),
    async (c) => {
      const { seconds } = orRefuse(await readJson(c.req.raw, drainShape)).value;
      await note(c, "tenant.drain", { seconds });
      return c.json(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.drain({ seconds })));
    },
  );

  app.post(
    "/v1/partitions/:partition/drain",
    describeRoute({
      operationId: "drainPartition",
      summary: "Drain one partition",
      description: "The same for one partition. Needs `admin:drain`.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: partitionParameters("traceparent"),
      ...drained,
    }),
    requireAdmin("admin:drain"),
    async (c) => {
      const { seconds } = orRefuse(await readJson(c.req.raw, drainShape)).value;
      await note(c, "partition.drain", { seconds });
      await callObject(c.get("partitionAccess").stub, (partition) => partition.drain({ seconds }));
      return c.json({ told: 1, pending: 0 });
    },
  );
}

/** Revokes at the tenant of the caller, and answers. */
async function revoke(
  c: EdgeContext,
  { kind, id, at }: { kind: Revocation["kind"]; id: string; at?: number | undefined },
): Promise<Response> {
  const now = Date.now();
  const covered = coveredUpTo(c.env, now);
  if (at !== undefined && at > covered) {
    throw new Refused({
      code: "bad_request",
      detail: `"at" is in the future: it can be at most ${covered} now.`,
      errors: [{ field: "at", code: "too_big", message: "In the future." }],
    });
  }
  // No token that it covers is accepted after this time, with what the clocks may differ twice: at `exp`, and at the longest lifetime.
  const expiresAt = now + (lifetimeSecondsOf(c.env) + 2 * clockToleranceSecondsOf(c.env)) * 1_000;
  const revocation: Revocation = { kind, id, at: at ?? covered, expiresAt };
  await note(c, "tokens.revoke", { kind, id, at: revocation.at });
  const spread = orRefuse(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.revoke(revocation)));
  return c.json({ kind, id, expiresAt, at: revocation.at, ...spread });
}

/** The latest second at which a token can have been issued by now: the issuer's clock may be ahead. */
function coveredUpTo(settings: IdentitySettings, now: number): number {
  return Math.floor(now / 1_000) + clockToleranceSecondsOf(settings);
}

const noTenant: Failure = {
  code: "bad_request",
  detail: "In open development mode partitions do not follow a tenant: nothing can be made read-only.",
};
const noTickets: Failure = {
  code: "bad_request",
  detail: "Open development mode needs no tickets.",
};
const rate = { perSecond: 20, burst: 400 };
const limitsExample = {
  limits: {
    principal: rate,
    principalBytes: { perSecond: 65_536, burst: 16_777_216 },
    replays: { perSecond: 100, burst: 2_000 },
    reads: { perSecond: 1_000, burst: 60_000 },
    eventTypes: {},
    tenant: null,
    newPartitions: null,
    newPartitionsPerPrincipal: null,
    connectionsPerPrincipal: 64,
    connectionsPerPartition: 10_000,
    logBytes: null,
    effects: "delivered",
    readOnly: [],
  },
  override: { tenant: null, newPartitions: null },
};
