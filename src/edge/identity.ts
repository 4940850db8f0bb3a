import type { Author } from "../core/index.ts";
import { type IdentitySettings, isLoopback, rulesOf } from "../identity/settings.ts";
import { mayAddress, type Subject, Verifier } from "../identity/verify.ts";
import { type Failure, isId } from "../protocol/index.ts";
import { isAllowedOrigin } from "./origins.ts";

/** What the roles in tokens stand for: permissions by role. */
export type Roles = Readonly<Record<string, readonly string[]>>;

/** Who sends a request: someone whose token was verified, or anyone, in open development mode. */
export type Identity = { mode: "verified"; subject: Subject; author: Author } | { mode: "open" };

/** The subprotocol that the server answers with, where a token came as another one. */
export const subprotocol = "partita";
const bearerSubprotocol = "bearer.";
/** Where people put tokens that do not belong there: addresses are logged, and kept by browsers. */
const queryNames = ["token", "access_token", "jwt", "authorization"];

let warned = false;
/** The verifier of the settings that were seen last: its fetched keys live as long as they do not change. */
let known: { key: string; verifier: Verifier } | undefined;

/** Establishes who sends `request`, and whether its page may. */
export async function identify(
  request: Request,
  settings: IdentitySettings,
  roles: Roles,
  now: number,
): Promise<Identity | Failure> {
  const url = new URL(request.url);
  if (queryNames.some((name) => url.searchParams.has(name))) {
    return {
      code: "bad_request",
      detail: `A token does not belong into an address. Send "Authorization: Bearer …", or for a WebSocket the subprotocols "${subprotocol}" and "${bearerSubprotocol}…".`,
    };
  }
  if (settings.PARTITA_IDENTITY === "open") return identifyOpen(request, url, settings);
  const verifier = verifierOf(settings, () => Date.now());
  if (typeof verifier === "string") {
    return { code: "unauthenticated", detail: `This server cannot tell yet who you are. ${verifier}` };
  }
  const stranger = strangerOf(request, url, settings);
  if (stranger) return stranger;
  const token = tokenOf(request);
  if (token === undefined) {
    return { code: "unauthenticated", detail: 'Send a token: "Authorization: Bearer …".' };
  }
  const subject = await verifier.verify(token, now);
  if ("code" in subject) return subject;
  return { mode: "verified", subject, author: authorOfSubject(subject, roles) };
}

/** Why this subject may not have to do with this partition; the same whether there is one of that name or not. */
export function unaddressed(identity: Identity, partition: string): Failure | undefined {
  if (identity.mode === "open" || mayAddress(identity.subject, partition)) return undefined;
  return { code: "forbidden", layer: "permission", detail: "Your token is not for this partition." };
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

function authorOfSubject({ principal, permissions, roles: held, expiresAt }: Subject, roles: Roles): Author {
  // A role that nobody declared grants nothing.
  const granted = held.flatMap((role) => (Object.hasOwn(roles, role) ? roles[role]! : []));
  return { principal, permissions: [...new Set([...permissions, ...granted])], expiresAt };
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
    console.warn("OPEN DEVELOPMENT MODE: everybody on this machine may read and write every partition, as anybody.");
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

function verifierOf(settings: IdentitySettings, now: () => number): Verifier | string {
  const key = JSON.stringify(Object.entries(settings).filter(([name]) => /^PARTITA_(JW|CLOCK)/.test(name)));
  if (known?.key !== key) {
    const rules = rulesOf(settings);
    if (typeof rules === "string") return rules;
    known = { key, verifier: new Verifier(rules, { fetch: (...given) => fetch(...given), now }) };
  }
  return known.verifier;
}
