import { type AuditedEvent, type AuditHead, leafText } from "../../protocol/index.ts";

// Browsers, Node and Workers have these. The models' program is compiled without a platform.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };
declare const atob: (base64: string) => string;
declare const crypto: {
  readonly subtle: {
    digest(algorithm: "SHA-256", bytes: Uint8Array): Promise<ArrayBuffer>;
    importKey(
      format: "jwk",
      key: object,
      algorithm: object,
      extractable: false,
      uses: readonly ["verify"],
    ): Promise<object>;
    verify(algorithm: object, key: object, signature: Uint8Array, signed: Uint8Array): Promise<boolean>;
  };
};

/** A public key that signs heads, as a JSON Web Key: what the server publishes (`GET /v1/audit-keys`). */
export interface AuditKey {
  readonly kid: string;
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y?: string | undefined;
}

/** An event, and the audit path that the server gives for it (`GET …/proofs/{eventId}`). */
export interface Entry {
  event: AuditedEvent;
  /** Hashes in lower-case hexadecimal, from the sibling of the event's leaf on. */
  path: readonly string[];
}

/** Why an entry is not proven. */
export type ProofFault =
  | "unknown_key"
  | "bad_signature"
  | "bad_head"
  | "other_partition"
  | "not_covered"
  | "not_in_log";

/** What a check has found. `head`: what the signed head says, where its signature is right. */
export type ProofResult = { proven: true; head: AuditHead } | { proven: false; fault: ProofFault; head?: AuditHead };

/** How keys of each kind verify. */
const algorithms = {
  ES256: {
    key: { name: "ECDSA", namedCurve: "P-256" },
    verify: { name: "ECDSA", hash: "SHA-256" },
  },
  EdDSA: { key: { name: "Ed25519" }, verify: { name: "Ed25519" } },
} as const;

const typeOfHead = "partita-audit-head";

/**
 * Checks whether a log has an entry, by a signed head of it. The log can be of any model with `audit`. It uses WebCrypto
 * only, so it runs in browsers, Node and Workers.
 *
 * The keys decide what the proof is worth: get them on another way than the entry, and keep them. `partition`, `tenant`
 * and `logId`: what the head must be of.
 *
 * @param signedHead A head as the server hands it out: a compact JWS.
 * @param keys The public keys that may have signed it.
 */
export async function checkEntry(
  { event, path }: Entry,
  signedHead: string,
  keys: readonly AuditKey[],
  expected: Partial<Pick<AuditHead, "tenant" | "partition" | "logId">> = {},
): Promise<ProofResult> {
  const head = await verifiedHead(signedHead, keys);
  if (typeof head === "string") return { proven: false, fault: head };
  const names = { partition: event.partition, ...expected };
  const isOther = (["tenant", "partition", "logId"] as const).some(
    (name) => names[name] !== undefined && names[name] !== head[name],
  );
  if (isOther || event.partition !== head.partition) return { proven: false, fault: "other_partition", head };
  if (!Number.isSafeInteger(event.eventId) || event.eventId < 1 || event.eventId > head.size) {
    return { proven: false, fault: "not_covered", head };
  }
  const root = await rootBy(event, path, head.size);
  return root === head.root ? { proven: true, head } : { proven: false, fault: "not_in_log", head };
}

/** Two signed heads of a log, and the proof between them that the server gives (`GET …/proofs/consistency`). */
export interface Growth {
  /** Signed heads: compact JWS. */
  earlier: string;
  head: string;
  /** Hashes in lower-case hexadecimal. */
  path: readonly string[];
}

/** What a check of two heads has found. */
export type GrowthResult =
  | { proven: true; earlier: AuditHead; head: AuditHead }
  | { proven: false; fault: ProofFault | "not_grown" };

/**
 * Checks whether the log of an earlier head is, unchanged, the beginning of that of a later one: so a reader who keeps the
 * newest head only has kept all. `earlier` is the head that was kept, not one that comes with the proof.
 *
 * @param keys The public keys that may have signed them.
 */
export async function checkGrowth(
  { earlier, head, path }: Growth,
  keys: readonly AuditKey[],
  expected: Partial<Pick<AuditHead, "tenant" | "partition" | "logId">> = {},
): Promise<GrowthResult> {
  const [before, after] = [await verifiedHead(earlier, keys), await verifiedHead(head, keys)];
  if (typeof before === "string") return { proven: false, fault: before };
  if (typeof after === "string") return { proven: false, fault: after };
  const { tenant, partition, logId } = before;
  const names = { tenant, partition, logId, ...expected };
  for (const name of ["tenant", "partition", "logId"] as const) {
    if (names[name] !== before[name] || names[name] !== after[name]) return { proven: false, fault: "other_partition" };
  }
  const isGrown = await connects(before, after, path);
  return isGrown ? { proven: true, earlier: before, head: after } : { proven: false, fault: "not_grown" };
}

/** Whether a path leads from the root of one tree to that of another (RFC 9162, 2.1.4.2). */
async function connects(before: AuditHead, after: AuditHead, given: readonly string[]): Promise<boolean> {
  if (!given.every((hash) => /^[0-9a-f]{64}$/.test(hash)) || !(before.size >= 1 && before.size <= after.size))
    return false;
  if (before.size === after.size) return given.length === 0 && before.root === after.root;
  // A tree that is whole is a node of the other one.
  const [first, ...path] = Number.isInteger(Math.log2(before.size)) ? [before.root, ...given] : given;
  if (first === undefined) return false;
  let at = before.size - 1;
  let last = after.size - 1;
  for (; at % 2 === 1; at = half(at)) last = half(last);
  let [earlierRoot, root] = [first, first];
  for (const hash of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      earlierRoot = await nodeHash(hash, earlierRoot);
      root = await nodeHash(hash, root);
      for (; at % 2 === 0 && at !== 0; at = half(at)) last = half(last);
    } else root = await nodeHash(root, hash);
    at = half(at);
    last = half(last);
  }
  return last === 0 && earlierRoot === before.root && root === after.root;
}

/** Half of it, rounded down: shifts work for 32 bits only. */
function half(value: number): number {
  return Math.floor(value / 2);
}

async function verifiedHead(signedHead: string, keys: readonly AuditKey[]): Promise<AuditHead | ProofFault> {
  const [protectedPart = "", payloadPart = "", signaturePart = "", ...rest] = signedHead.split(".");
  try {
    const { alg, kid, typ } = jsonOf(protectedPart) as Record<string, unknown>;
    const algorithm = typeof alg === "string" && Object.hasOwn(algorithms, alg) && algorithms[alg as "ES256"];
    if (!algorithm || rest.length > 0 || typ !== typeOfHead) return "bad_head";
    const key = keys.find((known) => known.kid === kid);
    if (!key) return "unknown_key";
    const { kty, crv, x, y } = key;
    const bare = { kty, crv, x, ...(y === undefined ? {} : { y }) };
    const imported = await crypto.subtle.importKey("jwk", bare, algorithm.key, false, ["verify"]);
    const signed = new TextEncoder().encode(`${protectedPart}.${payloadPart}`);
    const isRight = await crypto.subtle.verify(algorithm.verify, imported, bytesOf(signaturePart), signed);
    return isRight ? (jsonOf(payloadPart) as AuditHead) : "bad_signature";
  } catch {
    // It is no JWS, or its key is of another kind.
    return "bad_head";
  }
}

/** The root of the tree that has this event and path (RFC 9162, 2.1.3.2); undefined: no tree of this size has such a path. */
async function rootBy(event: AuditedEvent, path: readonly string[], size: number): Promise<string | undefined> {
  let at = event.eventId - 1;
  let last = size - 1;
  let hash = hexOf(await sha256(new TextEncoder().encode(`\0${leafText(event)}`)));
  for (const sibling of path) {
    if (last === 0 || !/^[0-9a-f]{64}$/.test(sibling)) return undefined;
    const isRight = at % 2 === 1 || at === last;
    hash = await nodeHash(isRight ? sibling : hash, isRight ? hash : sibling);
    // At the right edge of the tree a node without a sibling is the node above it.
    if (at % 2 === 0 && isRight) {
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : undefined;
}

async function nodeHash(left: string, right: string): Promise<string> {
  const bytes = Uint8Array.from(`01${left}${right}`.match(/../g)!, (digits) => Number.parseInt(digits, 16));
  return hexOf(await sha256(bytes));
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf(base64url: string): Uint8Array {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
}

function jsonOf(base64url: string): unknown {
  return JSON.parse(new TextDecoder().decode(bytesOf(base64url)));
}
