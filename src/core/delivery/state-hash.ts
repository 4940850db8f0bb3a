import type { Live } from "../live.ts";
import type { Ports } from "../ports.ts";

/**
 * SHA-256 of the state at the head as canonical JSON, in lower-case hexadecimal. It costs what the
 * state is large, so it is computed once for each head, however many ask.
 */
export function stateHash(live: Live, ports: Ports): string {
  if (live.hash?.eventId !== live.head) {
    live.hash = { eventId: live.head, sha256: hexOf(ports.sha256(live.state.canonical())) };
  }
  return live.hash.sha256;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
