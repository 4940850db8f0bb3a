import { describeRoute, resolver } from "hono-openapi";
import { lifetimeSecondsOf } from "../../identity/settings.ts";
import { type Failure, isId } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import { callObject } from "../call.ts";
import { doorRefusals, json, parameters, partitionParameters, partitionRefusals } from "../document/parts.ts";
import {
  drainShape,
  limitsAnswer,
  limitsShape,
  revocationList,
  revokedAnswer,
  spreadAnswer,
  ticketAnswer,
} from "../document/tenant-schemas.ts";
import type { LimitsOverride, Revocation } from "../../platform/rpc.ts";
import type { Spread } from "../../objects/tenant.ts";
import type { Edge, TenantStub } from "../env.ts";
import { newTicket } from "../identity.ts";
import { accepted, Refused } from "../refused.ts";
import type { Doors } from "../visitor.ts";

/** What concerns a tenant as a whole: that of the token. */
export function tenantRoutes(app: Edge, { administers, belongs }: Doors): void {
  app.put(
    "/v1/revocations/:kind/:id",
    describeRoute({
      operationId: "revoke",
      summary: "Revoke a token, or all tokens of a subject",
      description:
        "Of a subject are meant the tokens issued up to now; later ones are taken. From the answer on nothing new is taken with them; open connections end within a second, in up to 1,000 partitions, and `pending` says how many others follow. Needs `admin:revoke`. Sent again it does no harm.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: [
        {
          name: "kind",
          in: "path",
          required: true,
          description: "Which claim it is.",
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
        200: json("It is revoked.", revokedAnswer, {
          kind: "sub",
          id: "alice",
          expiresAt: 1_800_000_000_000,
          told: 3,
          pending: 0,
        }),
        ...doorRefusals("not_found", "quota_exceeded"),
      },
    }),
    administers("admin:revoke"),
    async (c) => {
      const { kind, id } = c.req.param();
      if ((kind !== "jti" && kind !== "sub") || !isId(id)) {
        throw new Refused({
          code: "bad_request",
          detail: 'Revoke "jti/<id>" or "sub/<id>": an id has 1 to 128 visible ASCII characters.',
        });
      }
      const now = Date.now();
      const expiresAt = now + lifetimeSecondsOf(c.env) * 1_000;
      const revocation: Revocation = { kind, id, at: Math.floor(now / 1_000), expiresAt };
      const revoke = async (tenant: TenantStub): Promise<Spread | Failure> => await tenant.revoke(revocation);
      const spread = accepted(await callObject(c.get("administrator").stub, revoke));
      return c.json({ kind, id, expiresAt, ...spread });
    },
  );

  app.get(
    "/v1/revocations",
    describeRoute({
      operationId: "listRevocations",
      summary: "What is revoked",
      description: "The latest 1,000 that are in force. Needs `admin:revoke`.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        200: json("They are these.", revocationList, {
          revocations: [{ kind: "jti", id: "t-1", at: 1_800_000_000, expiresAt: 1_800_086_400_000 }],
        }),
        ...doorRefusals(),
      },
    }),
    administers("admin:revoke"),
    async (c) =>
      c.json({ revocations: await callObject(c.get("administrator").stub, (tenant) => tenant.revocations()) }),
  );

  app.get(
    "/v1/limits",
    describeRoute({
      operationId: "readLimits",
      summary: "What the tenant may do",
      description: "`limits` hold; `override` is what differs from the application's. Needs `admin:limits`.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: { 200: json("The limits.", limitsAnswer, limitsExample), ...doorRefusals() },
    }),
    administers("admin:limits"),
    async (c) => c.json(await callObject(c.get("administrator").stub, (tenant) => tenant.limits())),
  );

  app.put(
    "/v1/limits",
    describeRoute({
      operationId: "setLimits",
      summary: "Set what the tenant may do",
      description:
        "What is not named is as the application has it; `null` is no limit. Open connections have to do with it at once. Needs `admin:limits`. Sent again it does no harm.",
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
        200: json("They are in force.", spreadAnswer, { told: 3, pending: 0 }),
        ...doorRefusals("payload_too_large"),
      },
    }),
    administers("admin:limits"),
    async (c) => {
      // What came as JSON has no undefined.
      const override = accepted(await readJson(c.req.raw, limitsShape)).value as LimitsOverride;
      return c.json(await callObject(c.get("administrator").stub, (tenant) => tenant.setLimits(override)));
    },
  );

  app.post(
    "/v1/tickets",
    describeRoute({
      operationId: "takeTicket",
      summary: "A ticket for one connection",
      description:
        "For who can send a token neither as a header nor as a subprotocol: `?ticket=…` at the address of a WebSocket or of server-sent events stands for the token of this request. It is good once, for 30 seconds.",
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        201: json("The ticket.", ticketAnswer, {
          ticket: `default.${"0123456789abcdef".repeat(4)}`,
          expiresAt: 1_800_000_030_000,
        }),
        ...doorRefusals("quota_exceeded"),
      },
    }),
    belongs,
    async (c) => {
      const { identity, stub } = c.get("administrator");
      if (identity.mode !== "verified") throw new Refused(noTickets);
      const { subject } = identity;
      const ticket = newTicket(subject.tenant);
      const put = accepted(await stub().putTicket(ticket, subject.principal, JSON.stringify(subject)));
      return c.json({ ticket, ...put }, 201, { "cache-control": "no-store" });
    },
  );

  const drained = {
    requestBody: {
      required: true,
      content: { "application/json": { schema: resolver(drainShape), example: { seconds: 10 } } },
    },
    responses: {
      200: json("It is done.", spreadAnswer, { told: 1, pending: 0 }),
      ...partitionRefusals("payload_too_large"),
    },
  };

  app.post(
    "/v1/drain",
    describeRoute({
      operationId: "drain",
      summary: "Drain the partitions that have connections",
      description:
        "What they have taken is decided; then everybody is told to come back, spread over time, and nothing new is taken for so long. For before a deployment. Needs `admin:drain`.",
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      ...drained,
    }),
    administers("admin:drain"),
    async (c) => {
      const { seconds } = accepted(await readJson(c.req.raw, drainShape)).value;
      return c.json(await callObject(c.get("administrator").stub, (tenant) => tenant.drain(seconds)));
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
    administers("admin:drain"),
    async (c) => {
      const { seconds } = accepted(await readJson(c.req.raw, drainShape)).value;
      await callObject(c.get("visitor").stub, (partition) => partition.drain(seconds));
      return c.json({ told: 1, pending: 0 });
    },
  );
}

const noTickets: Failure = {
  code: "bad_request",
  detail: "Open development mode needs no tickets: everybody gets in.",
};
const rate = { perSecond: 20, burst: 400 };
const limitsExample = {
  limits: {
    principal: rate,
    replays: { perSecond: 100, burst: 2_000 },
    eventTypes: {},
    tenant: null,
    newPartitions: null,
    connectionsPerPrincipal: 64,
    connectionsPerPartition: 10_000,
  },
  override: { tenant: null, newPartitions: null },
};
