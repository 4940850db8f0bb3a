import { jwtVerify, type JWTPayload } from "jose";
// Not `errors` of "jose": all of them would be in the bundle.
import { JWTExpired } from "jose/errors";
import { type Failure, isId, isPartitionName, isReserved } from "../protocol/index.ts";
import { type KeyPorts, KeySet, KeysUnavailable } from "./key-set.ts";
import type { TokenRules } from "./settings.ts";

/** The subject of a verified token, and its permissions. */
export interface Subject {
  principal: string;
  tenant: string;
  /** Names of partitions, or prefixes that end in `*`. */
  partitions: readonly string[];
  permissions: readonly string[];
  roles: readonly string[];
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** Seconds since 1970. */
  issuedAt: number | undefined;
  jti: string | undefined;
  /** The client that the token is for (`PARTITA_CLIENT_ID_CLAIM`); absent: it names none. */
  clientId?: string | undefined;
  /** The user that the token names besides its subject; absent: none. */
  userId?: string | undefined;
  /** The `keysTag` of what has verified the token; absent where an earlier version has. */
  keys?: string | undefined;
}

/** A longer text is not a valid token. */
const tokenLengthMax = 8 * 1024;
const listMax = 256;
const tenantName = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/;
/** The tenant of a token without the claim. */
export const defaultTenant = "default";

const unauthenticated = (detail: string): Failure => ({ code: "unauthenticated", detail });

/** Verifies tokens by one set of rules. */
export class Verifier {
  readonly #rules: TokenRules;
  readonly #keySet: KeySet | undefined;

  constructor(rules: TokenRules, ports: KeyPorts) {
    this.#rules = rules;
    if ("jwksUrl" in rules.keys) this.#keySet = new KeySet(rules.keys.jwksUrl, ports);
  }

  /** The `keysTag` of its rules. */
  get keys(): string {
    return this.#rules.tag;
  }

  /** The subject of the token, or why it is refused. The reason for a forged token is not revealed. */
  async verify(token: string, now: number): Promise<Subject | Failure> {
    if (token.length > tokenLengthMax) return unauthenticated("The token is too long.");
    const { keys, algorithms, issuer, audience, type, clockToleranceSeconds, lifetimeSecondsMax } = this.#rules;
    const options = {
      algorithms: [...algorithms],
      issuer,
      audience,
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(now),
      requiredClaims: ["exp", "sub"],
      ...(type === undefined ? {} : { typ: type }),
    };
    try {
      const { payload } =
        "secret" in keys
          ? await jwtVerify(token, keys.secret, options)
          : await jwtVerify(token, this.#keySet!.get, options);
      if (payload.exp! * 1_000 > now + (lifetimeSecondsMax + clockToleranceSeconds) * 1_000) {
        return unauthenticated(`The token is valid for longer than ${lifetimeSecondsMax} seconds.`);
      }
      // No clock is that wrong; and a revocation of the subject would not cover it.
      if (payload.iat !== undefined && payload.iat * 1_000 > now + clockToleranceSeconds * 1_000) {
        return unauthenticated("The token was issued in the future: compare the clocks of the issuer and the server.");
      }
      return subjectOf(payload, this.keys, this.#rules.clientIdClaim);
    } catch (error) {
      if (error instanceof KeysUnavailable) {
        return {
          code: "identity_unavailable",
          detail: "The keys of the issuer cannot be fetched: try again in a moment.",
          retryAfter: 5,
        };
      }
      if (error instanceof JWTExpired) {
        return { code: "auth_expired", detail: "The token has expired: get a new one." };
      }
      return unauthenticated("The token is not valid here.");
    }
  }
}

function subjectOf(payload: JWTPayload, keys: string, clientIdClaim: string): Subject | Failure {
  const { sub, exp, iat, jti, tenant = defaultTenant } = payload;
  if (!isId(sub) || isReserved(sub)) return unauthenticated("The token's sub cannot be a principal.");
  if (!isTenantName(tenant)) return unauthenticated("The token's tenant is no name.");
  if (jti !== undefined && !isId(jti)) return unauthenticated("The token's jti is no id.");
  const partitions = namesIn(payload["partitions"]);
  const permissions = namesIn(payload["permissions"]);
  const roles = namesIn(payload["roles"]);
  if (!partitions || !permissions || !roles) {
    return unauthenticated("The token's partitions, permissions and roles must be lists of strings.");
  }
  const { [clientIdClaim]: clientId, userId } = payload;
  return {
    principal: sub,
    tenant,
    partitions,
    permissions,
    roles,
    expiresAt: exp! * 1_000,
    issuedAt: iat,
    jti,
    ...(isId(clientId) ? { clientId } : {}),
    ...(isId(userId) ? { userId } : {}),
    keys,
  };
}

/** Whether `name` can be a tenant: 1–64 characters of `A–Z a–z 0–9 . _ ~ -`, the first a letter or digit. */
export function isTenantName(name: unknown): name is string {
  return typeof name === "string" && tenantName.test(name);
}

function namesIn(claim: unknown): string[] | undefined {
  if (claim === undefined) return [];
  if (!Array.isArray(claim) || claim.length > listMax) return undefined;
  return claim.every((name) => typeof name === "string") ? claim : undefined;
}

/** Whether the subject may address the partition. Partitions that are not listed are denied. */
export function mayAddress({ partitions }: Pick<Subject, "partitions">, name: string): boolean {
  if (!isPartitionName(name)) return false;
  return partitions.some((pattern) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
}

/** Whether the subject may address all partitions of its tenant. */
export function mayAddressAll({ partitions }: Pick<Subject, "partitions">): boolean {
  return partitions.includes("*");
}
