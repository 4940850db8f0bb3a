import { ChangeDesc, ChangeSet, Text } from "@codemirror/state";
import * as fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { testPartition } from "../../../src/testing/index.ts";
import { text } from "../../../src/models/text/index.ts";
import { TextHistory } from "../../../src/text/history.ts";
import { textOf as served } from "../../support/merging-judge.ts";
import { room } from "../../support/merging-room.ts";
import { Typist } from "../../support/typist.ts";

async function two() {
  const partition = room();
  const [ada, bob] = [new Typist(await partition.connect("ada")), new Typist(await partition.connect("bob"))];
  /** Longer than a pause in typing. */
  const pause = () => partition.advance(501);
  return { partition, ada, bob, pause };
}

describe("undoing what was typed", () => {
  it("[CL-11] [MD-9] takes what was typed without a pause back as one step, and leaves what others have typed into it", async () => {
    const { partition, ada, bob, pause } = await two();
    ada.type(0, "one ");
    await pause();
    for (const [at, letter] of [..."two"].entries()) ada.type(4 + at, letter);
    await partition.settle();
    bob.type(5, "BOB");
    await partition.settle();
    expect(ada.shown).toBe("one tBOBwo");
    expect(ada.document.undo()).toBe(true);
    expect(ada.shown).toBe("one BOB");
    expect(bob.document.canRedo).toBe(false);
    await partition.settle();
    expect([ada.shown, bob.shown, await served(partition)]).toEqual(Array(3).fill("one BOB"));
    expect(ada.document.undo()).toBe(true);
    expect([ada.document.undo(), ada.document.canUndo]).toEqual([false, false]);
    expect(ada.shown).toBe("BOB");
    expect([ada.document.redo(), ada.document.redo(), ada.document.redo()]).toEqual([true, true, false]);
    await partition.settle();
    expect([ada.shown, bob.shown]).toEqual(Array(2).fill("one tBOBwo"));
  });

  it("[CL-11] brings back what was deleted, where it was, and nothing that others have deleted", async () => {
    const { partition, ada, bob } = await two();
    bob.type(0, "the quick fox");
    await partition.settle();
    ada.type(4, "", 6);
    ada.type(0, "See ");
    await partition.settle();
    bob.type(0, "", 4);
    bob.type(0, "> ");
    await partition.settle();
    expect(ada.shown).toBe("> the fox");
    // What is left of this step is nothing: Bob has deleted it.
    ada.document.undo();
    await partition.settle();
    expect([ada.shown, bob.shown]).toEqual(Array(2).fill("> the quick fox"));
    expect(ada.document.canUndo).toBe(false);
  });

  it("[CL-11] ends a step where the user goes to another place, and what can be redone with a new change", async () => {
    const { ada, bob, partition } = await two();
    bob.type(0, "-");
    await partition.settle();
    ada.type(1, "ab");
    ada.type(3, "cd");
    ada.type(0, "x");
    expect(ada.shown).toBe("x-abcd");
    ada.document.undo();
    expect(ada.shown).toBe("-abcd");
    ada.document.undo();
    expect(ada.shown).toBe("-");
    ada.type(0, "new");
    expect(ada.document.redo()).toBe(false);
    expect(ada.shown).toBe("new-");
  });

  it("[CL-11] redoes a step where it is now, although others have changed the text since it was undone", async () => {
    const { partition, ada, bob, pause } = await two();
    ada.type(0, "one");
    await pause();
    ada.type(3, " two");
    await partition.settle();
    ada.document.undo();
    await partition.settle();
    bob.type(0, "> ");
    await partition.settle();
    expect(ada.document.redo()).toBe(true);
    await partition.settle();
    expect([ada.shown, bob.shown]).toEqual(Array(2).fill("> one two"));
  });

  it("[CL-11] [BD-1] keeps 200 steps, of 4 Mi units, and always the newest", () => {
    const kept = (steps: number, units: number) => {
      const history = new TextHistory();
      const back = ChangeSet.of({ from: 0, insert: "x".repeat(units) }, 0);
      for (let at = 0; at < steps; at++) history.add(back, at * 1_000);
      let undone = 0;
      while (history.run("undo", () => ChangeSet.empty(0))) undone++;
      return undone;
    };
    const mi = 1024 * 1024;
    expect([kept(199, 1), kept(201, 1), kept(4, mi), kept(5, mi), kept(2, 5 * mi)]).toEqual([199, 200, 4, 4, 1]);
  });

  it("[CL-11] [CL-12] costs little for each change of others, however many places they have changed since", () => {
    const history = new TextHistory();
    const count = 4_000;
    const before = "some words ".repeat(2_000);
    let shown = Text.of([before]);
    const change = (at: number, insert: string, deleted = 0) => {
      const changes = ChangeSet.of({ from: at, to: at + deleted, insert }, shown.length);
      const back = changes.invert(shown);
      shown = changes.apply(shown);
      return { changes, back };
    };
    history.add(change(100, "FIRST").back, 0);
    history.add(change(before.length, "SECOND").back, 10_000);
    let parts = 0;
    const { composeDesc } = ChangeDesc.prototype;
    const compose = vi.spyOn(ChangeDesc.prototype, "composeDesc").mockImplementation(function (
      this: ChangeDesc,
      other,
    ) {
      parts += this.toJSON().length + other.toJSON().length;
      return composeDesc.call(this, other);
    });
    onTestFinished(() => compose.mockRestore());
    for (let key = 0; key < count; key++) history.map(change((key * 7_919) % shown.length, "x").changes);
    expect(parts).toBeLessThan(count * 100);
    const undo = (changes: ChangeSet) => {
      const back = changes.invert(shown);
      shown = changes.apply(shown);
      return back;
    };
    expect([history.run("undo", undo), history.run("undo", undo), history.run("undo", undo)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(shown.toString().replaceAll("x", "")).toBe(before);
  });

  it("[CL-11] [CL-1] undoes what was not sent, and shows the change to the editor", async () => {
    const { partition, ada, bob } = await two();
    ada.type(0, "old");
    await partition.settle();
    ada.device.cut();
    await partition.advance(1_000);
    ada.type(3, " unsent");
    bob.type(0, "very ");
    ada.document.undo();
    expect(ada.shown).toBe("old");
    ada.device.restore();
    await partition.settle();
    expect([ada.shown, bob.shown]).toEqual(Array(2).fill("very old"));
  });

  it("[CL-11] forgets what it could undo when the server has rejected a change", async () => {
    const partition = testPartition(text, { seed: 1, name: "text-1" });
    const ada = new Typist(await partition.connect("ada"));
    const reader = new Typist(await partition.connect("bob", { permissions: ["read"] }));
    ada.type(0, "hello");
    await partition.settle();
    reader.type(0, "", 5);
    expect([reader.shown, reader.document.canUndo]).toEqual(["", true]);
    await partition.settle();
    expect([reader.shown, reader.document.canUndo, reader.document.undo()]).toEqual(["hello", false, false]);
  });

  it("[CL-1] [MD-9] sends a paste that does not fit a frame in several drafts, and undoes it as one step", async () => {
    const { partition, ada, bob, pause } = await two();
    const paste = "0123456😀89\u0001".repeat(8_000);
    ada.type(0, "[]");
    await pause();
    ada.type(1, paste, 1);
    await partition.settle();
    expect(bob.shown === `[${paste}`).toBe(true);
    expect(ada.device.client.rejected).toEqual([]);
    ada.document.undo();
    await partition.settle();
    expect(bob.shown).toBe("[]");
    ada.document.redo();
    await partition.settle();
    expect(bob.shown === `[${paste}`).toBe(true);
  });

  it("[CL-11] shows the editor what the text is, where the client has refused a change", async () => {
    const { partition, ada } = await two();
    ada.type(0, "a😀b");
    await partition.settle();
    // Half a character.
    const verdict = ada.document.submit(ChangeSet.of({ from: 2, to: 3 }, 4));
    expect(await verdict).toMatchObject({ status: "rejected", local: true });
    expect([ada.replaced, ada.shown]).toEqual([1, "a😀b"]);
  });

  it("[CL-11] leaves nothing of a user who undoes everything, and all of the others, whatever happens meanwhile", async () => {
    const step = fc.record({
      who: fc.nat(2),
      at: fc.nat(30),
      deleted: fc.nat(3),
      count: fc.nat(3),
      after: fc.constantFrom("", "", "settle", "pause", "cut", "restore", "undo", "redo"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const partition = room();
        const all: Typist[] = [];
        for (const name of ["b", "a", "c"]) all.push(new Typist(await partition.connect(name)));
        const [ada] = all as [Typist];
        let typedByOthers = "";
        for (const { who, at, deleted, count, after } of steps) {
          const typist = all[who]!;
          // Only Ada deletes; what is hers is the letter `a`.
          const insert =
            who === 0 ? "a".repeat(count) : String.fromCharCode(0x4e00 + typedByOthers.length).repeat(count);
          if (who > 0) typedByOthers += insert;
          typist.type(at, insert, who === 0 ? deleted : 0);
          if (after === "settle") await partition.settle();
          else if (after === "pause") await partition.advance(501);
          else if (after === "cut") typist.device.cut();
          else if (after === "restore") typist.device.restore();
          else if (after === "undo") ada.document.undo();
          else if (after === "redo") ada.document.redo();
        }
        for (const { device } of all) device.restore();
        await partition.settle();
        while (ada.document.undo()) ada.check();
        await partition.settle();
        const expected = await served(partition);
        for (const { shown } of all) if (shown !== expected) throw new Error("they differ");
        if (expected.includes("a")) throw new Error(`something of Ada is left: ${expected}`);
        const left = [...expected].sort().join("");
        if (left !== [...typedByOthers].sort().join("")) throw new Error(`of the others is left: ${expected}`);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
