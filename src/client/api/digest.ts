import { canonicalJson, type Json } from "../../protocol/index.ts";
import type { Ports } from "../transport/ports.ts";

/** The hash of a state, given as JSON text, that server and client compare: SHA-256 of its canonical JSON. */
export function digestOf(state: string, { sha256 }: Pick<Ports, "sha256">): Promise<string> {
  return sha256(canonicalJson(JSON.parse(state) as Json));
}
