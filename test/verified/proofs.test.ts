import { describe, expect, it } from "vitest";
import { auditKeys } from "../workerd/audit-keys.ts";
import { ask, askWith, bearer, fresh, sign } from "./wire.ts";

// Answers of every shape
const json = async (response: Response): Promise<any> => await response.json();

describe("the proofs of a log", () => {
  it.each(["head", "1"])("[AU-3] [AU-9] [MD-9] %s: are for who may read the partition", async (path) => {
    const room = fresh();
    const code = async (at: string, claims?: object) => {
      const init = claims && { headers: bearer(await sign(claims)) };
      return (await json(await ask(`/v1/partitions/${at}/proofs/${path}`, init))).code;
    };
    expect(await code(room)).toBe("unauthenticated");
    expect(await code(room, { roles: [], permissions: ["submit:*"] })).toBe("forbidden");
    const elsewhere = { partitions: ["other-*"] };
    expect(await code(room, elsewhere)).toBe(await code("no.such.partition", elsewhere));
    expect(await code(room, { roles: [], permissions: ["read"] })).toBe("not_found");
  });

  it("[MD-9] [AU-12] the keys need no token, have no private part, and are missing with a message", async () => {
    const answer = await askWith({ PARTITA_AUDIT_KEYS: auditKeys }, "/v1/audit-keys");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=300");
    const { keys } = await json(answer);
    expect(keys.map(({ kid, d }: { kid: string; d?: string }) => [kid, d])).toEqual([
      ["audit-2", undefined],
      ["audit-1", undefined],
    ]);
    for (const settings of [{}, { PARTITA_AUDIT_KEYS: '{"keys":[{"d":"private"}]}' }]) {
      const problem = await json(await askWith(settings, "/v1/audit-keys"));
      expect(problem).toMatchObject({ status: 501, code: "not_configured" });
      expect(problem.detail).toContain("PARTITA_AUDIT_KEYS");
      expect(JSON.stringify(problem)).not.toContain('private"');
    }
  });
});
