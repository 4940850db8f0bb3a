import { describe, expect, it } from "vitest";
import { type AnyModel } from "../../../src/model/index.ts";
import { text, textIn, type Texts } from "../../../src/models/text/index.ts";
import { BilledDriver } from "../../bench/billed-driver.ts";
import { room } from "../../support/merging-room.ts";
import { TestPartition } from "../../support/partition.ts";
import { editOfKey, keysIn, withKey } from "../../support/text-keys.ts";
import { Typist } from "../../support/typist.ts";

/** Events; `npm run text-history` has a million. */
const many = 20_000;
const few = 1_000;
const begun = "a few words ".repeat(1_000);
/** Drafts of a batch. */
const together = 250;

/** A partition with a history of the given number of keys, all in one text of one length. */
async function grown(count: number) {
  const partition = room();
  const writer = partition.as("writer");
  const expected = { text: begun, head: 0 };
  const submit = async (payload: ReturnType<typeof editOfKey>) =>
    writer.submit("edit", payload, { key: `k${expected.head}`, expectedEventId: expected.head++ });
  await submit(editOfKey({ at: 0, deleted: 0, insert: begun }, 0));
  return {
    partition,
    expected,
    async grow() {
      let drafts = [];
      for (const key of keysIn(begun.length, count)) {
        const { head } = expected;
        drafts.push({
          type: "edit" as const,
          payload: editOfKey(key, expected.text.length),
          key: `k${head}`,
          expectedEventId: head,
        });
        expected.text = withKey(expected.text, key);
        expected.head++;
        if (drafts.length < together && expected.head <= count) continue;
        const { status } = await writer.submitBatch("sequential", drafts, { key: `b${expected.head}` });
        if (status !== "accepted") throw new Error(`a batch is ${status}`);
        drafts = [];
        // The snapshots that are due are written.
        await partition.advance(1_000);
      }
      // The text has another length than at its beginning.
      const first = { at: 0, deleted: 0, insert: "grown: " };
      await submit(editOfKey(first, expected.text.length));
      expected.text = withKey(expected.text, first);
    },
  };
}

describe("a text with a long history", () => {
  it("[CL-1] [CL-7] [MD-9] is opened by its last snapshot, and takes what was typed before all of it", async () => {
    const { partition, expected, grow } = await grown(many);
    const bob = new Typist(await partition.connect("bob"));
    await partition.settle();
    bob.device.cut();
    bob.type(begun.length, " and bob's end");
    await grow();
    expect(await partition.log()).toHaveLength(many + 2);

    const ada = new Typist(await partition.connect("ada"));
    let received = 0;
    ada.device.client.on("confirmed", ({ events }) => (received += events.length));
    await partition.settle();
    expect([ada.document.value === expected.text, ada.device.client.eventId]).toEqual([true, many + 2]);
    // The rest of it is in the state that she was sent.
    expect(received).toBeLessThan(few);

    bob.device.restore();
    await partition.settle();
    const whole = `${expected.text} and bob's end`;
    expect([ada.document.value, bob.shown, bob.document.value].map((shown) => shown === whole)).toEqual(
      Array(3).fill(true),
    );
    expect(bob.document.lost).toEqual([]);
    partition.restart();
    await partition.settle();
    expect(textIn((await partition.state()).texts, "d") === whole).toBe(true);
  }, 60_000);

  it("[BD-1] [MD-9] [TX-7] costs as much work and as many rows a key as a short one; what was made on its first events is too stale", () => {
    const [short, long] = [few, many].map((count) => {
      const driver = new BilledDriver();
      const partition = new TestPartition({ model: text as AnyModel, name: "text:1", driver });
      const writer = partition.client("writer");
      let shown = "";
      let head = 0;
      const submit = (key: Parameters<typeof withKey>[1], expectedEventId = head) => {
        // Below the rate of a client.
        partition.now += 1_000;
        const payload = editOfKey(key, shown.length);
        const answer = writer.submit(`k${head}-${expectedEventId}`, "edit", payload, { expectedEventId });
        writer.frames.length = writer.received.length = 0;
        if (answer.type !== "event_accepted") return answer.payload.reason as string;
        head++;
        shown = withKey(shown, key);
        return "accepted";
      };
      submit({ at: 0, deleted: 0, insert: begun });
      for (const key of keysIn(begun.length, count)) submit(key);
      partition.runDue();
      const [written, read] = [driver.rowsWritten, driver.rowsRead];
      const keys = 200;
      for (const key of keysIn(shown.length, keys)) submit(key);
      const rowsWritten = (driver.rowsWritten - written) / keys;
      const rowsRead = (driver.rowsRead - read) / keys;
      const stateBytes = JSON.stringify(partition.state()).length;
      const served = () => textIn((partition.state() as { texts: Texts }).texts, "d");
      partition.restart();
      expect(served() === shown).toBe(true);
      const late = { at: 0, deleted: 0, insert: "late" };
      const stale = [submit(late, head - 1_001), submit(late, head - 1_000)];
      // What the first of them had typed at the beginning stands before it.
      expect(served().replace("late", "") === shown.slice(late.insert.length)).toBe(true);
      return { rowsWritten, rowsRead, stateBytes, stale, head };
    });
    expect(long!.head - short!.head).toBe(many - few);
    expect([short!.rowsWritten, long!.rowsWritten]).toEqual([2, 2]);
    expect(long!.rowsRead).toBeLessThanOrEqual(1.1 * short!.rowsRead);
    expect(long!.stateBytes).toBeLessThan(1.2 * short!.stateBytes);
    for (const { stale } of [short!, long!]) expect(stale).toEqual(["too_stale", "accepted"]);
  }, 60_000);
});
