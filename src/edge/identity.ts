import { waitUntil } from "cloudflare:workers";
import { frontHeader, type IdentitySettings, isLoopback } from "../identity/settings.ts";
import { verifierOf } from "../identity/verifier-of.ts";
import { defaultTenant, isTenantName, mayAddress, type Subject } from "../identity/verify.ts";
import { authorOfSubject, type Roles } from "../shell/author.ts";
import { notForHere } from "../shell/admission.ts";
import { log } from "../platform/log.ts";
import { type Failure, isId, type Author } from "../protocol/index.ts";
import { isAllowedOrigin } from "./origins.ts";
import { headers } from "../protocol/headers.ts";

/**
 * Who sends a request. `verified`: the subject of a verified token. `open`: anyone, in open development mode.
 * `later`: the connection that is being opened will send a token.
 */
export type Identity =
  | { mode: "verified"; subject: Subject; author: Author }
  | { mode: "open" }
  | { mode: "later"; tenant: string };

/** How a caller may authenticate, besides by a token in the request. */
interface CredentialOptions {
  /** By a ticket in the URL. */
  ticket?: boolean;
  /** By a token in the `connect` message. */
  later?: boolean;
  /** By this token, and not by the one of the request. */
  token?: string | undefined;
}

/** What `identify` needs. */
interface IdentityContext {
  settings: IdentitySettings;
  roles: Roles;
  /** Takes a ticket from its tenant, once. Returns its subject as JSON, or undefined. */
  takeTicket(tenant: string, ticket: string): Promise<string | undefined>;
}

/** The subprotocol that the server selects where another subprotocol carries the token. */
export const subprotocol = "partita";
const bearerSubprotocol = "bearer.";
const ticketShape = /^(.+)\.[0-9a-f]{64}$/;
/** Query parameters that may contain a token. They are refused, because URLs are logged, and stored by browsers. */
const queryNames = ["token", "access_token", "jwt", "authorization"];

let warned = false;

/** Identifies the sender of `request`, and checks the origin of its page. */
export async function identify(
  request: Request,
  { ticket: takesTickets = false, later = false, token: given }: CredentialOptions,
  { settings, roles, takeTicket }: IdentityContext,
): Promise<Identity | Failure> {
  const url = new URL(request.url);
  if (queryNames.some((name) => url.searchParams.has(name))) {
    return {
      code: "bad_request",
      detail: `A token must not be part of a URL. Send "Authorization: Bearer …", or for a WebSocket the subprotocols "${subprotocol}" and "${bearerSubprotocol}…".`,
    };
  }
  if (settings.PARTITA_IDENTITY === "open") return identifyOpen(request, url, settings);
  const verifier = verifierOf(settings, waitUntil);
  if (typeof verifier === "string") {
    return { code: "unauthenticated", detail: `This server cannot authenticate anybody yet. ${verifier}` };
  }
  const failure = originFailure(request, url, settings);
  if (failure) return failure;
  const ticket = url.searchParams.get("ticket");
  if (ticket !== null) {
    if (!takesTickets) return { code: "bad_request", detail: "A ticket can only open a connection." };
    return await identifyByTicket(ticket, verifier.keys, roles, takeTicket);
  }
  const token = given ?? tokenOf(request);
  if (token === undefined) {
    const tenant = url.searchParams.get("tenant") ?? defaultTenant;
    if (later && isTenantName(tenant) && !request.headers.has("authorization")) return { mode: "later", tenant };
    return { code: "unauthenticated", detail: 'Send a token: "Authorization: Bearer …".' };
  }
  const subject = await verifier.verify(token, Date.now());
  if ("code" in subject) return subject;
  return verified(subject, roles);
}

function verified(subject: Subject, roles: Roles): Identity | Failure {
  const author = authorOfSubject(subject, roles);
  return "code" in author ? author : { mode: "verified", subject, author };
}

/** A ticket contains the name of its tenant, whose object knows the subject. It is consumed even if it is refused. */
async function identifyByTicket(
  ticket: string,
  keys: string,
  roles: Roles,
  takeTicket: IdentityContext["takeTicket"],
): Promise<Identity | Failure> {
  const [, tenant = ""] = ticketShape.exec(ticket) ?? [];
  const text = isTenantName(tenant) ? await takeTicket(tenant, ticket) : undefined;
  if (text === undefined)
    return { code: "unauthenticated", detail: "This ticket is unknown, was used before, or is too old." };
  const subject = JSON.parse(text) as Subject;
  // A ticket must not outlive the keys of its token.
  if (subject.keys !== undefined && subject.keys !== keys) {
    return { code: "auth_expired", detail: "The server's keys have changed since this ticket: get a new token." };
  }
  if (subject.expiresAt <= Date.now()) return { code: "auth_expired", detail: "The token of this ticket has expired." };
  return verified(subject, roles);
}

/** A new ticket: the name of the tenant, and 244 random bits. */
export function newTicket(tenant: string): string {
  return `${tenant}.${(crypto.randomUUID() + crypto.randomUUID()).replaceAll("-", "")}`;
}

/** Returns why the caller may not address this partition, or undefined. The same whether or not the partition exists. */
export function addressFailure(identity: Identity, partition: string): Failure | undefined {
  if (identity.mode !== "verified" || mayAddress(identity.subject, partition)) return undefined;
  return notForHere;
}

/** The author and the client id of an HTTP request. */
export function authorOf(identity: Identity, request: Request): { author: Author; clientId: string } | Failure {
  const clientId = request.headers.get(headers.clientId.name) ?? "http";
  if (!isId(clientId)) {
    return { code: "bad_request", detail: "Partita-Client-Id must be 1 to 128 visible ASCII characters." };
  }
  const author: Author =
    identity.mode === "verified" ? identity.author : { principal: `dev:${clientId}`, permissions: "all" };
  return { author, clientId };
}

/** The author who reads; undefined in open development mode. */
export function readerOf(identity: Identity): Author | undefined {
  return identity.mode === "verified" ? identity.author : undefined;
}

function identifyOpen(request: Request, url: URL, settings: IdentitySettings): Identity | Failure {
  // Every request from the network has a Host.
  const host = request.headers.get("host");
  const passed = settings.PARTITA_FRONT === undefined || request.headers.has(frontHeader);
  if (!passed || !isLoopback(url.hostname) || (host !== null && !isLoopback(hostnameIn(host)))) {
    return { code: "unauthenticated", detail: "Open development mode answers on 127.0.0.1 and localhost only." };
  }
  const origin = request.headers.get("origin");
  if (origin !== null && !isAllowedOrigin(origin, url, settings)) {
    return {
      code: "origin_not_allowed",
      detail: "Open development mode accepts pages from 127.0.0.1 and localhost only.",
    };
  }
  if (!warned) {
    warned = true;
    log("open_development_mode", {});
  }
  return { mode: "open" };
}

/**
 * The name in a `Host`, without its port. A page can have its name resolve to this machine (DNS rebinding): then that
 * name is here, whatever address the local server takes the request to be for.
 */
function hostnameIn(host: string): string {
  const url = `http://${host}`;
  return URL.canParse(url) ? new URL(url).hostname : "";
}

/** A page of another origin could send requests that its user did not intend, so each allowed origin must be configured. */
function originFailure(request: Request, url: URL, settings: IdentitySettings): Failure | undefined {
  const origin = request.headers.get("origin");
  if (origin === null || isAllowedOrigin(origin, url, settings)) return undefined;
  return { code: "origin_not_allowed", detail: "Pages from this origin may not connect." };
}

function tokenOf(request: Request): string | undefined {
  const [scheme, credentials] = (request.headers.get("authorization") ?? "").split(/ +/, 2);
  if (scheme?.toLowerCase() === "bearer" && credentials) return credentials;
  return protocolsOf(request)
    .find((protocol) => protocol.startsWith(bearerSubprotocol))
    ?.slice(bearerSubprotocol.length);
}

/** The subprotocols that a WebSocket upgrade offers. */
export function protocolsOf(request: Request): string[] {
  return (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((protocol) => protocol.trim());
}
