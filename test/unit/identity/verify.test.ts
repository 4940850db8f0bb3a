import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { type IdentitySettings, keysTagOf, rulesOf, type TokenRules } from "../../../src/identity/settings.ts";
import { mayAddress, Verifier } from "../../../src/identity/verify.ts";

const secret = "a secret of at least thirty-two bytes";
const now = 1_800_000_000_000;
const seconds = now / 1_000;
const settings: IdentitySettings = {
  PARTITA_JWT_SECRET: secret,
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
};
const good: JWTPayload = {
  iss: "https://issuer.example",
  aud: "partita",
  sub: "alice",
  exp: seconds + 3_600,
  jti: "t-1",
  tenant: "acme",
  partitions: ["board-*", "lobby"],
  permissions: ["read", "submit:*"],
};

const noFetch: typeof fetch = () => Promise.reject(new Error("nothing is to be fetched"));
const verifierOf = (changed: IdentitySettings = {}, fetched = noFetch, clock = () => now) =>
  new Verifier(rulesOf({ ...settings, ...changed }) as TokenRules, {
    fetch: fetched,
    now: clock,
    keep: () => {},
    failed: () => {},
  });
const sign = (claims: JWTPayload, header: object = {}, key = secret) =>
  new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...header }).sign(new TextEncoder().encode(key));
const verify = async (token: string, verifier = verifierOf(), at = now) => verifier.verify(token, at);

describe("settings", () => {
  it.each<[string, IdentitySettings, RegExp]>([
    ["nothing", {}, /PARTITA_JWT_SECRET or PARTITA_JWKS_URL/],
    ["no issuer", { PARTITA_JWT_SECRET: secret, PARTITA_JWT_AUDIENCE: "a" }, /PARTITA_JWT_ISSUER/],
    ["no audience", { PARTITA_JWT_SECRET: secret, PARTITA_JWT_ISSUER: "a" }, /PARTITA_JWT_AUDIENCE/],
    ["a weak secret", { ...settings, PARTITA_JWT_SECRET: "x".repeat(31) }, /at least 32 bytes/],
    ["both kinds of keys", { ...settings, PARTITA_JWKS_URL: "https://x" }, /not both/],
    ["an algorithm beside a secret", { ...settings, PARTITA_JWT_ALGORITHMS: "RS256" }, /JWKS_URL only/],
    ["an hour of tolerance", { ...settings, PARTITA_CLOCK_TOLERANCE: "3600" }, /0 to 60/],
    ["tokens for a year", { ...settings, PARTITA_TOKEN_LIFETIME_MAX: "31536000" }, /1 to 2592000/],
  ])("[AU-2] with %s it says what to set", (_, given, message) => {
    expect(rulesOf(given)).toMatch(message);
  });

  it.each(["HS256", "none", "ES256,HS512", "", "RS1"])("[AU-1] does not let a JWKS be used with %s", (algorithms) => {
    const { PARTITA_JWT_SECRET: _, ...rest } = settings;
    expect(rulesOf({ ...rest, PARTITA_JWKS_URL: "https://x/jwks", PARTITA_JWT_ALGORITHMS: algorithms })).toMatch(
      /cannot have/,
    );
    expect(rulesOf({ ...rest, PARTITA_JWKS_URL: "http://x/jwks" })).toMatch(/https/);
  });
});

describe("tokens", () => {
  it("[AU-1] takes a good one, and gives what it says", async () => {
    expect(await verify(await sign(good))).toEqual({
      principal: "alice",
      tenant: "acme",
      partitions: ["board-*", "lobby"],
      permissions: ["read", "submit:*"],
      roles: [],
      expiresAt: now + 3_600_000,
      jti: "t-1",
      keys: keysTagOf(settings),
    });
  });

  it("[AU-4] a tag of the keys is another one for other keys, and does not hold them", () => {
    const tags = [
      settings,
      { ...settings, PARTITA_JWT_SECRET: `${secret}!` },
      { ...settings, PARTITA_JWT_ISSUER: "https://other.example" },
      { ...settings, PARTITA_JWT_AUDIENCE: "others" },
      { ...settings, PARTITA_JWT_TYPE: "at+jwt" },
    ].map(keysTagOf);
    expect(new Set(tags).size).toBe(tags.length);
    expect(tags.every((tag) => /^[0-9a-f]{16}$/.test(tag))).toBe(true);
    expect(keysTagOf({ ...settings, PARTITA_CLOCK_TOLERANCE: "1", PARTITA_ALLOWED_ORIGINS: "https://x" })).toBe(
      tags[0],
    );
  });

  const without = (claim: string) => Object.fromEntries(Object.entries(good).filter(([name]) => name !== claim));
  it.each<[string, () => string | Promise<string>]>([
    ["none", () => new UnsecuredJWT(good).encode()],
    ["an empty text", () => ""],
    ["something else", () => "a.b.c"],
    ["another key", () => sign(good, {}, "another secret of at least thirty-two bytes")],
    ["another algorithm", () => sign(good, { alg: "HS512" })],
    ["a foreign issuer", () => sign({ ...good, iss: "https://issuer.example.evil" })],
    ["no issuer", () => sign(without("iss"))],
    ["a foreign audience", () => sign({ ...good, aud: "others" })],
    ["no audience", () => sign(without("aud"))],
    ["no expiry", () => sign(without("exp"))],
    ["no subject", () => sign(without("sub"))],
    ["not yet valid", () => sign({ ...good, nbf: seconds + 31 })],
    ["a subject of the development mode", () => sign({ ...good, sub: "dev:alice" })],
    ["a subject that is no id", () => sign({ ...good, sub: "al ice\n" })],
    ["a tenant with a slash", () => sign({ ...good, tenant: "acme/board" })],
    ["a tenant that is a number", () => sign({ ...good, tenant: 7 })],
    ["permissions that are no list", () => sign({ ...good, permissions: "submit:*" })],
    ["partitions that are not names", () => sign({ ...good, partitions: [{}] })],
    ["a million characters", () => `${"x".repeat(1_000_000)}.y.z`],
    [
      "a payload that was changed",
      async () => {
        const [header, , signature] = (await sign(good)).split(".");
        return `${header}.${btoa(JSON.stringify({ ...good, sub: "root" })).replace(/=+$/, "")}.${signature}`;
      },
    ],
  ])("[AU-1] refuses %s, and says no more than that", async (_, token) => {
    const result = await verify(await token());
    expect(result).toMatchObject({ code: "unauthenticated" });
    expect(JSON.stringify(result)).not.toMatch(/signature|alg|issuer|HS256|secret/i);
  });

  it("[AU-1] [AU-4] one that is valid for longer than a revocation is remembered is not taken", async () => {
    const day = 24 * 3_600;
    expect(await verify(await sign({ ...good, exp: seconds + day }))).toMatchObject({ principal: "alice" });
    expect(await verify(await sign({ ...good, exp: seconds + day + 31 }))).toMatchObject({ code: "unauthenticated" });
  });

  it("[AU-1] [AU-4] one that was issued in the future is not taken, beyond the tolerance", async () => {
    expect(await verify(await sign({ ...good, iat: seconds + 30 }))).toMatchObject({ issuedAt: seconds + 30 });
    for (const iat of [seconds + 31, seconds + 3_600]) {
      expect(await verify(await sign({ ...good, iat }))).toMatchObject({ code: "unauthenticated" });
    }
    const strict = verifierOf({ PARTITA_CLOCK_TOLERANCE: "0" });
    expect(await verify(await sign({ ...good, iat: seconds + 0.5 }), strict)).toMatchObject({
      code: "unauthenticated",
    });
  });

  it("[AU-1] [AU-4] an expired one has a code of its own, after the tolerance", async () => {
    const token = await sign({ ...good, exp: seconds });
    expect(await verify(token, verifierOf(), now + 29_000)).toMatchObject({ principal: "alice" });
    expect(await verify(token, verifierOf(), now + 31_000)).toMatchObject({ code: "auth_expired" });
  });

  it("[AU-1] looks at the type where one is asked for", async () => {
    const verifier = verifierOf({ PARTITA_JWT_TYPE: "at+jwt" });
    expect(await verify(await sign(good), verifier)).toMatchObject({ code: "unauthenticated" });
    expect(await verify(await sign(good, { typ: "at+jwt" }), verifier)).toMatchObject({ principal: "alice" });
  });

  it("[AU-9] a partition that no pattern names cannot be addressed", () => {
    const subject = { partitions: ["board-*", "lobby"] };
    for (const name of ["board-1", "board-", "lobby"]) expect(mayAddress(subject, name)).toBe(true);
    for (const name of ["boar", "lobby2", "Lobby", "*", "board-/x", "board-..%2f", ""]) {
      expect(mayAddress(subject, name)).toBe(false);
    }
    expect(mayAddress({ partitions: [] }, "lobby")).toBe(false);
  });
});

describe("key sets", () => {
  const { PARTITA_JWT_SECRET: _, ...rest } = settings;
  const jwks: IdentitySettings = {
    ...rest,
    PARTITA_JWKS_URL: "https://issuer.example/jwks",
    PARTITA_TOKEN_LIFETIME_MAX: String(30 * 24 * 3_600),
  };
  let pairs: Awaited<ReturnType<typeof generateKeyPair>>[];
  let published: object[];

  beforeAll(async () => {
    pairs = await Promise.all([0, 1].map(() => generateKeyPair("ES256", { extractable: true })));
    published = await Promise.all(
      pairs.map(async ({ publicKey }, at) => ({ ...(await exportJWK(publicKey)), kid: `k${at}`, alg: "ES256" })),
    );
  });

  /** An issuer whose keys and health the test changes. */
  class Issuer {
    keys = published.slice(0, 1);
    up = true;
    /** Never answers: as when the request that fetched was given up by its client, and dropped. */
    abandons = false;
    requests = 0;
    now = now;
    readonly kept: Promise<unknown>[] = [];
    /** What is reported to the operator. */
    readonly told: string[] = [];
    readonly verifier = new Verifier(rulesOf(jwks) as TokenRules, {
      now: () => this.now,
      keep: (work) => this.kept.push(work),
      failed: (why) => this.told.push(why),
      fetch: async () => {
        this.requests++;
        if (this.abandons) return new Promise(() => {});
        if (!this.up) throw new Error("down");
        return new Response(JSON.stringify({ keys: this.keys }));
      },
    });
    async token(key: number, header: object = {}): Promise<string> {
      return new SignJWT({ ...good, exp: seconds + 10 * 24 * 3_600 })
        .setProtectedHeader({ alg: "ES256", kid: `k${key}`, ...header })
        .sign(pairs[key]!.privateKey);
    }
    async takes(token: string): Promise<string> {
      const result = await this.verifier.verify(token, this.now);
      return "code" in result ? result.code : "ok";
    }
  }

  it("[AU-1] rotation: old and new overlap without a refusal, and after its retirement a key is taken no more", async () => {
    const issuer = new Issuer();
    const [old, fresh] = [await issuer.token(0), await issuer.token(1)];
    expect(await issuer.takes(old)).toBe("ok");
    issuer.keys = published;
    issuer.now += 31_000;
    expect(await issuer.takes(fresh)).toBe("ok");
    expect(await issuer.takes(old)).toBe("ok");
    issuer.keys = published.slice(1);
    issuer.now += 11 * 60_000;
    expect(await issuer.takes(old)).toBe("unauthenticated");
    expect(await issuer.takes(fresh)).toBe("ok");
  });

  it("[AU-1] a flood of unknown kids fetches once per 30 s, also side by side", async () => {
    const issuer = new Issuer();
    await issuer.takes(await issuer.token(0));
    expect(issuer.requests).toBe(1);
    const unknown = await Promise.all(Array.from({ length: 50 }, (__, at) => issuer.token(0, { kid: `none-${at}` })));
    issuer.now += 31_000;
    const answers = await Promise.all(unknown.map((token) => issuer.takes(token)));
    expect(new Set(answers)).toEqual(new Set(["unauthenticated"]));
    expect(issuer.requests).toBe(2);
  });

  it("[AU-1] [LC-9] while the source is down the last keys are used, and it is asked once per 30 s", async () => {
    const issuer = new Issuer();
    const token = await issuer.token(0);
    expect(await issuer.takes(token)).toBe("ok");
    issuer.up = false;
    issuer.now += 60 * 60_000;
    for (let at = 0; at < 100; at++) expect(await issuer.takes(token)).toBe("ok");
    expect(issuer.requests).toBe(2);
    expect(issuer.told).toEqual(["Error"]);
    issuer.now += 24 * 60 * 60_000;
    expect(await issuer.takes(token)).toBe("identity_unavailable");
    issuer.up = true;
    expect(await issuer.takes(token)).toBe("identity_unavailable");
    issuer.now += 31_000;
    expect(await issuer.takes(token)).toBe("ok");
  });

  it("[AU-1] [LC-9] what one request fetches goes on without it; and where it never ends nobody waits for it for ever", async () => {
    const issuer = new Issuer();
    const token = await issuer.token(0);
    issuer.abandons = true;
    const first = issuer.takes(token);
    expect(issuer.kept).toHaveLength(1);
    issuer.now += 4_950;
    expect(await issuer.takes(token)).toBe("identity_unavailable");
    issuer.abandons = false;
    issuer.now += 25_100;
    expect(await issuer.takes(token)).toBe("ok");
    expect(issuer.requests).toBe(2);
    // The keys that came meanwhile are good for it, too.
    expect(await first).toBe("ok");
  });

  it("[AU-1] follows no key that a token brings along, and takes no public key for a secret", async () => {
    const issuer = new Issuer();
    for (const header of [{ jku: "https://evil.example/jwks" }, { jwk: published[1]! }, { x5u: "https://evil" }]) {
      const token = await new SignJWT(good)
        .setProtectedHeader({ alg: "ES256", kid: "k1", ...header })
        .sign(pairs[1]!.privateKey);
      expect(await issuer.takes(token)).toBe("unauthenticated");
    }
    const asSecret = new TextEncoder().encode(JSON.stringify(published[0]));
    const confused = await new SignJWT(good).setProtectedHeader({ alg: "HS256", kid: "k0" }).sign(asSecret);
    expect(await issuer.takes(confused)).toBe("unauthenticated");
  });
});
