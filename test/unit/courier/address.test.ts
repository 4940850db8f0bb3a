import { describe, expect, it } from "vitest";
import { addressFault } from "../../../src/courier/address.ts";

const rules = { ownHosts: ["partita.example.com"], loopback: false };
const isRefused = (address: string, given = rules) => addressFault(address, given) !== undefined;

describe("the addresses of endpoints", () => {
  it("[AU-11] are names of the public internet, by https on port 443", () => {
    for (const address of [
      "https://example.com/hooks",
      "https://example.com:443/",
      "https://hooks.example.co.uk/a?b=c",
      "https://xn--mnchen-3ya.example/",
      "https://1.example.com/",
    ]) {
      expect([address, addressFault(address, rules)]).toEqual([address, undefined]);
    }
  });

  it.each([
    "",
    "example.com",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://example.com:8443/",
    "https://example.com:80/",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://:password@example.com/",
    "https://example.com@127.0.0.1/",
    `https://example.com/${"a".repeat(3_000)}`,
    // Longer as it is stored and sent.
    `https://example.com/${"\u{1f600}".repeat(300)}`,
  ])("[AU-11] refuses the form %s", (address) => expect(isRefused(address)).toBe(true));

  it.each([
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0x7f.1/",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1/",
    "https://１２７.０.０.１/",
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0/",
    "https://0.0.0.0/",
    "https://8.8.8.8/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2606:4700:4700::1111]/",
  ])("[AU-11] refuses an IP address in every notation: %s", (address) => expect(isRefused(address)).toBe(true));

  it.each([
    "https://localhost/",
    "https://LOCALHOST/",
    "https://%6c%6f%63alhost/",
    "https://intranet/",
    "https://a.localhost/",
    "https://printer.local/",
    "https://db.localdomain/",
    "https://billing.test/",
    "https://metadata.google.internal/",
    "https://db.corp/",
    "https://nas.home.arpa/",
    "https://example.com./",
    "https://localhost./",
    "https://metadata.google.internal./",
    "https://partita.example.com/v1/endpoints",
    "https://PARTITA.example.com/",
    "https://partita.example.com./",
    "https://par\ntita.example.com/",
  ])("[AU-11] refuses a name that is not of the public internet, and its own: %j", (address) =>
    expect(isRefused(address)).toBe(true),
  );

  it("[AU-11] let loopback in only where that is allowed, and nothing else then", () => {
    const loopback = { ownHosts: ["127.0.0.1"], loopback: true };
    for (const address of ["http://127.0.0.1:9000/", "http://localhost:9000/a", "https://[::1]:9000/"]) {
      expect(isRefused(address, loopback)).toBe(false);
      expect(isRefused(address)).toBe(true);
    }
    for (const address of ["http://10.0.0.1/", "http://example.com/", "http://a@127.0.0.1/", "http://127.0.0.2/"]) {
      expect(isRefused(address, loopback)).toBe(true);
    }
  });
});
