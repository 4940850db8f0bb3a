import type { KeyPorts } from "./key-set.ts";
import { type IdentitySettings, rulesOf } from "./settings.ts";
import { Verifier } from "./verify.ts";

/** The verifier of the settings that were seen last: its fetched keys live as long as they do not change. */
let known: { key: string; verifier: Verifier } | undefined;

/** The verifier that these settings make, or what is missing or wrong in them. `keep`: of whichever request it is called in. */
export function verifierOf(settings: IdentitySettings, keep: KeyPorts["keep"]): Verifier | string {
  const key = JSON.stringify(Object.entries(settings).filter(([name]) => /^PARTITA_(JW|CLOCK|TOKEN)/.test(name)));
  if (known?.key !== key) {
    const rules = rulesOf(settings);
    if (typeof rules === "string") return rules;
    const ports: KeyPorts = {
      fetch: (...given) => fetch(...given),
      now: () => Date.now(),
      keep,
      failed: (why) =>
        console.error(
          JSON.stringify({
            level: "error",
            timestamp: Date.now(),
            message: "the issuer's keys cannot be fetched",
            why,
          }),
        ),
    };
    known = { key, verifier: new Verifier(rules, ports) };
  }
  return known.verifier;
}
