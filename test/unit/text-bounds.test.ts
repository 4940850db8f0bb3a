import { ChangeSet } from "@codemirror/state";
import { describe, expect, it, vi } from "vitest";
import type { AnyModel } from "../../src/model/index.ts";
import { editOf, text, textIn, type Texts } from "../../src/models/text/index.ts";
import { bounds, draftBounds } from "../../src/protocol/index.ts";
import { TestPartition } from "../support/partition.ts";

const wide = 20_000;
/** The number of events, and of the places where each of them inserts at most. */
const events = 60;
const placesMax = 145;

function room() {
  const room = new TestPartition({ model: text as AnyModel, name: "text:1" });
  const process = vi.spyOn(room.partition, "process");
  const [ann, bob] = [room.client("ann"), room.client("bob")];
  let drafts = 0;
  /** Submits, and returns the answer and the work that it took. */
  const submit = (client: typeof ann, doc: string, changes: ChangeSet, expectedEventId: number) => {
    // The rate of a principal is not what is tried here.
    room.now += 10_000;
    const answer = client.submit(`d${drafts++}`, "edit", editOf(doc, changes), { expectedEventId });
    return { answer, work: process.mock.results.at(-1)!.value.work as number };
  };
  const shown = (doc: string) => textIn((room.state() as { texts: Texts }).texts, doc);
  return { ann, bob, submit, shown };
}

const inserted = (length: number, places: number) =>
  ChangeSet.of(
    Array.from({ length: places }, (_, at) => ({ from: Math.floor((at / places) * length), insert: "ab" })),
    length,
  );

describe("what mapping a text draft costs", () => {
  it("[BD-1] [TX-7] is counted by the size that the draft has at each step: one that falls apart is too stale, and no rejection for good", () => {
    const { ann, bob, submit, shown } = room();
    submit(ann, "d", ChangeSet.of({ from: 0, insert: "x".repeat(wide) }, 0), 0);
    let length = wide;
    for (let at = 1; at <= events; at++) {
      const changes = inserted(length, placesMax);
      submit(ann, "d", changes, at);
      ({ newLength: length } = changes);
    }
    const { answer, work } = submit(bob, "d", ChangeSet.of({ from: 0, to: wide }, wide), 1);
    expect(answer.payload.reason).toBe("too_stale");
    expect(work).toBeLessThan(bounds.transformWorkMax);
    expect(shown("d")).toHaveLength(length);
    // On a newer event it is little work.
    const newer = submit(bob, "d", ChangeSet.of({ from: 0, to: length }, length), events + 1);
    expect(newer.answer.type).toBe("event_accepted");
    expect(shown("d")).toBe("");
  });

  it("[BD-1] [TX-7] is paid for where the draft is too stale, and large events after the bound are not parsed", () => {
    const { ann, bob, submit } = room();
    let length = 0;
    for (let at = 0; at < bounds.conflictEventsMax; at++) {
      const changes = ChangeSet.of({ from: 0, to: length, insert: "long ".repeat(400) }, length);
      submit(ann, "d", changes, at);
      ({ newLength: length } = changes);
    }
    // The first one reads to which text each event belongs.
    submit(bob, "d", ChangeSet.of({ from: 0, insert: "z" }, 0), 0);
    const parse = JSON.parse;
    let parsed = 0;
    JSON.parse = (...given) => (parsed++, parse(...given));
    try {
      const { answer, work } = submit(bob, "d", ChangeSet.of({ from: 0, insert: "z" }, 0), 0);
      expect(answer.payload.reason).toBe("too_stale");
      expect(work).toBeGreaterThan(0.9 * bounds.transformWorkMax);
    } finally {
      JSON.parse = parse;
    }
    expect(parsed).toBeGreaterThan(0);
    expect(parsed).toBeLessThan(0.9 * bounds.conflictEventsMax);
  });

  it("[TX-7] lets a letter through over a thousand letters of others", () => {
    const { ann, bob, submit } = room();
    for (let at = 0; at < bounds.conflictEventsMax; at++)
      submit(ann, "d", ChangeSet.of({ from: at, insert: "a" }, at), at);
    const { answer } = submit(bob, "d", ChangeSet.of({ from: 0, insert: "b" }, 0), 0);
    expect(answer.type).toBe("event_accepted");
  });

  it("[BD-1] [TX-7] commits nothing that would not fit a frame after it was mapped", () => {
    const { ann, bob, submit } = room();
    submit(ann, "d", ChangeSet.of({ from: 0, insert: "x".repeat(wide) }, 0), 0);
    submit(ann, "d", inserted(wide, 1_000), 1);
    const much = "y".repeat(draftBounds.frameBytesMax - 5_000);
    const { answer } = submit(bob, "d", ChangeSet.of({ from: 0, to: wide, insert: much }, wide), 1);
    expect(answer.payload.reason).toBe("too_stale");
  });

  it("[BD-1] [TX-7] is next to nothing over events of other texts, whose payloads are read once", () => {
    const { ann, bob, submit } = room();
    let length = 0;
    for (let at = 0; at < events; at++) {
      const changes = ChangeSet.of({ from: length, insert: "long ".repeat(100) }, length);
      submit(ann, "d", changes, at);
      ({ newLength: length } = changes);
    }
    submit(bob, "e0", ChangeSet.of({ from: 0, insert: "z" }, 0), 0);
    const parse = JSON.parse;
    let parsed = 0;
    JSON.parse = (...given) => (parsed++, parse(...given));
    try {
      const { work } = submit(bob, "e1", ChangeSet.of({ from: 0, insert: "z" }, 0), 0);
      expect(work).toBeLessThan(2 * events);
    } finally {
      JSON.parse = parse;
    }
    expect(parsed).toBeLessThan(events);
  });
});
