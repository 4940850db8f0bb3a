import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The key that signs heads of audited logs on this machine, as `PARTITA_AUDIT_KEYS` needs it. It is made once and kept with
 * the data, so that what was signed before a restart stays verifiable.
 */
export function localAuditKeys(folder: string): string {
  const file = join(folder, "audit-keys.json");
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const key = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const text = JSON.stringify({ keys: [{ kid: "local", ...key }] });
  mkdirSync(folder, { recursive: true });
  // For its owner only: it is private.
  writeFileSync(file, text, { mode: 0o600 });
  return text;
}
