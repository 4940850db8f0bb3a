import { CompactSign, importJWK } from "jose";
import type { AuditHead } from "../protocol/index.ts";

/** The setting that heads of the audit are signed with. */
export interface AuditSettings {
  /**
   * A JWK Set as JSON. The first key is private and signs: ES256 (`EC`, `P-256`) or EdDSA (`OKP`, `Ed25519`); the others
   * are published, so that what they signed stays verifiable. Absent: nothing is signed.
   */
  PARTITA_AUDIT_KEYS?: string;
}

/** A public key, as it is published. */
interface PublishedKey {
  kid: string;
  kty: string;
  crv: string;
  x: string;
  y?: string;
  alg: string;
  use: "sig";
}

/** The keys of the settings. */
export interface AuditKeys {
  /** Signs a head: a compact JWS. */
  sign(head: AuditHead): Promise<string>;
  /** All public keys, the one that signs first. */
  readonly published: readonly PublishedKey[];
}

/** The type in the header of what is signed: it is never taken for a token. */
const typeOfHead = "partita-audit-head";
/** `alg` by `<kty> <crv>`, and the members of its public key. */
const kinds: Readonly<Record<string, { alg: string; members: readonly ("x" | "y")[] }>> = {
  "EC P-256": { alg: "ES256", members: ["x", "y"] },
  "OKP Ed25519": { alg: "EdDSA", members: ["x"] },
};
/** More than a yearly rotation makes in 30 years. */
const keysMax = 32;
const base64url = /^[A-Za-z0-9_-]{43}$/;
const keyId = /^[\x21-\x7e]{1,128}$/;

/** The keys of the settings, or a message for the operator that says what is missing or wrong. */
export function auditKeysOf({ PARTITA_AUDIT_KEYS: setting }: AuditSettings): AuditKeys | string {
  if (!setting) return "Set PARTITA_AUDIT_KEYS: a JWK Set, whose first key is private.";
  const given = keysIn(setting);
  if (!given || given.length === 0 || given.length > keysMax) {
    return `PARTITA_AUDIT_KEYS must be a JWK Set of 1 to ${keysMax} keys, as JSON.`;
  }
  const published = given.map(publishedOf).filter((key) => key !== undefined);
  if (published.length < given.length) {
    return 'PARTITA_AUDIT_KEYS: each key needs a "kid", and must be of "EC" with "P-256" or of "OKP" with "Ed25519".';
  }
  if (new Set(published.map(({ kid }) => kid)).size < published.length) {
    return 'PARTITA_AUDIT_KEYS: two keys have the same "kid".';
  }
  const { d } = given[0]!;
  if (!isCoordinate(d)) return 'PARTITA_AUDIT_KEYS: the first key signs, so it must be private (have "d").';
  const { alg, use: _, kid, ...bare } = published[0]!;
  return {
    published,
    async sign(head) {
      const key = await importJWK({ ...bare, d }, alg);
      return await new CompactSign(new TextEncoder().encode(JSON.stringify(head)))
        .setProtectedHeader({ alg, kid, typ: typeOfHead })
        .sign(key);
    },
  };
}

function keysIn(setting: string): Record<string, unknown>[] | undefined {
  try {
    const { keys } = JSON.parse(setting) as { keys?: unknown };
    const isList = Array.isArray(keys) && keys.every((key) => typeof key === "object" && key !== null);
    return isList ? (keys as Record<string, unknown>[]) : undefined;
  } catch {
    return undefined;
  }
}

/** What may be published of a key: never a private part. Undefined: it is no key that signs here. */
function publishedOf(key: Record<string, unknown>): PublishedKey | undefined {
  const { kid, kty, crv, x, y } = key;
  const kind = Object.hasOwn(kinds, `${String(kty)} ${String(crv)}`)
    ? kinds[`${String(kty)} ${String(crv)}`]
    : undefined;
  if (!kind || typeof kid !== "string" || !keyId.test(kid)) return undefined;
  if (!kind.members.every((name) => isCoordinate(key[name]))) return undefined;
  const point = { x: x as string, ...(kind.members.includes("y") && { y: y as string }) };
  return { kid, kty: kty as string, crv: crv as string, ...point, alg: kind.alg, use: "sig" };
}

/** Both kinds of keys have numbers of 32 bytes. */
function isCoordinate(value: unknown): value is string {
  return typeof value === "string" && base64url.test(value);
}
