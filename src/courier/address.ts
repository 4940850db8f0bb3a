import { courierBounds } from "./bounds.ts";

/** What an address is checked against. */
export interface AddressRules {
  /** The host names of this Worker: a delivery to itself would cause the next one. */
  readonly ownHosts: readonly string[];
  /** Whether loopback addresses are allowed, by `http:` and on any port: in open development mode only. */
  readonly loopback: boolean;
}

/**
 * Names that are not of the public internet (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and what ICANN reserves): private
 * resolvers answer for them.
 */
const privateSuffixes = [
  "localhost",
  "localdomain",
  "local",
  "internal",
  "intranet",
  "private",
  "corp",
  "home",
  "lan",
  "home.arpa",
  "alt",
  "onion",
  "invalid",
  "test",
];
const tooLong = `An address has at most ${courierBounds.urlLengthMax} characters, percent-encoded.`;
const loopbackHosts = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * Returns why nothing may be sent to this address, or undefined. The parser of URLs writes every notation of an IPv4
 * address (decimal, octal, hexadecimal, short, full-width, percent-encoded) with four decimal numbers, and IPv6 in
 * brackets: so two checks find them all.
 */
export function addressFault(address: string, { ownHosts, loopback }: AddressRules): string | undefined {
  if (address.length > courierBounds.urlLengthMax) return tooLong;
  if (!URL.canParse(address)) return "This is not a URL.";
  const url = new URL(address);
  // As it is stored and checked again: percent-encoding makes a character up to nine times as long.
  if (url.href.length > courierBounds.urlLengthMax) return tooLong;
  if (url.username !== "" || url.password !== "") return "An address must not contain a user name or a password.";
  const host = url.hostname;
  if (loopback && loopbackHosts.has(host) && (url.protocol === "http:" || url.protocol === "https:")) return undefined;
  if (url.protocol !== "https:") return 'An address must begin with "https:".';
  if (url.port !== "") return "An address must use port 443.";
  if (host.startsWith("[") || /^[\d.]+$/.test(host)) return "An address must have a host name, not an IP address.";
  if (host.endsWith(".")) return "The host name must not end with a dot.";
  if (!host.includes(".")) return "The host name must have a domain.";
  if (privateSuffixes.some((suffix) => host.endsWith(`.${suffix}`))) {
    return "The host name must be one of the public internet.";
  }
  if (ownHosts.includes(host)) return "An address must not be one of this server.";
  return undefined;
}
