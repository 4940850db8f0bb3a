import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeTyping, textOf as served, typing } from "../../support/merging-judge.ts";
import { room, Typist } from "../../support/typist.ts";

async function typists(...names: string[]) {
  const partition = room();
  const all = [];
  for (const name of names) all.push(new Typist(await partition.connect(name)));
  return { partition, all };
}

describe("typing in one text", () => {
  it("[CL-1] [TX-7] shows what is typed at once, and merges what two have typed at the same time", async () => {
    const { partition, all } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    ada.type(0, "world");
    expect(ada.document.value).toBe("world");
    await partition.settle();
    expect(bob.shown).toBe("world");
    ada.type(0, "hello ");
    bob.type(5, "!");
    await partition.settle();
    for (const { shown } of all) expect(shown).toBe("hello world!");
    expect(await served(partition)).toBe("hello world!");
  });

  it("[CL-1] [TX-7] merges what was typed offline, in few events", async () => {
    const { partition, all } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    ada.type(0, "one two three");
    await partition.settle();
    bob.device.cut();
    for (const [at, letter] of [..."so offline "].entries()) bob.type(4 + at, letter);
    ada.type(0, "zero ");
    ada.type(13, "", 5);
    await partition.settle();
    bob.device.restore();
    await partition.settle();
    for (const { shown } of all) expect(shown).toBe("zero one so offline two ");
    expect(await served(partition)).toBe("zero one so offline two ");
    expect((await partition.log()).filter(({ event }) => event.clientId === "bob")).toHaveLength(2);
  });

  it("[CL-1] [CL-11] [TX-7] all have the same text in the end, whatever they type and however their networks fail", async () => {
    await fc.assert(fc.asyncProperty(typing, judgeTyping), { numRuns: 40 });
  }, 60_000);
});
