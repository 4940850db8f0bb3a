import { canonicalJson } from "../../protocol/canonical.ts";
import type { Json } from "../../protocol/index.ts";
import type { Ports } from "../transport/ports.ts";

/** The hash that server and client compare: SHA-256 of the canonical JSON of a state, given as JSON text. */
export function digestOf(state: string, { sha256 }: Pick<Ports, "sha256">): Promise<string> {
  return sha256(canonicalJson(JSON.parse(state) as Json));
}
