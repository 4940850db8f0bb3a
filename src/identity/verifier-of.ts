import { log } from "../platform/log.ts";
import type { KeyPorts } from "./key-set.ts";
import { type IdentitySettings, rulesOf } from "./settings.ts";
import { Verifier } from "./verify.ts";

/** The verifier of the last settings. It keeps its fetched keys until the settings change. */
let known: { key: string; verifier: Verifier } | undefined;

/** The verifier for these settings, or a message that says what is missing or wrong. `keep` belongs to the current request. */
export function verifierOf(settings: IdentitySettings, keep: KeyPorts["keep"]): Verifier | string {
  const key = JSON.stringify(Object.entries(settings).filter(([name]) => /^PARTITA_(JW|CLOCK|TOKEN)/.test(name)));
  if (known?.key !== key) {
    const rules = rulesOf(settings);
    if (typeof rules === "string") return rules;
    const ports: KeyPorts = {
      fetch: (...given) => fetch(...given),
      now: () => Date.now(),
      keep,
      failed: (reason) => log("issuer_unreachable", { reason }),
    };
    known = { key, verifier: new Verifier(rules, ports) };
  }
  return known.verifier;
}
