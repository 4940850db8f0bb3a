import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { runCommand } from "citty";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { costsCommand } from "../../src/cli/commands/costs.ts";
import { verifyCommand } from "../../src/cli/commands/verify.ts";
import { printableLines } from "../../src/cli/printable.ts";
import { type VerifiedPartition, verifyAll } from "../../src/cli/verify.ts";

/** A server with these answers, in their order; the last one stays. */
async function serverWith(answers: Record<string, readonly [status: number, body: object][]>) {
  const asked: string[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url!);
    const given = answers[url!.split("?")[0]!] ?? [[404, {}]];
    const count = asked.filter((path) => path === url).length;
    const [status, body] = given[Math.min(count, given.length) - 1]!;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }).listen(0);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const verified = (eventId: number, done: boolean, findings: object[] = []) =>
  [200, { verified: { eventId, of: 9, done, compared: [], findings } }] as [number, object];

async function all(url: string, which: Parameters<typeof verifyAll>[1]) {
  const reported: VerifiedPartition[] = [];
  const pauses: number[] = [];
  let fulls = 0;
  await verifyAll(
    { url, token: undefined },
    which,
    (one) => void reported.push(one),
    () => void fulls++,
    async (ms) => void pauses.push(ms),
  );
  return { reported: reported.toSorted((a, b) => (a.name < b.name ? -1 : 1)), waits: pauses.length, pauses, fulls };
}

describe("partita verify", () => {
  it("[EC-4] [LC-6] shows what is in a log, and does not let it write to the terminal", async () => {
    const finding = { eventId: 2, detail: "the reducer has failed: \u001b[2J\nroom: 0 findings\u202e" };
    const server = await serverWith({ "/v1/partitions/room/verify": [verified(2, true, [finding])] });
    const shown = vi.spyOn(console, "log").mockImplementation(() => {});
    onTestFinished(() => shown.mockRestore());
    const run = runCommand(verifyCommand, { rawArgs: ["--url", server.url, "--partition", "room"] });
    await expect(run).rejects.toThrow("1 findings");
    expect(shown.mock.calls).toEqual([["room 2: the reducer has failed:  [2J room: 0 findings "]]);
    expect(printableLines("one\u001b]0;x\u0007\r\ntwo")).toBe("one ]0;x  \ntwo");
  });

  it("[LC-6] [EC-4] verifies each partition of the directory to its end, and names damage by its event", async () => {
    const damage = { eventId: 7, detail: "its row is missing" };
    const names = Array.from({ length: 9 }, (_, at) => ({ partition: `room-${at}` }));
    const server = await serverWith({
      "/v1/partitions": [[200, { partitions: names }]],
      ...Object.fromEntries(names.map(({ partition }) => [`/v1/partitions/${partition}/verify`, [verified(9, true)]])),
      "/v1/partitions/room-3/verify": [verified(4, false), verified(8, false), verified(9, true, [damage])],
    });
    const { reported } = await all(server.url, { prefix: "room" });
    expect(reported).toEqual(
      names.map(({ partition: name }) => ({ name, eventId: 9, found: name === "room-3" ? [damage] : [] })),
    );
    expect(server.asked[0]).toContain("prefix=room");
    expect(server.asked.filter((path) => path.includes("room-3"))).toHaveLength(3);
  });

  it("[EC-4] [ER-4] names the part of the Worker that is missing, for costs, too", async () => {
    const gone = [404, { code: "not_found", detail: "There is nothing at this address." }] as [number, object];
    const server = await serverWith({ "/v1/partitions": [gone], "/v1/partitions/room/verify": [gone] });
    const partOf = (part: string) => new RegExp(`its Worker has no part "${part}" .* docs/guide/parts\\.md`);
    await expect(all(server.url, { prefix: "" })).rejects.toThrow(partOf("metrics"));
    const { reported } = await all(server.url, { partition: "room" });
    expect(reported[0]!.refused).toMatch(partOf("operations"));
    const run = runCommand(costsCommand, { rawArgs: ["--url", server.url, "--partition", "room"] });
    await expect(run).rejects.toThrow(partOf("metrics"));
  });

  it("[LC-6] asks a partition again that refuses for now, a few times, and says which was not verified", async () => {
    const busy = [503, { code: "rebuilding" }] as [number, object];
    const server = await serverWith({
      "/v1/partitions": [[200, { partitions: [{ partition: "a" }, { partition: "b" }, { partition: "c" }] }]],
      "/v1/partitions/a/verify": [busy, busy, verified(9, true)],
      "/v1/partitions/b/verify": [busy],
      "/v1/partitions/c/verify": [[422, { code: "too_expensive" }]],
    });
    const { reported, waits } = await all(server.url, { prefix: "" });
    expect(reported.map(({ refused }) => refused)).toEqual([
      undefined,
      expect.stringContaining("rebuilding"),
      expect.stringContaining("too_expensive"),
    ]);
    expect(waits).toBe(2 + 10);
  });

  it("[LC-6] [ER-5] waits as long as the server says, and not for more than a minute in all", async () => {
    const busy = (retryAfter: number) => [503, { code: "overloaded", retryAfter }] as [number, object];
    const asked = async (...answers: [number, object][]) => {
      const server = await serverWith({ "/v1/partitions/room/verify": answers });
      const { reported, pauses } = await all(server.url, { partition: "room" });
      return [server.asked.length, pauses, reported[0]!.refused === undefined];
    };
    // Each time it has folded the whole log in vain.
    expect(await asked(busy(60))).toEqual([2, [60_000], false]);
    expect(await asked(busy(60), verified(9, true))).toEqual([2, [60_000], true]);
    expect(await asked(busy(25), busy(25), verified(4, false), busy(25), verified(9, true))).toEqual([
      5,
      [25_000, 25_000, 25_000],
      true,
    ]);
  });

  it("[LC-6] [AU-5] goes on after a rate that it has exceeded, and says where the directory is full", async () => {
    const tooMany = [429, { code: "rate_limited" }] as [number, object];
    const names = [{ partition: "a" }, { partition: "b" }];
    const server = await serverWith({
      "/v1/partitions": [tooMany, [200, { partitions: names, incomplete: true }]],
      "/v1/partitions/a/verify": [tooMany, tooMany, verified(9, true)],
      "/v1/partitions/b/verify": [verified(9, true)],
    });
    const { reported, waits, fulls } = await all(server.url, { prefix: "" });
    expect(reported.map(({ name, refused }) => [name, refused])).toEqual([
      ["a", undefined],
      ["b", undefined],
    ]);
    expect([waits, fulls]).toEqual([3, 1]);
    const refused = await serverWith({ "/v1/partitions": [tooMany] });
    await expect(all(refused.url, { prefix: "" })).rejects.toThrow("rate_limited");
  });

  it(
    "[LC-6] waits for a long log, and ends where a verification begins again and again",
    { timeout: 5_000 },
    async () => {
      const again = Array.from({ length: 100 }, () => [verified(3, false), verified(6, false)]).flat();
      const server = await serverWith({
        "/v1/partitions": [[200, { partitions: [{ partition: "long" }, { partition: "stuck" }] }]],
        // Its object ends once, after which the verification needs many answers to come as far again.
        "/v1/partitions/long/verify": [
          ...Array.from({ length: 40 }, (_, at) => verified(at + 1, false)),
          ...Array.from({ length: 50 }, (_, at) => verified(at + 1, at === 49)),
        ],
        "/v1/partitions/stuck/verify": [...again, verified(9, true)],
      });
      const { reported } = await all(server.url, { prefix: "" });
      expect(reported).toEqual([
        { name: "long", eventId: 50, found: [] },
        { name: "stuck", eventId: expect.any(Number), found: [], refused: "it does not come to an end" },
      ]);
    },
  );
});
