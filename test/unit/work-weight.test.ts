import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../src/core/index.ts";
import { estimateOf, WorkWeights } from "../../src/core/window/work-weight.ts";
import { bounds } from "../../src/protocol/index.ts";
import { TestPartition } from "../support/partition.ts";
import { json } from "../support/state-steps.ts";

const room = new TestPartition();
const client = room.client("a");

/** The weight of the work that a frame with this payload of an event asks for, and the most that is estimated for it. */
function weigh(payload: object): { weight: number; estimate: number } {
  const event = { type: "set", payload };
  const frame = JSON.stringify({ id: "m", type: "submit_event", timestamp: 0, payload: { draftId: "d", event } });
  const command = room.codec.decode(frame) as Command;
  return {
    weight: new WorkWeights().of({ session: client.session, command }),
    estimate: estimateOf(frame.length),
  };
}

const fill = (item: (at: number) => string) => {
  const items: string[] = [];
  for (let units = 0, at = 0; units < bounds.frameBytesMax - 300; at++)
    units += items[items.push(item(at)) - 1]!.length + 1;
  return JSON.parse(`[${items.join(",")}]`) as unknown;
};
const name = (at: number) => at.toString(36);

describe("the weight of work that waits", () => {
  it.each<[string, unknown]>([
    ["empty objects", fill(() => "{}")],
    ["empty arrays", fill(() => "[]")],
    ["arrays of one item", fill(() => "[1]")],
    ["objects with one key each, all different", fill((at) => `{"${name(at)}":1}`)],
    ["objects with two keys each, all different", fill((at) => `{"${name(at)}":1,"_${name(at)}":1}`)],
    ["objects with an index each", fill((at) => `{"${at % 10}":1}`)],
    ["fractions", fill(() => ".5".padStart(3, "0"))],
    ["short texts", fill(() => '"ab"')],
  ])("[LC-10] [BD-2] is at most what is estimated by the text: %s", (_, value) => {
    const { weight, estimate } = weigh({ target: "t", value });
    expect(weight).toBeLessThanOrEqual(estimate);
  });

  it("[LC-10] [BD-2] is at most what is estimated by the text, of any JSON", () => {
    fc.assert(
      fc.property(json, (value) => {
        const { weight, estimate } = weigh({ target: "t", value });
        expect(weight).toBeLessThanOrEqual(estimate);
      }),
      { numRuns: 500 },
    );
  });

  it("[LC-10] of what is the same in all is counted once: 6,000 edits fit", () => {
    const weights = new WorkWeights();
    let sum = 0;
    for (let at = 0; at < 6_000; at++) {
      const event = { type: "set", payload: { target: `item-${at}`, value: { x: at, y: 1, title: "A title" } } };
      const frame = JSON.stringify({
        id: `m-${at}`,
        type: "submit_event",
        timestamp: 0,
        payload: { draftId: `draft-${at}`, event },
      });
      sum += weights.of({ session: client.session, command: room.codec.decode(frame) as Command });
    }
    expect(sum).toBeLessThan(bounds.queueBytesMax);
  });
});
