import type { Author } from "../core/index.ts";
import { type Failure, isId } from "../protocol/index.ts";

/** Who sends a request: someone whose token was verified, or anyone, in open development mode. */
export type Identity = { mode: "verified"; author: Author } | { mode: "open" };

/** The settings that identity depends on. */
export interface IdentitySettings {
  /** `open`: everybody is who they say, on loopback only. Anything else, or nothing: nobody gets in. */
  PARTITA_IDENTITY?: string;
}

const loopbackHosts = new Set(["127.0.0.1", "localhost", "[::1]"]);
let warned = false;

/** Establishes who sends `request`. Verified tokens will be looked at here; until then there is development mode only. */
export function identify(request: Request, settings: IdentitySettings): Identity | Failure {
  if (settings.PARTITA_IDENTITY !== "open") {
    return {
      code: "unauthenticated",
      detail:
        "This server knows no way to tell who you are. For development on this machine, set PARTITA_IDENTITY=open.",
    };
  }
  if (!loopbackHosts.has(new URL(request.url).hostname)) {
    return { code: "unauthenticated", detail: "Open development mode answers on 127.0.0.1 and localhost only." };
  }
  const origin = request.headers.get("origin");
  if (origin !== null && !isLoopbackOrigin(origin)) {
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

function isLoopbackOrigin(origin: string): boolean {
  return URL.canParse(origin) && loopbackHosts.has(new URL(origin).hostname);
}
