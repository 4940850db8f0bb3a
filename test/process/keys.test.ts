import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, test as plainTest } from "vitest";
import { Issuer } from "../support/issuer.ts";
import { TestServer } from "../support/server.ts";
import { SocketClient } from "../support/socket-client.ts";

// The real Worker fetches the keys of an issuer over HTTP: from a good source, a bad one, and none.

/** Slightly longer than the cooldown of src/identity/key-set.ts. */
const cooldownMs = 31_000;

/** An issuer and a server of each test's own: those that wait for the cooldown do so at the same time. */
interface Site {
  issuer: Issuer;
  server: TestServer;
  ask(token: string, init?: RequestInit): Promise<Response>;
  answerTo(token: string): Promise<string>;
}

const test = plainTest.extend<{ site: Site }>({
  // The first argument has to be a pattern.
  // oxlint-disable-next-line no-empty-pattern
  site: async ({}, use) => {
    const issuer = await Issuer.with("old", "new");
    const server = new TestServer({ settings: issuer.settings });
    await server.start();
    const ask = (token: string, init: RequestInit = {}) =>
      fetch(new URL("/v1/partitions/room/state", server.url), {
        headers: { authorization: `Bearer ${token}` },
        ...init,
      });
    const answerTo = async (token: string) => {
      const response = await ask(token);
      return response.ok ? "ok" : ((await response.json()) as { code: string }).code;
    };
    await use({ issuer, server, ask, answerTo });
    await server.stop();
    await issuer.close();
  },
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a token that refers to its own key", () => {
  test("[AU-1] ignores jku, x5u, jwk and x5c, and never uses a kid as a path or a query", async ({ site }) => {
    const { issuer, answerTo } = site;
    const evil = await Issuer.with("old");
    const good = await issuer.token("old");
    expect(await answerTo(good)).toBe("ok");
    const jwk = evil.jwk("old");
    const headers = [
      { jku: evil.url },
      { x5u: evil.url },
      { jwk },
      { jwk, kid: undefined },
      { x5c: ["MIIB"] },
      ...[
        "../../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "old'; DROP TABLE keys; --",
        "old\u0000",
        "__proto__",
      ].map((kid) => ({ kid })),
      { kid: evil.url },
    ];
    for (const header of headers) {
      // Signed by the attacker's key, which has the same name.
      expect(await answerTo(await evil.token("old", {}, header)), `${JSON.stringify(header)}`).toBe("unauthenticated");
    }
    expect(evil.requests).toBe(0);
    expect(issuer.requests).toBe(1);
    expect(await answerTo(good)).toBe("ok");
    await evil.close();
  });

  test("[AU-1] never uses a public key as a secret, in any form of publication, and accepts no other algorithm", async ({
    site,
  }) => {
    const { issuer, answerTo } = site;
    expect(await answerTo(await issuer.token("old"))).toBe("ok");
    const token = await issuer.token("old");
    const [, payload] = token.split(".");
    for (const alg of ["HS256", "none", "RS256", "ES256K"]) {
      const header = Buffer.from(JSON.stringify({ alg, kid: "old" })).toString("base64url");
      for (const signature of [await issuer.confused("old", `${header}.${payload}`), "", token.split(".")[2]!]) {
        expect(await answerTo(`${header}.${payload}.${signature}`)).toBe("unauthenticated");
      }
    }
  });
});

describe("a source of keys", () => {
  test.concurrent("[AU-1] keys that change, under load: no valid token is refused while keys change, and later no token of a retired key is accepted", async ({
    site,
  }) => {
    const { issuer, server, answerTo } = site;
    const refused: string[] = [];
    let asked = 0;
    let signers = ["old"];
    const load = { goes: true };
    const judge = (code: string) => {
      asked++;
      if (code !== "ok") refused.push(code);
    };
    const byHeader = async () => {
      for (let at = 0; load.goes; at++) {
        judge(await answerTo(await issuer.token(signers[at % signers.length]!)));
        await pause(50);
      }
    };
    const byFrame = async () => {
      for (let at = 0; load.goes; at++) {
        const token = await issuer.token(signers[at % signers.length]!);
        const headers = at % 2 === 0 ? { authorization: `Bearer ${token}` } : undefined;
        const client = await SocketClient.open(server.url, "room", headers);
        const answer = await client.connect(headers ? {} : { token });
        judge(answer.type === "connected" ? "ok" : String(answer.payload.code));
        client.end();
        await pause(100);
      }
    };
    const streams = [byHeader(), byHeader(), byFrame()];
    // The key is published first, and used when it is known.
    await pause(cooldownMs);
    issuer.published = ["old", "new"];
    signers = ["old", "new"];
    await pause(3_000);
    expect(issuer.requests).toBe(2);
    // The key is not used any more, and then removed.
    signers = ["new"];
    await pause(500);
    issuer.published = ["new"];
    await pause(cooldownMs);
    const retired = await issuer.token("old");
    // A token with an unknown key causes a fetch; without one it takes ten minutes.
    await answerTo(await issuer.token("new", {}, { kid: "none" }));
    for (let at = 0; at < 20; at++) expect(await answerTo(retired)).toBe("unauthenticated");
    await pause(1_000);
    load.goes = false;
    await Promise.all(streams);
    console.log(JSON.stringify({ asked, refused: refused.length, fetched: issuer.requests }));
    expect(refused).toEqual([]);
    expect(asked).toBeGreaterThan(500);
    expect(issuer.requests).toBe(3);
  });

  test.concurrent("[AU-1] is fetched once per 30 s during a flood of tokens with unknown kids, for each way to send them", async ({
    site,
  }) => {
    const { issuer, server, answerTo } = site;
    const good = await issuer.token("old");
    const flood = async () => {
      const tokens = await Promise.all(
        Array.from({ length: 40 }, (_, at) => issuer.token("new", {}, { kid: `none-${at}-${Math.random()}` })),
      );
      const byHeader = await Promise.all(tokens.slice(0, 30).map(answerTo));
      const byFrame = await Promise.all(
        tokens.slice(30).map(async (token) => {
          const client = await SocketClient.open(server.url, "room");
          const answer = await client.connect({ token });
          client.end();
          return answer.payload.code as string;
        }),
      );
      expect(new Set([...byHeader, ...byFrame])).toEqual(new Set(["unauthenticated"]));
    };
    await flood();
    expect(issuer.requests).toBe(1);
    await pause(cooldownMs);
    await flood();
    expect(issuer.requests).toBe(2);
    expect(await answerTo(good)).toBe("ok");
  });

  test.concurrent("[AU-1] [LC-9] that is down: 503 while no keys are known, and the last keys once they are", async ({
    site,
  }) => {
    const { issuer, server, ask, answerTo } = site;
    const up = issuer.answer;
    const token = await issuer.token("old");
    const down = [
      (response: Parameters<typeof up>[0]) => void response.writeHead(500).end("no"),
      (response: Parameters<typeof up>[0]) => void response.destroy(),
    ];
    for (const answer of down) {
      issuer.answer = answer;
      await server.restart();
      const response = await ask(token);
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await response.json()).toMatchObject({ code: "identity_unavailable", retryable: true });
      // The answer does not reveal what is wrong with the source.
      expect(await (await ask(token)).text()).not.toMatch(/127\.0\.0\.1|jwks|fetch failed/i);
    }
    issuer.answer = up;
    await server.restart();
    expect(await answerTo(token)).toBe("ok");
    issuer.answer = down[1]!;
    await pause(cooldownMs);
    expect(await answerTo(await issuer.token("new"))).toBe("unauthenticated");
    for (let at = 0; at < 20; at++) expect(await answerTo(token)).toBe("ok");
  });

  test.concurrent("[AU-1] [LC-9] that is slow is abandoned after five seconds, and other requests are answered meanwhile", async ({
    site,
  }) => {
    const { issuer, server, answerTo } = site;
    const token = await issuer.token("old");
    issuer.answer = (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const timer = setInterval(() => response.write(" "), 200);
      response.once("close", () => clearInterval(timer));
    };
    const began = Date.now();
    const waiting = Promise.all([answerTo(token), answerTo(token)]);
    expect((await fetch(new URL("/livez", server.url))).status).toBe(200);
    expect(Date.now() - began).toBeLessThan(4_000);
    expect(await waiting).toEqual(["identity_unavailable", "identity_unavailable"]);
    expect(Date.now() - began).toBeGreaterThan(4_000);
    expect(await answerTo(token)).toBe("identity_unavailable");
    expect(issuer.requests).toBe(1);
  });

  test("[AU-1] [LC-9] that never ends is read only up to a bound", async ({ site }) => {
    const { issuer, answerTo } = site;
    issuer.answer = (response) => issuer.flood(response);
    expect(await answerTo(await issuer.token("old"))).toBe("identity_unavailable");
    // Bytes in transit may still arrive.
    expect(issuer.taken).toBeLessThan(64 * 1024 * 1024);
  });

  test("[AU-1] that redirects is not followed", async ({ site }) => {
    const { issuer, server, answerTo } = site;
    let followed = 0;
    const elsewhere = createServer((_, response) => {
      followed++;
      issuer.publish(response);
    });
    await once(elsewhere.listen(0, "127.0.0.1"), "listening");
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
    for (const status of [301, 302, 307, 308]) {
      issuer.answer = (response) => void response.writeHead(status, { location }).end();
      await server.restart();
      expect(await answerTo(await issuer.token("old"))).toBe("identity_unavailable");
    }
    expect(followed).toBe(0);
    elsewhere.close();
  });

  test("[AU-1] that does not answer with keys has no keys", async ({ site }) => {
    const { issuer, server, answerTo } = site;
    const token = await issuer.token("old");
    for (const body of ["<!doctype html><title>Sign in</title>", "", "null", "[]", '{"keys":{}}', '{"keys":[1]}']) {
      issuer.answer = (response) => void response.writeHead(200, { "content-type": "text/html" }).end(body);
      await server.restart();
      expect(await answerTo(token), `${body}`).toBe("identity_unavailable");
    }
    // An unusable key does not affect the other keys.
    issuer.answer = (response) =>
      void response
        .writeHead(200)
        .end(JSON.stringify({ keys: [{ kty: "oct", k: "c2VjcmV0", kid: "old" }, { kty: "EC" }, issuer.jwk("new")] }));
    await server.restart();
    expect(await answerTo(await issuer.token("new"))).toBe("ok");
  });
});
