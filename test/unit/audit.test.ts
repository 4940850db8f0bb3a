import { createHash } from "node:crypto";
import { CompactSign, exportJWK, generateKeyPair } from "jose";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { hexOf } from "../../src/core/hex.ts";
import { consistencyOf, leafHash, nodeHash, nodesEndingWith, pathOf, rootOf } from "../../src/core/audit/merkle.ts";
import { type AuditKey, checkEntry, checkGrowth } from "../../src/models/ledger/index.ts";
import { sha256 } from "../../src/platform/hash.ts";
import { type AuditedEvent, type AuditHead, leafText, segmentEvents } from "../../src/protocol/index.ts";

/** The Merkle tree hash as RFC 6962, 2.1, defines it. */
function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!;
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  return nodeHash(sha256, treeHash(leaves.slice(0, left)), treeHash(leaves.slice(left)));
}

/** A log in memory, and its nodes as the storage has them. */
class Log {
  readonly events: AuditedEvent[];
  readonly leaves: Uint8Array[];
  readonly nodes: Uint8Array[][] = [];
  readonly nodeOf = (last: number, level: number) => this.nodes[last]![level]!;

  readonly segments: number;
  readonly name: string;

  constructor(segments: number, name: string) {
    this.segments = segments;
    this.name = name;
    this.events = Array.from({ length: segments * segmentEvents }, (_, at) => ({
      eventId: at + 1,
      partition: "book",
      type: "transfer",
      timestamp: 1_700_000_000_000 + at,
      clientId: "c",
      author: `user-${at % 7}`,
      payload: { transfer: `${name}-${at}`, memo: "Grüße 😀" },
    }));
    this.leaves = this.events.map((event) => leafHash(sha256, leafText(event)));
    for (let at = 0; at < segments; at++) {
      this.nodes.push(nodesEndingWith(sha256, at, this.segmentLeaves(at), this.nodeOf));
    }
  }

  segmentLeaves(segment: number): Uint8Array[] {
    return this.leaves.slice(segment * segmentEvents, (segment + 1) * segmentEvents);
  }

  head(segments = this.segments): AuditHead {
    const root = hexOf(rootOf(sha256, segments, this.nodeOf));
    const size = segments * segmentEvents;
    return { tenant: "default", partition: "book", logId: this.name, size, root, timestamp: 1_700_000_000_000 };
  }

  path(index: number, segments = this.segments): string[] {
    const leaves = this.segmentLeaves(Math.floor(index / segmentEvents));
    return pathOf(sha256, index, segments, leaves, this.nodeOf).map(hexOf);
  }

  entry(index: number, segments = this.segments) {
    return { event: this.events[index]!, path: this.path(index, segments) };
  }
}

const log = new Log(7, "one");
const other = new Log(7, "two");

describe("the Merkle tree of a log", () => {
  it("[MD-9] is that of RFC 6962 at every number of segments", () => {
    for (let segments = 1; segments <= log.segments; segments++) {
      const whole = treeHash(log.leaves.slice(0, segments * segmentEvents));
      expect(log.head(segments).root).toBe(hexOf(whole));
    }
    const bytes = Buffer.concat([Buffer.from([0]), Buffer.from(leafText(log.events[0]!))]);
    expect(hexOf(log.leaves[0]!)).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  it("[MD-9] has leaves over what a reader gets, in a fixed text", () => {
    const event = {
      eventId: 7,
      partition: "book",
      type: "close",
      timestamp: 5,
      clientId: "c",
      payload: { account: 'ü"' },
    };
    const text = '[7,"book","close",1,5,"c",null,{"account":"ü\\""}]';
    expect(leafText(event)).toBe(text);
    expect(leafText({ ...event, version: 1, author: undefined, payload: '{"account":"ü\\""}' })).toBe(text);
    expect(leafText({ ...event, version: 2, author: "a" })).toContain('"close",2,5,"c","a",');
  });
});

describe.each(["ES256", "EdDSA"])("a check of an entry by a head of %s", (alg) => {
  let keys: AuditKey[];
  let sign: (head: object, typ?: string) => Promise<string>;

  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const { publicKey: older } = await generateKeyPair("ES256", { extractable: true });
    keys = [
      { ...(await exportJWK(older)), kid: "older" } as AuditKey,
      { ...(await exportJWK(publicKey)), kid: "k" } as AuditKey,
    ];
    sign = (head, typ = "partita-audit-head") =>
      new CompactSign(new TextEncoder().encode(JSON.stringify(head)))
        .setProtectedHeader({ alg, kid: "k", typ })
        .sign(privateKey);
  });

  it("[MD-9] proves every entry, by every head that covers it", async () => {
    const heads = await Promise.all(Array.from({ length: 7 }, (_, at) => sign(log.head(at + 1))));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 7 }), fc.nat(), async (segments, seed) => {
        const index = seed % (segments * segmentEvents);
        const result = await checkEntry(log.entry(index, segments), heads[segments - 1]!, keys);
        expect(result).toEqual({ proven: true, head: log.head(segments) });
      }),
      { numRuns: 200 },
    );
    for (const index of [0, 1_023, 1_024, 6 * 1_024, 7 * 1_024 - 1]) {
      expect(await checkEntry(log.entry(index), heads[6]!, keys)).toMatchObject({ proven: true });
    }
  });

  it("[MD-9] does not prove an entry in which anything differs", async () => {
    const head = await sign(log.head());
    const flipped = (text: string, at: number) =>
      `${text.slice(0, at)}${text[at] === "a" ? "b" : "a"}${text.slice(at + 1)}`;
    await fc.assert(
      fc.asyncProperty(fc.nat(log.events.length - 1), fc.nat(), async (index, seed) => {
        const { event, path } = log.entry(index);
        const [node, digit] = [seed % path.length, seed % 64];
        const payload = JSON.stringify(event.payload);
        const changed: { event: AuditedEvent; path: string[] }[] = [
          { event, path: path.with(node, flipped(path[node]!, digit)) },
          { event, path: path.slice(1) },
          { event, path: path.slice(0, -1) },
          { event, path: [...path, path[0]!] },
          { event: { ...event, payload: flipped(payload, seed % payload.length) }, path },
          { event: { ...event, timestamp: event.timestamp + 1 }, path },
          { event: { ...event, type: "post" }, path },
          { event: { ...event, version: 2 }, path },
          { event: { ...event, author: "mallory" }, path },
          { event: { ...event, author: undefined }, path },
          { event: { ...event, clientId: "d" }, path },
          { event: { ...event, eventId: (event.eventId % log.events.length) + 1 }, path },
          { event: other.events[index]!, path },
          other.entry(index),
        ];
        for (const entry of changed) {
          expect(await checkEntry(entry, head, keys)).toMatchObject({ proven: false, fault: "not_in_log" });
        }
      }),
      { numRuns: 30 },
    );
  });

  it("[MD-9] does not take a node of the tree for a leaf, nor a path of another size", async () => {
    const head = await sign(log.head());
    const { event } = log.entry(0);
    expect(await checkEntry({ event, path: log.path(0).slice(1) }, head, keys)).toMatchObject({ fault: "not_in_log" });
    expect(await checkEntry(log.entry(0, 5), head, keys)).toMatchObject({ fault: "not_in_log" });
    const larger = await sign({ ...log.head(1), size: 2 * segmentEvents });
    expect(await checkEntry(log.entry(0, 1), larger, keys)).toMatchObject({ fault: "not_in_log" });
    expect(await checkEntry(log.entry(7 * 1_024 - 1), await sign(log.head(6)), keys)).toMatchObject({
      fault: "not_covered",
    });
  });

  it("[MD-9] proves that a log has grown, from every head to every later one, and nothing else", async () => {
    const heads = await Promise.all(Array.from({ length: 7 }, (_, at) => sign(log.head(at + 1))));
    const pathOfGrowth = (from: number, to: number) => consistencyOf(sha256, from, to, log.nodeOf).map(hexOf);
    const check = (from: number, to: number, path: string[], later = heads[to - 1]!) =>
      checkGrowth({ earlier: heads[from - 1]!, head: later, path }, keys);
    const notGrown = { proven: false, fault: "not_grown" };
    for (let from = 1; from <= 7; from++) {
      for (let to = from; to <= 7; to++) {
        const path = pathOfGrowth(from, to);
        expect(await check(from, to, path)).toEqual({ proven: true, earlier: log.head(from), head: log.head(to) });
        expect(await check(from, to, [...path, "0".repeat(64)])).toEqual(notGrown);
        if (from < to) {
          expect(await check(to, from, path)).toEqual(notGrown);
          expect(await check(from, to, path.slice(1))).toEqual(notGrown);
          expect(await check(from, to, path.slice(0, -1))).toEqual(notGrown);
          for (const at of path.keys()) expect(await check(from, to, path.with(at, "f".repeat(64)))).toEqual(notGrown);
        }
        // A log in which something was changed, however its server proves it.
        const changed = await sign({ ...other.head(to), logId: "one" });
        const forged = consistencyOf(sha256, from, to, other.nodeOf).map(hexOf);
        for (const given of [path, forged]) expect(await check(from, to, given, changed)).toEqual(notGrown);
      }
    }
    expect(await check(1, 7, pathOfGrowth(1, 7), await sign(other.head()))).toMatchObject({ fault: "other_partition" });
    const growth = { earlier: heads[0]!, head: heads[6]!, path: pathOfGrowth(1, 7) };
    expect(await checkGrowth(growth, keys, { tenant: "acme" })).toMatchObject({ fault: "other_partition" });
    expect(await checkGrowth(growth, [])).toMatchObject({ fault: "unknown_key" });
    expect(await checkGrowth({ ...growth, path: ["x"] }, keys)).toEqual(notGrown);
  });

  it("[MD-9] says what is wrong with a head", async () => {
    const entry = log.entry(3);
    const head = await sign(log.head());
    const [header, payload, signature] = head.split(".") as [string, string, string];
    const forged = Buffer.from(JSON.stringify(other.head())).toString("base64url");
    const bytes = Buffer.from(signature, "base64url");
    for (let at = 0; at < bytes.length; at += 7) {
      const broken = Buffer.from(bytes);
      broken[at]! ^= 1;
      const text = `${header}.${payload}.${broken.toString("base64url")}`;
      expect(await checkEntry(entry, text, keys)).toMatchObject({ fault: "bad_signature" });
    }
    const faults: [string, Promise<unknown>][] = [
      ["bad_signature", checkEntry(entry, `${header}.${forged}.${signature}`, keys)],
      ["unknown_key", checkEntry(entry, head, keys.slice(0, 1))],
      ["unknown_key", checkEntry(entry, head, [])],
      ["bad_head", checkEntry(entry, await sign(log.head(), "JWT"), keys)],
      ["bad_head", checkEntry(entry, "no.jws", keys)],
      ["bad_head", checkEntry(entry, `${head}.x`, keys)],
      ["other_partition", checkEntry(entry, await sign({ ...log.head(), partition: "bank" }), keys)],
      ["other_partition", checkEntry(entry, head, keys, { logId: "two" })],
      ["other_partition", checkEntry(entry, head, keys, { tenant: "acme" })],
    ];
    for (const [fault, result] of faults) expect(await result).toMatchObject({ proven: false, fault });
    const all = { tenant: "default", partition: "book", logId: "one" };
    expect(await checkEntry(entry, head, keys, all)).toMatchObject({ proven: true });
  });
});
