import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { room } from "../../support/merging-room.ts";
import { Typist } from "../../support/typist.ts";

/** Longer than presence takes: it is sent at most every 50 ms, and passed on every 50 ms. */
const presenceMs = 1_000;

async function typists(...names: string[]) {
  const partition = room();
  const all: Typist[] = [];
  for (const name of names) all.push(new Typist(await partition.connect(name, { presence: true }), { presence: true }));
  const settle = async () => {
    await partition.settle();
    await partition.advance(presenceMs);
    await partition.settle();
  };
  return { partition, all, settle };
}

/** Where `typist` shows the others, by name. */
function shownTo({ document }: Typist) {
  return Object.fromEntries(document.cursors.map(({ more, anchor, head }) => [more!["name"], { anchor, head }]));
}

describe("cursors in one text", () => {
  it("[CL-8] [MD-9] are where their users have put them, and move with what is typed, without being sent again", async () => {
    const { all, settle } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    ada.type(0, "one two");
    await settle();
    ada.select(3, 7);
    await settle();
    expect(shownTo(bob)).toEqual({ ada: { anchor: 7, head: 3 } });
    bob.type(0, "zero ");
    expect(shownTo(bob)).toEqual({ ada: { anchor: 12, head: 8 } });
    await settle();
    expect(shownTo(bob)).toEqual({ ada: { anchor: 12, head: 8 } });
    bob.type(8, "", 4);
    await settle();
    // What she had selected is gone: it is a caret.
    expect([bob.shown, shownTo(bob)]).toEqual(["zero one", { ada: { anchor: 8, head: 8 } }]);
    expect(ada.selection).toEqual({ anchor: 8, head: 8 });
  });

  it("[CL-8] follow who types by the events alone, as presence is late", async () => {
    const { partition, all, settle } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    bob.type(0, "ab");
    await settle();
    ada.select(1);
    await settle();
    const sent: unknown[] = [];
    const { client } = ada.device;
    const show = client.setPresence.bind(client);
    client.setPresence = (state) => {
      sent.push(state);
      show(state);
    };
    for (const [at, letter] of [..."typed"].entries()) ada.type(1 + at, letter);
    // It is not in the confirmed text yet.
    expect(shownTo(bob)).toEqual({ ada: { anchor: 1, head: 1 } });
    await partition.settle();
    expect([bob.shown, shownTo(bob)]).toEqual(["atypedb", { ada: { anchor: 6, head: 6 } }]);
    expect(sent).toEqual([]);
    // She goes back into what she has typed, before that is confirmed.
    ada.type(6, "more");
    ada.select(8);
    await settle();
    expect([bob.shown, shownTo(bob)]).toEqual(["atypedmoreb", { ada: { anchor: 8, head: 8 } }]);
  });

  it("[CL-8] are shown to who comes later, and not after their users have left", async () => {
    const { partition, all, settle } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    ada.type(0, "hello");
    ada.select(2);
    await settle();
    bob.type(0, "> ");
    await settle();
    const eve = new Typist(await partition.connect("eve", { presence: true }), { presence: true });
    await settle();
    expect(shownTo(eve)).toEqual({ ada: { anchor: 4, head: 4 } });
    let news = 0;
    eve.document.onCursors(() => news++);
    ada.document.close();
    await settle();
    expect([shownTo(eve), news > 0]).toEqual([{}, true]);
  });

  it("[CL-8] are in the document that was selected in last, of several that a client has open", async () => {
    const { all, settle } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    const [other, otherOfBob] = [ada, bob].map(({ device }) => new Typist(device, { doc: "other", presence: true }));
    ada.type(0, "hello");
    other!.type(0, "other");
    ada.select(2);
    await settle();
    expect([shownTo(bob), shownTo(otherOfBob!)]).toEqual([{ ada: { anchor: 2, head: 2 } }, {}]);
    other!.select(3);
    bob.type(0, "> ");
    await settle();
    expect([shownTo(bob), shownTo(otherOfBob!)]).toEqual([{}, { ada: { anchor: 3, head: 3 } }]);
    // The first editor loses the focus when the second one has it.
    ada.document.select(null);
    await settle();
    expect(shownTo(otherOfBob!)).toEqual({ ada: { anchor: 3, head: 3 } });
  });

  it("[CL-8] are left out where they make no sense: of another document, of an unknown time, or not of this shape", async () => {
    const { all, settle } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    ada.type(0, "hello");
    await settle();
    const { client } = ada.device;
    const shown = [];
    for (const text of [
      { doc: "d", eventId: 1, anchor: 1, head: 2 },
      { doc: "other", eventId: 1, anchor: 1, head: 1 },
      { doc: "d", eventId: 1, anchor: 1, head: 6 },
      // An event that has not come.
      { doc: "d", eventId: 9, anchor: 1, head: 1 },
      { doc: "d", eventId: 1, anchor: -1, head: 1 },
      { doc: "d", eventId: 1, anchor: 0.5, head: 1 },
      { doc: 1 },
      null,
      7,
    ]) {
      client.setPresence({ name: "ada", text });
      await settle();
      shown.push(bob.document.cursors.length);
    }
    expect(shown).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("[CL-8] are the same for all when nothing is under way, whatever was typed and selected meanwhile", async () => {
    const step = fc.record({
      who: fc.nat(2),
      at: fc.nat(20),
      deleted: fc.nat(3),
      insert: fc.constantFrom("", "x", "yz", "😀"),
      after: fc.constantFrom("", "", "select", "range", "settle", "cut", "restore", "undo"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { all, settle, partition } = await typists("b", "a", "c");
        for (const typist of all) typist.select(0);
        for (const { who, at, deleted, insert, after } of steps) {
          const typist = all[who]!;
          typist.type(at, insert, deleted);
          if (after === "select") typist.select(at);
          else if (after === "range") typist.select(at, at + deleted + 1);
          else if (after === "settle") await partition.settle();
          else if (after === "cut") typist.device.cut();
          else if (after === "restore") typist.device.restore();
          else if (after === "undo") typist.document.undo();
        }
        for (const { device } of all) device.restore();
        await settle();
        const expected = Object.fromEntries(all.map(({ device, selection }) => [device.name, selection]));
        for (const typist of all) {
          const { name } = typist.device;
          expect({ ...shownTo(typist), [name]: expected[name] }).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
