import { waitUntil } from "cloudflare:workers";
import { type IdentitySettings, isLoopback } from "../identity/settings.ts";
import { verifierOf } from "../identity/verifier-of.ts";
import { defaultTenant, isTenantName, mayAddress, type Subject } from "../identity/verify.ts";
import { authorOfSubject, type Roles } from "../shell/author.ts";
import { notForHere } from "../shell/admission.ts";
import { log } from "../platform/log.ts";
import { type Failure, isId, type Author } from "../protocol/index.ts";
import { isAllowedOrigin } from "./origins.ts";

/**
 * Who sends a request: someone whose token was verified; anyone, in open development mode; or somebody
 * who will say so by a token on the connection that is being made.
 */
export type Identity =
  | { mode: "verified"; subject: Subject; author: Author }
  | { mode: "open" }
  | { mode: "later"; tenant: string };

/** How somebody may say who they are, besides by a token with the request. */
interface Ways {
  /** By a ticket in the address. */
  ticket?: boolean;
  /** By a token in `connect`. */
  later?: boolean;
}

/** What telling who somebody is takes. */
interface IdentityHost {
  settings: IdentitySettings;
  roles: Roles;
  tenantAt(tenant: string): { takeTicket(ticket: string): Promise<string | undefined> };
}

/** The subprotocol that the server answers with, where a token came as another one. */
export const subprotocol = "partita";
const bearerSubprotocol = "bearer.";
const ticketShape = /^(.+)\.[0-9a-f]{64}$/;
/** Where people put tokens that do not belong there: addresses are logged, and kept by browsers. */
const queryNames = ["token", "access_token", "jwt", "authorization"];

let warned = false;

/** Establishes who sends `request`, and whether its page may. */
export async function identify(
  request: Request,
  { ticket: takesTickets = false, later = false }: Ways,
  { settings, roles, tenantAt }: IdentityHost,
): Promise<Identity | Failure> {
  const url = new URL(request.url);
  if (queryNames.some((name) => url.searchParams.has(name))) {
    return {
      code: "bad_request",
      detail: `A token does not belong into an address. Send "Authorization: Bearer …", or for a WebSocket the subprotocols "${subprotocol}" and "${bearerSubprotocol}…".`,
    };
  }
  if (settings.PARTITA_IDENTITY === "open") return identifyOpen(request, url, settings);
  const verifier = verifierOf(settings, waitUntil);
  if (typeof verifier === "string") {
    return { code: "unauthenticated", detail: `This server cannot tell yet who you are. ${verifier}` };
  }
  const stranger = strangerOf(request, url, settings);
  if (stranger) return stranger;
  const ticket = url.searchParams.get("ticket");
  if (ticket !== null) {
    if (!takesTickets) return { code: "bad_request", detail: "A ticket is good for connecting, and for nothing else." };
    return await identifyByTicket(ticket, roles, tenantAt);
  }
  const token = tokenOf(request);
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

/** A ticket names its tenant, whose object knows whom it speaks for. It is taken once, whatever comes of it. */
async function identifyByTicket(
  ticket: string,
  roles: Roles,
  tenantAt: IdentityHost["tenantAt"],
): Promise<Identity | Failure> {
  const [, tenant = ""] = ticketShape.exec(ticket) ?? [];
  const text = isTenantName(tenant) ? await tenantAt(tenant).takeTicket(ticket) : undefined;
  if (text === undefined)
    return { code: "unauthenticated", detail: "This ticket is none, or was used, or is too old." };
  const subject = JSON.parse(text) as Subject;
  if (subject.expiresAt <= Date.now()) return { code: "auth_expired", detail: "The token of this ticket has expired." };
  return verified(subject, roles);
}

/** A new ticket of a tenant: its name, and 244 bits that nobody can guess. */
export function newTicket(tenant: string): string {
  return `${tenant}.${(crypto.randomUUID() + crypto.randomUUID()).replaceAll("-", "")}`;
}

/** Why this subject may not have to do with this partition; the same whether there is one of that name or not. */
export function unaddressed(identity: Identity, partition: string): Failure | undefined {
  if (identity.mode !== "verified" || mayAddress(identity.subject, partition)) return undefined;
  return notForHere;
}

/** The author of an HTTP request, and the client it comes from. */
export function authorOf(identity: Identity, request: Request): { author: Author; clientId: string } | Failure {
  const clientId = request.headers.get("partita-client-id") ?? "http";
  if (!isId(clientId)) {
    return { code: "bad_request", detail: "Partita-Client-Id must be 1 to 128 visible ASCII characters." };
  }
  const author: Author =
    identity.mode === "verified" ? identity.author : { principal: `dev:${clientId}`, permissions: "all" };
  return { author, clientId };
}

/** Who reads; in open development mode nobody in particular. */
export function readerOf(identity: Identity): Author | undefined {
  return identity.mode === "verified" ? identity.author : undefined;
}

function identifyOpen(request: Request, url: URL, settings: IdentitySettings): Identity | Failure {
  if (!isLoopback(url.hostname)) {
    return { code: "unauthenticated", detail: "Open development mode answers on 127.0.0.1 and localhost only." };
  }
  const origin = request.headers.get("origin");
  if (origin !== null && !isAllowedOrigin(origin, url, settings)) {
    return {
      code: "origin_not_allowed",
      detail: "Open development mode takes pages from 127.0.0.1 and localhost only.",
    };
  }
  if (!warned) {
    warned = true;
    log("warn", "OPEN DEVELOPMENT MODE: everybody on this machine may read and write every partition, as anybody.", {});
  }
  return { mode: "open" };
}

/** Pages of other origins could send what their visitors did not mean to: each has to be named. */
function strangerOf(request: Request, url: URL, settings: IdentitySettings): Failure | undefined {
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
