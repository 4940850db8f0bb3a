import { describe, expect, it } from "vitest";
import { newSecret, openSecrets, sealSecret, webhookKeysOf } from "../../../src/courier/secrets.ts";

const now = 1_700_000_000_000;
const base64 = (byte: number, length = 32) => Buffer.alloc(length, byte).toString("base64");
const keysOf = (setting: string) => {
  const keys = webhookKeysOf({ PARTITA_WEBHOOK_KEY: setting });
  if (typeof keys === "string") throw new Error(keys);
  return keys;
};

describe("the secrets of endpoints", () => {
  it("[AU-11] are new each time, of 32 bytes, and opened only by their key and at their place", async () => {
    const [secret, other] = [newSecret(), newSecret()];
    expect(secret).not.toBe(other);
    expect(Buffer.from(secret.slice("whsec_".length), "base64")).toHaveLength(32);
    const sealed = await sealSecret(secret, "tenant/billing", keysOf(base64(1)));
    expect(sealed).not.toContain(secret.slice("whsec_".length));
    expect(await sealSecret(secret, "tenant/billing", keysOf(base64(1)))).not.toBe(sealed);
    const open = (place: string, key: string) => openSecrets([{ sealed }], place, keysOf(key), now);
    expect(await open("tenant/billing", base64(1))).toEqual([secret]);
    await expect(open("other/billing", base64(1))).rejects.toThrow("operation");
    await expect(open("tenant/billing", base64(2))).rejects.toThrow("does not have the key");
    const changed = `${sealed.slice(0, -4)}AAA=`;
    await expect(openSecrets([{ sealed: changed }], "tenant/billing", keysOf(base64(1)), now)).rejects.toThrow(
      "operation",
    );
  });

  it("[AU-11] are opened by the key before, while the new one seals", async () => {
    const before = await sealSecret("whsec_a", "p", keysOf(base64(1)));
    const both = keysOf(`${base64(2)}, ${base64(1)}`);
    const after = await sealSecret("whsec_b", "p", both);
    expect(await openSecrets([{ sealed: after }, { sealed: before }], "p", both, now)).toEqual(["whsec_b", "whsec_a"]);
    expect(await openSecrets([{ sealed: after }], "p", keysOf(base64(2)), now)).toEqual(["whsec_b"]);
  });

  it("[AU-11] go on without one before the current one whose key was removed", async () => {
    const before = { sealed: await sealSecret("whsec_a", "p", keysOf(base64(1))), until: now + 1 };
    const sealed = await sealSecret("whsec_b", "p", keysOf(base64(2)));
    expect(await openSecrets([{ sealed }, before], "p", keysOf(base64(2)), now)).toEqual(["whsec_b"]);
    await expect(openSecrets([{ sealed }, before], "p", keysOf(base64(1)), now)).rejects.toThrow("rotate the secret");
  });

  it("[AU-11] sign up to the end of their rotation", async () => {
    const keys = keysOf(base64(1));
    const sealed = await sealSecret("whsec_a", "p", keys);
    const old = { sealed: await sealSecret("whsec_b", "p", keys), until: now };
    expect(await openSecrets([{ sealed }, old], "p", keys, now - 1)).toHaveLength(2);
    expect(await openSecrets([{ sealed }, old], "p", keys, now)).toEqual(["whsec_a"]);
  });

  it("[AU-11] need a key of 32 bytes: otherwise the error names the setting that is missing or wrong", () => {
    expect(webhookKeysOf({})).toContain("Set PARTITA_WEBHOOK_KEY");
    for (const setting of [base64(1, 31), "no base64!", `${base64(1)},`, `${base64(1)},short`]) {
      expect(webhookKeysOf({ PARTITA_WEBHOOK_KEY: setting })).toContain("must be base64 of 32 bytes");
    }
    expect(webhookKeysOf({ PARTITA_WEBHOOK_KEY: `${base64(1)},${base64(2)}` })).toHaveLength(2);
  });
});
