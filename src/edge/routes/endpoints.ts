import { addressFault } from "../../courier/address.ts";
import { courierBounds } from "../../courier/bounds.ts";
import { newSecret, sealSecret, webhookKeysOf } from "../../courier/secrets.ts";
import type { CourierCalls, EndpointAnswer } from "../../objects/courier-calls.ts";
import { callObject, callObjectOnce } from "../../platform/call.ts";
import type { Endpoint, EndpointSecret } from "../../platform/courier-api.ts";
import type { Failure } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import { endpointName, endpointShape } from "../document/endpoint-schemas.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";
import { orRefuse, Refused } from "../refused.ts";

export const path = "/v1/endpoints/:endpoint";

/** The endpoints outside that the tenant's effects are sent to. */
export function endpointRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:webhooks");

  app.get("/v1/endpoints", guard, async (c) => {
    const endpoints = await callObject(c.get("tenantAccess").stub, (tenant) => tenant.endpoints());
    return c.json({ endpoints: endpoints.map(visible) });
  });

  app.get(path, guard, async (c) => {
    const endpoint = await endpointAt(c);
    const deliveries = await callObject(courierAt(c), (courier) => courier.status());
    return c.json({ endpoint: visible(endpoint), deliveries });
  });

  app.put(path, guard, async (c) => {
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
  });

  app.delete(path, guard, async (c) => {
    const id = nameAt(c);
    await note(c, "endpoint.remove", { endpoint: id });
    await callObject(c.get("tenantAccess").stub, (tenant) => tenant.removeEndpoint({ id }));
    return c.body(null, 204);
  });

  app.post(`${path}/activate`, guard, async (c) => {
    const courier = courierAt(c);
    await note(c, "endpoint.activate", { endpoint: nameAt(c) });
    const { reason } = orRefuse(await callObjectOnce(courier, (calls) => calls.challenge()));
    if (reason !== undefined) throw new Refused({ code: "challenge_failed", detail: reason });
    return c.json({ endpoint: visible(await endpointAt(c)) });
  });

  app.post(`${path}/test`, guard, async (c) => {
    const courier = courierAt(c);
    await note(c, "endpoint.test", { endpoint: nameAt(c) });
    const answer: EndpointAnswer = orRefuse(await callObjectOnce(courier, (calls) => calls.test()));
    return c.json({ delivered: answer.reason === undefined, ...answer });
  });

  app.post(`${path}/rotate`, guard, async (c) => {
    const id = nameAt(c);
    const { text, sealed } = await makeSecret(c, id);
    await note(c, "endpoint.rotate", { endpoint: id });
    const previousUntil = Date.now() + courierBounds.rotationMs;
    const rotated = await callObjectOnce(c.get("tenantAccess").stub, (tenant) =>
      tenant.rotateEndpoint({ id, secret: { sealed }, until: previousUntil }),
    );
    if (!rotated) throw new Refused(noEndpoint);
    return c.json({ secret: text, previousUntil }, 200, { "cache-control": "no-store" });
  });
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
    detail:
      "This deployment has no couriers: bind COURIERS to CourierObject in wrangler.toml, with a migration, as docs/guide/webhooks.md shows.",
  });
}

/** Makes a secret of the endpoint, and encrypts it. @throws Refused */
async function makeSecret(c: EdgeContext, id: string): Promise<{ text: string; sealed: string }> {
  const keys = webhookKeysOf(c.env);
  if (typeof keys === "string") throw new Refused({ code: "not_configured", detail: keys });
  const text = newSecret();
  return { text, sealed: await sealSecret(text, `${c.get("tenantAccess").name}/${id}`, keys) };
}
