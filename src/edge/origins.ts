import { type IdentitySettings, isLoopback } from "../identity/settings.ts";

/**
 * Whether pages of `origin` may send requests to the server at `url`. Allowed are the server's own origin and those in
 * `PARTITA_ALLOWED_ORIGINS`; in open development mode only origins of this machine.
 */
export function isAllowedOrigin(origin: string, url: URL, settings: IdentitySettings): boolean {
  if (settings.PARTITA_IDENTITY === "open") return URL.canParse(origin) && isLoopback(new URL(origin).hostname);
  if (origin === url.origin) return true;
  const allowed = (settings.PARTITA_ALLOWED_ORIGINS ?? "").split(",").map((name) => name.trim());
  return origin !== "null" && origin !== "" && allowed.includes(origin);
}
