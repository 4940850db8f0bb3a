import { type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { identitySettings } from "./settings.ts";
import { ask, askWith, bearer, fresh, type Message, Peer, seconds, sign } from "./wire.ts";

// Each hostile token, for each way to send a token.

const utf8 = new TextEncoder();
const secret = identitySettings.PARTITA_JWT_SECRET;
const good = (): JWTPayload => ({
  iss: identitySettings.PARTITA_JWT_ISSUER,
  aud: identitySettings.PARTITA_JWT_AUDIENCE,
  sub: "alice",
  exp: seconds() + 3_600,
  partitions: ["board-*"],
  roles: ["editor"],
});
const made = (claims: JWTPayload, header: object = {}, key = secret) =>
  new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...header }).sign(utf8.encode(key));
const without = (claim: string) => Object.fromEntries(Object.entries(good()).filter(([name]) => name !== claim));
const other = "another secret of at least thirty-two bytes";

/** The result for a token, for each way to send it. */
async function answers(token: string): Promise<Set<string>> {
  const room = fresh();
  const at = `/v1/partitions/${room}`;
  const byHeader = [
    ["GET", `${at}/events`],
    ["GET", `${at}/state`],
    ["POST", `${at}/events`],
    ["GET", `${at}/events/stream`],
    ["POST", `${at}/connection`],
    ["POST", `${at}/connection/x`],
    ["GET", `${at}/ws`],
    ["POST", "/v1/tickets"],
    ["GET", "/v1/revocations"],
    ["GET", "/v1/limits"],
    ["POST", `${at}/drain`],
    ["POST", "/v1/check"],
  ] as const;
  const codes = new Set<string>();
  for (const [method, path] of byHeader) {
    const response = await ask(path, {
      method,
      headers: { ...bearer(token), ...(path.endsWith("/ws") ? { upgrade: "websocket" } : {}) },
    });
    expect(response.status, `${path}`).toBe(401);
    codes.add(((await response.json()) as Message).code);
  }
  const bySubprotocol = await Peer.open(room, { "sec-websocket-protocol": `partita, bearer.${token}` });
  await bySubprotocol.ending();
  codes.add(bySubprotocol.received[0].payload.code);
  const byFrame = await Peer.open(room, {});
  const received = await byFrame.ask("connect", { clientId: "c", version: "1", token });
  // A text that is too long for the member of a frame is not a valid message.
  codes.add(
    token.length > 8_192 && received.payload.code === "bad_request" ? "unauthenticated" : received.payload.code,
  );
  byFrame.close();
  return codes;
}

describe("tokens, for each way to send them", () => {
  it.each<[string, () => string | Promise<string>]>([
    ["none", () => new UnsecuredJWT(good()).encode()],
    ["another algorithm", () => made(good(), { alg: "HS512" })],
    ["another key", () => made(good(), {}, other)],
    ["another key, and a path for a kid", () => made(good(), { kid: "../../../../dev/null" }, other)],
    ["another key, and a query for a kid", () => made(good(), { kid: "' UNION SELECT 'x' --" }, other)],
    ["an empty key", async () => `${(await made(good())).split(".").slice(0, 2).join(".")}.`],
    ["a key of its own", () => made(good(), { jwk: { kty: "oct", k: "b3RoZXI" }, jku: "https://evil.example" }, other)],
    ["a foreign issuer", () => made({ ...good(), iss: "https://issuer.example.evil.example" })],
    ["no issuer", () => made(without("iss"))],
    ["a foreign audience", () => made({ ...good(), aud: ["others"] })],
    ["no audience", () => made(without("aud"))],
    ["no expiry", () => made(without("exp"))],
    ["an expiry that is no number", () => made({ ...good(), exp: "never" } as unknown as JWTPayload)],
    ["a time that has not come yet", () => made({ ...good(), nbf: seconds() + 90 })],
    ["more time than a revocation is remembered", () => made({ ...good(), exp: seconds() + 25 * 3_600 })],
    ["no subject", () => made(without("sub"))],
    ["the subject of a server", () => made({ ...good(), sub: "dev:alice" })],
    ["the subject of a partition", () => made({ ...good(), sub: "partition:board-1" })],
    ["the subject of a timer", () => made({ ...good(), sub: "timer:hold" })],
    ["the subject of a saga", () => made({ ...good(), sub: "saga:transfer" })],
    ["the subject of a job", () => made({ ...good(), sub: "job:import" })],
    ["a tenant that is a path", () => made({ ...good(), tenant: "acme/board-1" })],
    ["more than a token can have", () => made({ ...good(), more: "x".repeat(9_000) })],
  ])("[AU-1] [AU-8] with %s is nobody's", async (_, token) => {
    expect(await answers(await token())).toEqual(new Set(["unauthenticated"]));
  });

  it("[AU-1] [AU-4] an expired token has its own code", async () => {
    expect(await answers(await sign({ exp: seconds() - 31 }))).toEqual(new Set(["auth_expired"]));
  });

  it("[AU-1] a token of another type is refused if a type is set", async () => {
    const answerTo = async (token: string) =>
      (await askWith({ PARTITA_JWT_TYPE: "at+jwt" }, `/v1/partitions/${fresh()}/state`, { headers: bearer(token) }))
        .status;
    expect(await answerTo(await made(good()))).toBe(401);
    expect(await answerTo(await made(good(), { typ: "JWT" }))).toBe(401);
    expect(await answerTo(await made(good(), { typ: "at+jwt" }))).toBe(200);
  });
});

describe("unsafe settings", () => {
  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ["a weak secret", { PARTITA_JWT_SECRET: "weak-hunter2" }, /at least 32 bytes/],
    [
      "a source of keys without TLS",
      { PARTITA_JWT_SECRET: undefined, PARTITA_JWKS_URL: "http://hunter2@issuer.example/" },
      /https/,
    ],
    [
      "a symmetric algorithm beside public keys",
      {
        PARTITA_JWT_SECRET: undefined,
        PARTITA_JWKS_URL: "https://hunter2@issuer.example/",
        PARTITA_JWT_ALGORITHMS: "ES256,HS256",
      },
      /HS256/,
    ],
    ["an hour of tolerance", { PARTITA_CLOCK_TOLERANCE: "3600" }, /0 to 60/],
    ["tokens without end", { PARTITA_TOKEN_LIFETIME_MAX: "Infinity" }, /1 to 2592000/],
  ])("[AU-1] [AU-2] [AU-12] with %s nobody gets in, and no secret gets out", async (_, changed, message) => {
    const key = changed["PARTITA_JWT_SECRET"] ?? secret;
    for (const path of [`/v1/partitions/${fresh()}/state`, "/v1/limits"]) {
      const response = await askWith(changed, path, { headers: bearer(await made(good(), {}, key)) });
      const text = await response.text();
      expect(response.status).toBe(401);
      expect(text).toMatch(message);
      expect(text).not.toContain("hunter2");
    }
  });
});
