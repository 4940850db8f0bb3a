import { describeRoute, resolver } from "hono-openapi";
import { addressFault } from "../../courier/address.ts";
import { courierBounds } from "../../courier/bounds.ts";
import { newSecret, sealSecret, webhookKeysOf } from "../../courier/secrets.ts";
import type { CourierCalls, EndpointAnswer } from "../../objects/courier-calls.ts";
import { callObject, callObjectOnce } from "../../platform/call.ts";
import type { Endpoint, EndpointSecret } from "../../platform/courier-api.ts";
import type { Failure } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import {
  endpointAnswer,
  endpointCreatedAnswer,
  endpointList,
  endpointName,
  endpointShape,
  endpointStatusAnswer,
  rotatedAnswer,
  testAnswer,
} from "../document/endpoint-schemas.ts";
import { authenticationRefusals, headers, json, parameters } from "../document/parts.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";
import { orRefuse, Refused } from "../refused.ts";

const path = "/v1/endpoints/:endpoint";

/** The parameter of every path of an endpoint. */
export const endpointParameter = {
  name: "endpoint",
  in: "path",
  required: true,
  description: "The name of the endpoint.",
  schema: { type: "string", pattern: endpointName.source },
  example: "billing",
} as const;

const shown = {
  id: "billing",
  url: "https://billing.example.com/hooks",
  types: ["order.paid"],
  state: "active",
  paused: false,
  createdAt: 1_800_000_000_000,
  secrets: [{}],
};
const secretExample = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const security = [{ token: [] }, {}];
const tags = ["Webhooks"];

/** The endpoints outside that the tenant's effects are sent to. */
export function endpointRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:webhooks");

  app.get(
    "/v1/endpoints",
    describeRoute({
      operationId: "listEndpoints",
      summary: "List the endpoints",
      description: "The endpoints that webhooks are sent to. Needs `admin:webhooks`.",
      tags,
      security,
      parameters: parameters("traceparent"),
      responses: {
        200: json("The endpoints.", endpointList, { endpoints: [shown] }),
        ...authenticationRefusals(),
      },
    }),
    guard,
    async (c) => {
      const endpoints = await callObject(c.get("tenantAccess").stub, (tenant) => tenant.endpoints());
      return c.json({ endpoints: endpoints.map(visible) });
    },
  );

  app.get(
    path,
    describeRoute({
      operationId: "readEndpoint",
      summary: "Read an endpoint",
      description: "With the state of its deliveries. Needs `admin:webhooks`.",
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      responses: {
        200: json("The endpoint.", endpointStatusAnswer, {
          endpoint: shown,
          deliveries: { waiting: 2, deadLetters: 0, bytes: 512, breaker: "closed" },
        }),
        ...authenticationRefusals("not_found", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const endpoint = await endpointAt(c);
      const deliveries = await callObject(courierAt(c), (courier) => courier.status());
      return c.json({ endpoint: visible(endpoint), deliveries });
    },
  );

  app.put(
    path,
    describeRoute({
      operationId: "putEndpoint",
      summary: "Make or change an endpoint",
      description:
        "A new endpoint is `pending`, and so is one with another address: activate it. The answer to the request that made it has the secret, which is never shown again. With `paused` nothing is sent, and what is to be delivered waits. Needs `admin:webhooks`. A retry is safe; if the first answer was lost, rotate the secret.",
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: resolver(endpointShape),
            example: { url: "https://billing.example.com/hooks", types: ["order.paid"] },
          },
        },
      },
      responses: {
        200: json("The endpoint was changed.", endpointAnswer, { endpoint: shown }),
        201: json("The endpoint was made.", endpointCreatedAnswer, {
          endpoint: { ...shown, state: "pending" },
          secret: secretExample,
        }),
        ...authenticationRefusals(
          "not_found",
          "payload_too_large",
          "address_refused",
          "quota_exceeded",
          "not_configured",
        ),
      },
    }),
    guard,
    async (c) => {
      const id = nameAt(c);
      courierAt(c);
      const { url, types, paused = false } = orRefuse(await readJson(c.req.raw, endpointShape)).value;
      const ownHost = new URL(c.req.url).hostname;
      const loopback = c.env.PARTITA_IDENTITY === "open" && c.env.PARTITA_WEBHOOK_LOOPBACK !== undefined;
      const fault = addressFault(url, { ownHosts: [ownHost], loopback });
      if (fault !== undefined) {
        throw new Refused({
          code: "address_refused",
          detail: fault,
          errors: [{ field: "url", code: "address_refused", message: fault }],
        });
      }
      const { text, sealed } = await makeSecret(c, id);
      await note(c, "endpoint.put", { endpoint: id, host: new URL(url).host, paused });
      const put = orRefuse(
        await callObject(c.get("tenantAccess").stub, (tenant) =>
          tenant.putEndpoint({
            id,
            url: new URL(url).href,
            ...(types === undefined ? {} : { types }),
            paused,
            ownHost,
            secret: { sealed },
          }),
        ),
      );
      // After a retry inside of this request, the stored secret says which attempt has made it.
      const isNew = put.endpoint.secrets.some((secret) => secret.sealed === sealed);
      const endpoint = visible(put.endpoint);
      if (!isNew) return c.json({ endpoint });
      return c.json({ endpoint, secret: text }, 201, { "cache-control": "no-store" });
    },
  );

  app.delete(
    path,
    describeRoute({
      operationId: "removeEndpoint",
      summary: "Remove an endpoint",
      description:
        "What is to be delivered to it is deleted, dead letters included. Needs `admin:webhooks`. A retry is safe.",
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      responses: {
        204: { description: "There is no such endpoint now.", headers: headers() },
        ...authenticationRefusals("not_found"),
      },
    }),
    guard,
    async (c) => {
      const id = nameAt(c);
      await note(c, "endpoint.remove", { endpoint: id });
      await callObject(c.get("tenantAccess").stub, (tenant) => tenant.removeEndpoint({ id }));
      return c.body(null, 204);
    },
  );

  app.post(
    `${path}/activate`,
    describeRoute({
      operationId: "activateEndpoint",
      summary: "Activate an endpoint",
      description:
        'A signed message of type `partita.challenge` is sent to it. It must answer 200 with JSON that has the member `challenge` of the message\'s `data`: `{"challenge": "…"}`. Then it gets messages, also if it was disabled. Needs `admin:webhooks`. A retry is safe.',
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      responses: {
        200: json("It is active.", endpointAnswer, { endpoint: shown }),
        ...authenticationRefusals("not_found", "challenge_failed", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const courier = courierAt(c);
      await note(c, "endpoint.activate", { endpoint: nameAt(c) });
      const { reason } = orRefuse(await callObjectOnce(courier, (calls) => calls.challenge()));
      if (reason !== undefined) throw new Refused({ code: "challenge_failed", detail: reason });
      return c.json({ endpoint: visible(await endpointAt(c)) });
    },
  );

  app.post(
    `${path}/test`,
    describeRoute({
      operationId: "testEndpoint",
      summary: "Send a test message",
      description: "A signed message of type `partita.test` is sent once, at once. Needs `admin:webhooks`.",
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      responses: {
        200: json("How it was answered.", testAnswer, { delivered: true, status: 204 }),
        ...authenticationRefusals("not_found", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const courier = courierAt(c);
      await note(c, "endpoint.test", { endpoint: nameAt(c) });
      const answer: EndpointAnswer = orRefuse(await callObjectOnce(courier, (calls) => calls.test()));
      return c.json({ delivered: answer.reason === undefined, ...answer });
    },
  );

  app.post(
    `${path}/rotate`,
    describeRoute({
      operationId: "rotateSecret",
      summary: "Rotate the secret of an endpoint",
      description:
        "Messages have the signatures of the new secret and, for a day, of the one before; also of those before, while their day lasts. Needs `admin:webhooks`.",
      tags,
      security,
      parameters: [endpointParameter, ...parameters("traceparent")],
      responses: {
        200: json("The new secret.", rotatedAnswer, {
          secret: secretExample,
          previousUntil: 1_800_086_400_000,
        }),
        ...authenticationRefusals("not_found", "not_configured"),
      },
    }),
    guard,
    async (c) => {
      const id = nameAt(c);
      const { text, sealed } = await makeSecret(c, id);
      await note(c, "endpoint.rotate", { endpoint: id });
      const previousUntil = Date.now() + courierBounds.rotationMs;
      const rotated = await callObjectOnce(c.get("tenantAccess").stub, (tenant) =>
        tenant.rotateEndpoint({ id, secret: { sealed }, until: previousUntil }),
      );
      if (!rotated) throw new Refused(noEndpoint);
      return c.json({ secret: text, previousUntil }, 200, { "cache-control": "no-store" });
    },
  );
}

const noEndpoint: Failure = { code: "not_found", detail: "There is no endpoint of this name." };

/** What is shown of an endpoint: of its secrets only how many sign, and for how long. */
function visible({ id, url, types, state, paused, reason, createdAt, secrets }: Endpoint): object {
  const now = Date.now();
  const signing = secrets.filter(({ until }) => until === undefined || until > now);
  return {
    id,
    url,
    types,
    state,
    paused,
    reason,
    createdAt,
    secrets: signing.map(({ until }: EndpointSecret) => (until === undefined ? {} : { until })),
  };
}

/** @throws Refused */
function nameAt(c: EdgeContext): string {
  const name = c.req.param("endpoint") ?? "";
  if (endpointName.test(name)) return name;
  throw new Refused({
    code: "not_found",
    detail: "The name of an endpoint has 1 to 63 of a–z 0–9 - and begins with a letter or digit.",
  });
}

/** The endpoint of the request. @throws Refused */
export async function endpointAt(c: EdgeContext): Promise<Endpoint> {
  const id = nameAt(c);
  const endpoint = await callObject(c.get("tenantAccess").stub, (tenant) => tenant.endpoint({ id }));
  if (!endpoint) throw new Refused(noEndpoint);
  return endpoint;
}

/** Makes stubs of the courier of the endpoint. @throws Refused */
export function courierAt(c: EdgeContext): () => CourierCalls {
  const courier = c.get("tenantAccess").courier(nameAt(c));
  if (courier) return courier;
  throw new Refused({
    code: "not_configured",
    detail: 'This server has no couriers: bind "COURIERS" to CourierObject.',
  });
}

/** Makes a secret of the endpoint, and encrypts it. @throws Refused */
async function makeSecret(c: EdgeContext, id: string): Promise<{ text: string; sealed: string }> {
  const keys = webhookKeysOf(c.env);
  if (typeof keys === "string") throw new Refused({ code: "not_configured", detail: keys });
  const text = newSecret();
  return { text, sealed: await sealSecret(text, `${c.get("tenantAccess").name}/${id}`, keys) };
}
