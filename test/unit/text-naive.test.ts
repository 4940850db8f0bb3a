import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AnyModel } from "../../src/model/index.ts";
import { text, type TextEdit, textIn, type Texts } from "../../src/models/text/index.ts";
import {
  naiveApply,
  naiveJoin,
  naiveMap,
  naiveMerge,
  naiveOf,
  type NaiveOperation,
  naiveSplits,
} from "../support/naive-text.ts";
import { TestPartition } from "../support/partition.ts";

const { map } = text.events.edit.transform!;
const clients = ["a", "b", "c", "d", "e"];

/** Texts with characters of one unit, of two, and of several that are shown as one. */
const words = fc
  .array(fc.constantFrom("x", "y", " ", "\n", "é", "e\u0301", "😀", "👩‍👩‍👧", "\u0301"), { maxLength: 4 })
  .map((parts) => parts.join(""));

/** Changes of a text of any length: fractions of it, so that some begin or end inside a surrogate pair. */
const picks = fc.array(
  fc.record({ gap: fc.double({ min: 0, max: 1, noNaN: true }), deleted: fc.nat(4), insert: words }),
  { minLength: 1, maxLength: 3 },
);
type Picks = typeof picks extends fc.Arbitrary<infer T> ? T : never;

/** The payload of such changes, part by part. */
function sentOf(length: number, of: Picks): TextEdit["changes"] {
  const sent: TextEdit["changes"] = [];
  let left = length;
  for (const { gap, deleted, insert } of of) {
    // Changes that touch each other are one.
    const kept = Math.max(Math.floor(gap * left), sent.length > 0 ? 1 : 0);
    if (kept > left) break;
    const gone = Math.min(deleted, left - kept);
    if (gone === 0 && insert === "") continue;
    if (kept > 0) sent.push(kept);
    sent.push(insert === "" ? [gone] : [gone, ...insert.split("\n")]);
    left -= kept + gone;
  }
  if (left > 0) sent.push(left);
  return sent;
}

const changes = (sent: TextEdit["changes"]) => sent.some((part) => typeof part !== "number");

describe("merged text, judged by a naive reference", () => {
  it("[TX-7] [MD-9] maps each of two changes over the other to the text that the reference merges, for surrogate pairs and combining marks, too", () => {
    fc.assert(
      fc.property(words, words, picks, picks, fc.boolean(), (one, other, ofA, ofB, aFirst) => {
        const doc = one + other + one;
        const [a, b] = [sentOf(doc.length, ofA), sentOf(doc.length, ofB)];
        fc.pre(changes(a) && changes(b));
        const [naiveA, naiveB] = [naiveOf(a), naiveOf(b)];
        const merged = naiveMerge(doc, naiveA, naiveB, aFirst);
        const event = (sent: TextEdit["changes"]) => ({ type: "edit", payload: { doc: "d", changes: sent } });
        const mapped = (sent: TextEdit["changes"], over: TextEdit["changes"], first: boolean) =>
          naiveOf((map({ doc: "d", changes: sent }, event(over), first) as TextEdit).changes);
        // Both ways around the square: TP1.
        expect(naiveApply(naiveApply(doc, naiveB), mapped(a, b, aFirst))).toBe(merged);
        expect(naiveApply(naiveApply(doc, naiveA), mapped(b, a, !aFirst))).toBe(merged);
        // The reference agrees with itself.
        expect(naiveApply(naiveApply(doc, naiveB), naiveMap(naiveA, naiveB, aFirst))).toBe(merged);
      }),
      { numRuns: runsOf(1_500) },
    );
  });

  it("[TX-7] [MD-9] has at the server what the reference has, for 2 to 5 clients that do not know the last events, and rejects what it rejects", () => {
    const draft = fc.record({ client: fc.nat(4), behind: fc.nat(6), picks });
    let rejected = 0;
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), fc.array(draft, { minLength: 1, maxLength: 16 }), (count, drafts) => {
        const partition = new TestPartition({ model: text as AnyModel, name: "text:1" });
        const connections = clients.slice(0, count).map((name) => partition.client(name));
        /** The text after each event, and who has made it how. */
        const texts = [""];
        const log: { client: string; operation: NaiveOperation }[] = [];
        for (const [at, { client, behind, picks: of }] of drafts.entries()) {
          const name = clients[client % count]!;
          const expected = Math.max(log.length - behind, 0);
          const sent = sentOf(texts[expected]!.length, of);
          if (!changes(sent)) continue;
          let operation = naiveOf(sent);
          for (let over = expected; over < log.length; over++) {
            const { client: other, operation: theirs } = log[over]!;
            operation = naiveJoin(naiveMap(operation, theirs, name < other));
          }
          const now = texts.at(-1)!;
          const splits = naiveSplits(now, operation);
          partition.now += 1_000;
          const payload = { doc: "d", changes: sent };
          const { type } = connections[client % count]!.submit(`k${at}`, "edit", payload, {
            expectedEventId: expected,
          });
          expect(type).toBe(splits ? "event_rejected" : "event_accepted");
          if (splits) {
            rejected++;
            continue;
          }
          log.push({ client: name, operation });
          texts.push(naiveApply(now, operation));
          expect(textIn((partition.state() as { texts: Texts }).texts, "d")).toBe(texts.at(-1));
        }
      }),
      { numRuns: runsOf(60) },
    );
    expect(rejected).toBeGreaterThan(0);
  });
});

/** `PARTITA_RUNS`: how many times more. */
function runsOf(usual: number): number {
  return usual * Number(process.env["PARTITA_RUNS"] ?? 1);
}
