import { exportJWK, generateKeyPair } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { type AuditKeys, auditKeysOf } from "../../../src/identity/audit-keys.ts";
import { checkEntry } from "../../../src/models/ledger/index.ts";
import { hexOf } from "../../../src/core/hex.ts";
import { leafHash } from "../../../src/core/audit/merkle.ts";
import { sha256 } from "../../../src/platform/hash.ts";
import { leafText } from "../../../src/protocol/index.ts";

const keysOf = (...keys: object[]) => auditKeysOf({ PARTITA_AUDIT_KEYS: JSON.stringify({ keys }) });
const event = { eventId: 1, partition: "book", type: "open", timestamp: 1, clientId: "c", payload: {} };
/** A tree of one leaf. */
const head = {
  tenant: "default",
  partition: "book",
  logId: "log",
  size: 1,
  root: hexOf(leafHash(sha256, leafText(event))),
  timestamp: 1,
};

describe("the keys of the audit", () => {
  let es: Record<string, unknown>;
  let ed: Record<string, unknown>;

  beforeAll(async () => {
    const pair = async (alg: string) => (await generateKeyPair(alg, { extractable: true })).privateKey;
    es = { ...(await exportJWK(await pair("ES256"))), kid: "es" };
    ed = { ...(await exportJWK(await pair("EdDSA"))), kid: "ed" };
  });

  it("[MD-9] sign with the first; what older ones signed stays verifiable by what is published", async () => {
    const before = keysOf(es) as AuditKeys;
    const rotated = keysOf(ed, es) as AuditKeys;
    const [old, fresh] = [await before.sign(head), await rotated.sign(head)];
    expect(rotated.published.map(({ kid, alg }) => [kid, alg])).toEqual([
      ["ed", "EdDSA"],
      ["es", "ES256"],
    ]);
    for (const signed of [old, fresh]) {
      expect(await checkEntry({ event, path: [] }, signed, rotated.published)).toEqual({ proven: true, head });
    }
    expect(await checkEntry({ event, path: [] }, fresh, before.published)).toMatchObject({ fault: "unknown_key" });
  });

  it("[MD-9] [AU-12] publish nothing private", () => {
    const { published } = keysOf({ ...es, key_ops: ["sign"], extra: "s" }, ed) as AuditKeys;
    expect(published.map((key) => Object.keys(key))).toEqual([
      ["kid", "kty", "crv", "x", "y", "alg", "use"],
      ["kid", "kty", "crv", "x", "alg", "use"],
    ]);
    const text = JSON.stringify(published);
    expect(text.includes(es["d"] as string) || text.includes(ed["d"] as string)).toBe(false);
  });

  it("[MD-9] are refused with a message that says what is wrong, and reveals nothing", () => {
    const without = (key: Record<string, unknown>, name: string) => ({ ...key, [name]: undefined });
    const wrong: [string, AuditKeys | string][] = [
      ["Set PARTITA_AUDIT_KEYS", auditKeysOf({})],
      ["must be a JWK Set", auditKeysOf({ PARTITA_AUDIT_KEYS: "secret" })],
      ["must be a JWK Set", auditKeysOf({ PARTITA_AUDIT_KEYS: "null" })],
      ["must be a JWK Set", auditKeysOf({ PARTITA_AUDIT_KEYS: '{"keys":[null]}' })],
      ["must be a JWK Set", keysOf()],
      ["must be a JWK Set", keysOf(...Array.from({ length: 33 }, (_, at) => ({ ...es, kid: `k${at}` })))],
      ['needs a "kid"', keysOf(without(es, "kid"))],
      ['needs a "kid"', keysOf(without(es, "y"))],
      ['needs a "kid"', keysOf({ ...es, crv: "P-384" })],
      ['needs a "kid"', keysOf({ kty: "oct", k: "AAAA", kid: "k" })],
      ['the same "kid"', keysOf(es, { ...ed, kid: "es" })],
      ['have "d"', keysOf(without(es, "d"))],
      ['have "d"', keysOf(without(ed, "d"), es)],
    ];
    for (const [part, message] of wrong) {
      expect(message).toContain(part);
      expect(message).not.toContain("secret");
    }
    expect(keysOf(es, without(ed, "d"))).toMatchObject({ published: [{ kid: "es" }, { kid: "ed" }] });
  });
});
