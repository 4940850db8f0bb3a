// The entry `partita/parts` in Node, where tests run: there is no `cloudflare:workers`, so the parts have their names only.
// `createAuthority` takes them, and says there that it needs the runtime of Workers.

export { type DescribedContent, describeRoute, type RouteDescription, schemaOf } from "../edge/document/own-route.ts";

const named = (name: string) => ({ name });

export const serverCode = named("serverCode");
export const effectsAndTimers = named("effectsAndTimers");
export const cron = named("cron");
export const webhooks = named("webhooks");
export const metrics = named("metrics");
export const administration = named("administration");
export const operations = named("operations");
export const imports = named("imports");
export const audit = named("audit");
export const sagas = named("sagas");
export const insiemeClients = named("insiemeClients");
export const signedRequests = named("signedRequests");
export const pages = named("pages");
export const openApi = named("openApi");

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
