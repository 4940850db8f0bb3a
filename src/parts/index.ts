/**
 * What a Worker can do besides deciding drafts, delivering events and answering reads. An application names the parts that
 * it uses, and its bundle has no others.
 *
 * @module partita/parts
 */
import type * as z from "zod/mini";
import { Audit } from "../core/audit/audit.ts";
import { decideImported } from "../core/decide/import.ts";
import { causing } from "../core/effects/causing.ts";
import { DeadLetters } from "../core/effects/dead-letters.ts";
import { gaugesOf } from "../core/gauges.ts";
import { findSaga, listSagas } from "../core/sagas.ts";
import { nextOccurrence } from "../core/timers/cron.ts";
import { SegmentCheck } from "../core/verify/segments.ts";
import { nothingForPersons, pageAt } from "../edge/pages.ts";
import type { Part } from "../edge/part.ts";
import { actionRoutes } from "../edge/routes/actions.ts";
import { checkRoutes } from "../edge/routes/check.ts";
import { costRoutes } from "../edge/routes/costs.ts";
import { deadLetterRoutes } from "../edge/routes/dead-letters.ts";
import { documentRoutes } from "../edge/routes/document.ts";
import { effectRoutes } from "../edge/routes/effects.ts";
import { endpointRoutes } from "../edge/routes/endpoints.ts";
import { importRoutes } from "../edge/routes/import.ts";
import { insiemeRoutes } from "../edge/routes/insieme.ts";
import { inspectRoutes } from "../edge/routes/inspect.ts";
import { metricsRoutes } from "../edge/routes/metrics.ts";
import { partitionRoutes } from "../edge/routes/partitions.ts";
import { problemRoutes } from "../edge/routes/problems.ts";
import { proofRoutes } from "../edge/routes/proofs.ts";
import { sagaRoutes } from "../edge/routes/sagas.ts";
import { tenantDeadLetterRoutes } from "../edge/routes/tenant-dead-letters.ts";
import { tenantRoutes } from "../edge/routes/tenant.ts";
import { verifyRoutes } from "../edge/routes/verify.ts";
import { signatureFailure } from "../edge/signature.ts";
import type { CourierRpc } from "../objects/courier-calls.ts";
import { courierObject } from "../objects/courier.ts";
import type { CourierEnv, ObjectClass } from "../objects/environments.ts";
import { effectPorts } from "../objects/effect-ports.ts";
import { headSigner } from "../objects/head-signer.ts";
import { type MetricsRpc, reporterOf } from "../objects/metrics-calls.ts";
import { MetricsObject } from "../objects/metrics.ts";
import { TenantEndpoints } from "../objects/tenant-endpoints.ts";
import { webhookPort } from "../objects/webhooks.ts";
import {
  type ServerPartition,
  serverPartition,
  type ServerPartitionOptions,
  type WriterEnv,
  type WritersClass,
  writersEntrypoint,
} from "../objects/writers.ts";
import type { JsonObject } from "../protocol/index.ts";
import { administrationLogs, auditLogs, effectLogs, metricsLogs, webhookLogs } from "../protocol/log-events.ts";
import { receiveEffects } from "../shell/effect-receiver.ts";
import { EffectSender } from "../shell/effect-sender.ts";
import { measuring } from "../shell/measuring.ts";
import { operated } from "../shell/operated.ts";
import { sealSegment } from "../shell/seal.ts";
import { insiemeDialect } from "../wire/insieme/codec.ts";

type Payloads = Record<string, z.core.$ZodType>;

/** What the part `serverCode` adds. */
export interface ServerCode {
  /** The entrypoint for service bindings of other Workers. */
  Writers: WritersClass;
  /** The partition `name` of a tenant, for code of this Worker. @throws TypeError where no model serves it, or another one. */
  partition<S extends object = JsonObject, P extends Payloads = Payloads, Internal extends string = never>(
    env: WriterEnv,
    tenant: string,
    name: string,
    options?: ServerPartitionOptions<S, P, Internal>,
  ): ServerPartition<S, P>;
}

/** Partitions for code of the server: `authority.partition`, and `Writers` for service bindings of other Workers. */
export const serverCode: Part<ServerCode> = {
  name: "serverCode",
  adds: (application) => ({
    Writers: writersEntrypoint(application),
    partition: (env, tenant, name, options) => serverPartition(application, env, tenant, name, options),
  }),
};

/**
 * What events cause outside, and timers: an application with `effects` has it. With it come the dead letters of a partition:
 * what could not be delivered. Without it, what an earlier version has caused, or given up, waits.
 */
export const effectsAndTimers: Part = {
  name: "effectsAndTimers",
  ofObjects: { causing, DeadLetters, EffectSender, effectPorts, receiveEffects },
  logs: effectLogs,
  routes: (app, guards) => effectRoutes(app, guards),
};

/** Timers that recur: effects `schedule` with `cron`. */
export const cron: Part = { name: "cron", ofObjects: { nextOccurrence } };

/** Webhooks: the endpoints of a tenant, their couriers and what these could not deliver. Its Worker exports `CourierObject`. */
export const webhooks: Part<{ CourierObject: ObjectClass<CourierEnv, CourierRpc> }> = {
  name: "webhooks",
  ofObjects: { TenantEndpoints, webhookPort },
  logs: webhookLogs,
  adds: ({ placementOf }) => ({ CourierObject: courierObject(placementOf) }),
  routes(app, guards) {
    endpointRoutes(app, guards);
    deadLetterRoutes(app, guards);
  },
};

/**
 * The metrics of a tenant, the directory of its partitions, and what each costs: `GET /metrics`, `/v1/partitions`,
 * `/v1/partitions/{p}/costs`, `/v1/dead-letters`. Its Worker exports `MetricsObject`.
 */
export const metrics: Part<{ MetricsObject: ObjectClass<Cloudflare.Env, MetricsRpc> }> = {
  name: "metrics",
  ofObjects: { gaugesOf, measuring, reporterOf },
  logs: metricsLogs,
  adds: () => ({ MetricsObject }),
  routes(app, guards, application) {
    metricsRoutes(app, guards, application);
    costRoutes(app, guards, application);
    partitionRoutes(app, guards, application);
    tenantDeadLetterRoutes(app, guards, application);
  },
};

/** What administrators of a tenant do: revoke tokens, set limits, make partitions read-only, drain them. */
export const administration: Part = {
  name: "administration",
  routes: (app, guards) => tenantRoutes(app, guards),
  logs: administrationLogs,
};

/**
 * What operators do: `/v1/check`, the list of what administrators have done, and to inspect and verify a partition. The
 * console needs it, and `metrics`.
 */
export const operations: Part = {
  name: "operations",
  ofObjects: operated,
  routes(app, guards, application) {
    checkRoutes(app, guards, application);
    actionRoutes(app, guards);
    inspectRoutes(app, guards);
    verifyRoutes(app, guards);
  },
};

/** To import the log of another server: `partita import-insieme`, `partita import`. */
export const imports: Part = {
  name: "imports",
  ofObjects: { decideImported },
  routes: (app, guards) => importRoutes(app, guards),
};

/** Signed heads of the log, and proofs of its events, for models with `audit`. */
export const audit: Part = {
  name: "audit",
  ofObjects: { Audit, SegmentCheck, sealSegment, headSigner },
  logs: auditLogs,
  routes: (app, guards) => proofRoutes(app, guards),
};

/** To read sagas over HTTP. They run without it. */
export const sagas: Part = {
  name: "sagas",
  ofObjects: { sagas: { findSaga, listSagas } },
  routes: (app, guards) => sagaRoutes(app, guards),
};

/** Connections of the published package `insieme`. */
export const insiemeClients: Part = {
  name: "insiemeClients",
  ofObjects: { dialects: [insiemeDialect] },
  routes: (app, guards) => insiemeRoutes(app, guards),
};

/** Submissions over HTTP that are signed, where `PARTITA_REQUEST_SIGNING_SECRET` is set. */
export const signedRequests: Part = { name: "signedRequests", signatureFailure };

/** Pages for people: what each problem means at `/problems`, and the demo where a deployment has one. */
export const pages: Part = {
  name: "pages",
  routes: (app) => problemRoutes(app),
  elsewhere: async (c) => (await pageAt(c)) ?? (await nothingForPersons(c)),
};

/** `GET /openapi.json`: the routes of this Worker, and the event types of its models. */
export const openApi: Part = {
  name: "openApi",
  routes: (app, _, application) => documentRoutes(app, application),
};

export { type DescribedContent, describeRoute, type RouteDescription, schemaOf } from "../edge/document/own-route.ts";

/** All of them: as the Worker of a version that had no parts. */
export const allParts = [
  serverCode,
  effectsAndTimers,
  cron,
  webhooks,
  metrics,
  administration,
  operations,
  imports,
  audit,
  sagas,
  insiemeClients,
  signedRequests,
  pages,
  openApi,
] as const;
