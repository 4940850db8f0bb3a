import { sha256 } from "../platform/hash.ts";

/** The settings that identity depends on: variables and secrets of the Worker. */
export interface IdentitySettings {
  /** `open`: every stated identity is accepted, on loopback only, for development. Absent: tokens are verified. */
  PARTITA_IDENTITY?: string;
  /** Set to anything: open development mode answers only what came through the server of `npm start` (`frontHeader`). */
  PARTITA_FRONT?: string;
  /** The secret of HS256 tokens, at least 32 bytes. */
  PARTITA_JWT_SECRET?: string;
  /** The URL of the public keys of asymmetric tokens, a JWKS (`https:`, or loopback). */
  PARTITA_JWKS_URL?: string;
  /** The `alg`s that are accepted with a JWKS, separated by commas. Default: ES256. */
  PARTITA_JWT_ALGORITHMS?: string;
  /** What `iss` must be. */
  PARTITA_JWT_ISSUER?: string;
  /** What `aud` must be, or contain. */
  PARTITA_JWT_AUDIENCE?: string;
  /** What `typ` in the header must be. Default: not checked. */
  PARTITA_JWT_TYPE?: string;
  /** The claim that names the client of the Insieme wire which the token is for. Default: `clientId`. */
  PARTITA_CLIENT_ID_CLAIM?: string;
  /** How far clocks may differ, in seconds: 0 to 60. Default: 30. */
  PARTITA_CLOCK_TOLERANCE?: string;
  /** The longest lifetime of a token, in seconds; default one day, at most 30 days. A revocation is remembered for this time. */
  PARTITA_TOKEN_LIFETIME_MAX?: string;
  /** Origins whose pages may connect, separated by commas. Default: only the server's own. */
  PARTITA_ALLOWED_ORIGINS?: string;
}

/** The rules that tokens are verified by. */
export interface TokenRules {
  /** Of the keys, and what else decides which tokens are accepted; see `keysTagOf`. */
  tag: string;
  keys: { secret: Uint8Array } | { jwksUrl: URL };
  algorithms: readonly string[];
  issuer: string;
  audience: string;
  type: string | undefined;
  clientIdClaim: string;
  clockToleranceSeconds: number;
  lifetimeSecondsMax: number;
}

/** HS256 needs a key as long as its hash (RFC 7518, 3.2). */
const secretBytesMin = 32;
const clientIdClaimDefault = "clientId";
const clockToleranceSecondsMax = 60;
const clockToleranceSecondsDefault = 30;
const lifetimeSecondsDefault = 24 * 60 * 60;
const lifetimeSecondsBound = 30 * lifetimeSecondsDefault;
/** Asymmetric algorithms only: if a public key were an HMAC secret, anyone could sign. */
const asymmetric = new Set(["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]);
const loopback = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * The header that the server of `npm start` adds to each request. A page cannot set it, because its name begins with
 * `sec-`: so a page that reaches the server behind, which believes what a client says of its address, is refused.
 */
export const frontHeader = "sec-partita-front";

export const isLoopback = (hostname: string): boolean => loopback.has(hostname);

/** The longest lifetime of a token, in seconds. */
export function lifetimeSecondsOf(settings: IdentitySettings): number {
  return Number(settings.PARTITA_TOKEN_LIFETIME_MAX ?? lifetimeSecondsDefault);
}

/** The settings that decide which tokens are accepted. */
export const keySettings = [
  "PARTITA_JWT_SECRET",
  "PARTITA_JWKS_URL",
  "PARTITA_JWT_ALGORITHMS",
  "PARTITA_JWT_ISSUER",
  "PARTITA_JWT_AUDIENCE",
  "PARTITA_JWT_TYPE",
] as const;
/** As many bytes of the hash as make a coincidence impossible in practice. */
const tagBytes = 8;

/** A tag of the keys that tokens are verified by: 16 hexadecimal digits, which do not reveal a secret. */
export function keysTagOf(settings: IdentitySettings): string {
  const values = keySettings.map((name) => settings[name] ?? null);
  return Array.from(sha256(JSON.stringify(["partita keys", ...values])).slice(0, tagBytes), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** How far the clocks of the issuer and of the server may differ, in seconds. */
export function clockToleranceSecondsOf(settings: IdentitySettings): number {
  return Number(settings.PARTITA_CLOCK_TOLERANCE ?? clockToleranceSecondsDefault);
}

/** The rules of the settings, or a message for the operator that says what is missing or wrong. */
export function rulesOf(settings: IdentitySettings): TokenRules | string {
  const { PARTITA_JWT_SECRET: secret, PARTITA_JWKS_URL: url, PARTITA_JWT_ISSUER: issuer } = settings;
  const { PARTITA_JWT_AUDIENCE: audience, PARTITA_JWT_TYPE: type } = settings;
  if (secret === undefined && url === undefined) {
    return "Set PARTITA_JWT_SECRET or PARTITA_JWKS_URL; for development on this machine, PARTITA_IDENTITY=open.";
  }
  if (secret !== undefined && url !== undefined) return "Set PARTITA_JWT_SECRET or PARTITA_JWKS_URL, not both.";
  if (!issuer) return "Set PARTITA_JWT_ISSUER.";
  if (!audience) return "Set PARTITA_JWT_AUDIENCE.";
  const clockToleranceSeconds = clockToleranceSecondsOf(settings);
  if (!(clockToleranceSeconds >= 0 && clockToleranceSeconds <= clockToleranceSecondsMax)) {
    return `PARTITA_CLOCK_TOLERANCE must be 0 to ${clockToleranceSecondsMax} seconds.`;
  }
  const lifetimeSecondsMax = lifetimeSecondsOf(settings);
  if (!(lifetimeSecondsMax >= 1 && lifetimeSecondsMax <= lifetimeSecondsBound)) {
    return `PARTITA_TOKEN_LIFETIME_MAX must be 1 to ${lifetimeSecondsBound} seconds.`;
  }
  const { PARTITA_CLIENT_ID_CLAIM: clientIdClaim = clientIdClaimDefault } = settings;
  const tag = keysTagOf(settings);
  const rest = { tag, issuer, audience, type, clientIdClaim, clockToleranceSeconds, lifetimeSecondsMax };
  if (secret !== undefined) {
    const bytes = new TextEncoder().encode(secret);
    if (bytes.length < secretBytesMin) return `PARTITA_JWT_SECRET must have at least ${secretBytesMin} bytes.`;
    if (settings.PARTITA_JWT_ALGORITHMS !== undefined) return "PARTITA_JWT_ALGORITHMS goes with PARTITA_JWKS_URL only.";
    return { keys: { secret: bytes }, algorithms: ["HS256"], ...rest };
  }
  const algorithms = (settings.PARTITA_JWT_ALGORITHMS ?? "ES256").split(",").map((name) => name.trim());
  const wrong = algorithms.filter((name) => !asymmetric.has(name));
  if (wrong.length > 0) return `PARTITA_JWT_ALGORITHMS cannot have ${wrong.join(", ")}.`;
  if (!URL.canParse(url!)) return "PARTITA_JWKS_URL is no URL.";
  const jwksUrl = new URL(url!);
  if (jwksUrl.protocol !== "https:" && !isLoopback(jwksUrl.hostname)) return "PARTITA_JWKS_URL must be https.";
  return { keys: { jwksUrl }, algorithms, ...rest };
}
