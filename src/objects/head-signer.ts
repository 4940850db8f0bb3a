import { auditKeysOf, type AuditSettings } from "../identity/audit-keys.ts";
import { log } from "../platform/log.ts";
import type { ShellPorts } from "../shell/ports.ts";

/** Signs heads of the log; undefined: the deployment has no key that can. */
export function headSigner(settings: AuditSettings): ShellPorts["signHead"] {
  const keys = auditKeysOf(settings);
  if (typeof keys !== "string") return keys.sign;
  // Without the setting none is wanted; what is wrong with it is also answered by `GET /v1/audit-keys`.
  if (settings.PARTITA_AUDIT_KEYS) log("audit_keys_invalid", { reason: keys });
  return undefined;
}
