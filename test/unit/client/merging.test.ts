import { ChangeSet, Text } from "@codemirror/state";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { editOf, text, textIn } from "../../../src/models/text/index.ts";
import { judgeTyping, textOf as served, typing } from "../../support/merging-judge.ts";
import { room } from "../../support/merging-room.ts";
import { Typist } from "../../support/typist.ts";

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

  it("[CL-1] [CL-10] [MD-9] merges a day offline, 5,000 keys, into a document that others have edited", async () => {
    const { partition, all } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    ada.type(0, "begin end");
    await partition.settle();
    bob.device.cut();
    const diary = "0123456789".repeat(500);
    for (const [at, letter] of [...diary].entries()) bob.type(6 + at, letter);
    for (let edits = 0; edits < 300; edits++) {
      ada.type(edits % 2 ? 0 : ada.shown.length, "x");
      if (edits % 100 === 0) await partition.settle();
    }
    bob.device.restore();
    await partition.settle();
    const expected = `${"x".repeat(150)}begin ${diary}end${"x".repeat(150)}`;
    expect([ada.shown === expected, bob.shown === expected, bob.replaced]).toEqual([true, true, 0]);
    const ofBob = (await partition.log()).filter(({ event }) => event.clientId === "bob");
    expect(ofBob.length).toBeLessThan(10);
  }, 60_000);

  it("[CL-13] [TX-7] what has become larger than a frame, as others typed into it, is rejected, holds up nothing, and gives back the text", async () => {
    const { partition, all } = await typists("ada", "bob");
    const [ada, bob] = all as [Typist, Typist];
    const length = 60_000;
    ada.type(0, "x".repeat(length));
    await partition.settle();
    bob.device.cut();
    const typed = "All of it is\nwritten again.";
    const large = bob.document.submit(
      ChangeSet.of({ from: 0, to: length, insert: Text.of(typed.split("\n")) }, length),
    );
    bob.shown = typed;
    let reports = 0;
    bob.document.onLost(() => reports++);
    const later = bob.device.client.submit("edit", editOf("other", ChangeSet.of({ from: 0, insert: "still sent" }, 0)));
    // Each of these places divides what is deleted: together they are more than 64 KiB of JSON.
    for (let at = 0; at < 200; at++) {
      const step = Math.floor(ada.document.length / 80);
      const places = Array.from({ length: 80 }, (_, one) => ({ from: one * step + ((at * 37) % step), insert: "y" }));
      void ada.document.submit(ChangeSet.of(places, ada.document.length));
      await partition.settle();
    }
    bob.device.restore();
    await partition.settle();
    expect(await large).toMatchObject({ status: "rejected", problem: { code: "too_stale" } });
    expect((await later).status).toBe("accepted");
    expect(bob.shown).toBe(ada.document.value);
    expect(bob.document.value).toBe(await served(partition));
    // Nothing that others have typed is gone, and nothing of his own.
    expect(bob.shown).toHaveLength(length + 200 * 80);
    const lost = [{ key: expect.any(String), text: typed, reason: expect.stringContaining("Mapping this draft") }];
    expect([bob.document.lost, reports]).toEqual([lost, 1]);
    bob.device.restart();
    await partition.settle();
    const { document } = new Typist(bob.device);
    expect(document.lost).toEqual(lost);
    document.discard(document.lost[0]!.key);
    expect([document.lost, bob.device.client.rejected]).toEqual([[], []]);
  });

  it("[CL-13] [TX-7] gives back what was typed where its author may not write, and what the model rejects at once", async () => {
    const partition = room();
    const ada = new Typist(await partition.connect("ada"));
    const bob = new Typist(await partition.connect("bob", { permissions: ["read"] }));
    ada.type(0, "a😀");
    await partition.settle();
    bob.type(3, "not allowed");
    bob.type(0, "", 1);
    await partition.settle();
    expect([bob.shown, ada.shown]).toEqual(["a😀", "a😀"]);
    expect(bob.document.lost.map(({ text, reason }) => [text, reason.length > 0])).toEqual([["not allowed", true]]);
    // It is looked at with each change of the client.
    expect(bob.document.lost[0]).toBe(bob.document.lost[0]);
    ada.device.cut();
    void ada.document.submit(ChangeSet.of({ from: 2, insert: "between halves" }, 3));
    const pasted = ada.document.submit(ChangeSet.of({ from: 3, insert: "x".repeat(1_100_000) }, 3));
    await partition.advance(0);
    const [first, second] = ada.document.lost;
    expect([first!.text, first!.reason]).toEqual(["between halves", expect.stringContaining("surrogate pair")]);
    // What still has room is in the text.
    expect(ada.document.length + second!.text.length).toBe(1_100_000 + 3);
    expect(second!.reason).toContain("1048576");
    ada.document.discard(first!.key);
    expect(ada.document.lost).toEqual([second]);
    ada.device.restore();
    expect((await pasted).status).toBe("rejected");
  });

  it("[CL-1] [TX-7] keeps the order of what was typed where the message of a draft for another text is lost", async () => {
    const partition = room();
    const { ports, client: unused } = await partition.connect("ada");
    await unused.close();
    let lost = 0;
    const client = createClient({
      url: "https://partita.test",
      partition: "text-1",
      model: text,
      clientId: "ada",
      token: () => `header.${Buffer.from(JSON.stringify({ sub: "ada" })).toString("base64url")}.signature`,
      ports: {
        ...ports,
        open: (...given) => {
          const socket = ports.open(...given);
          const send = (frame: string) => {
            if (frame.includes('"doc":"lost"') && lost++ === 0) return;
            socket.send(frame);
          };
          return { ...socket, send, close: (...how) => socket.close(...how) };
        },
      },
    });
    await partition.advance(0);
    const shown = () => client.read(({ texts }) => textIn(texts, "d"));
    void client.submit("edit", editOf("lost", ChangeSet.of({ from: 0, insert: "lost" }, 0)));
    await partition.advance(0);
    void client.submit("edit", editOf("d", ChangeSet.of({ from: 0, insert: "!" }, 0)));
    void client.submit("edit", editOf("d", ChangeSet.of({ from: 0, insert: "first" }, 1)));
    // What is submitted at once is gathered for a moment.
    await partition.advance(60);
    expect([lost, client.eventId, shown()]).toEqual([1, 1, "first!"]);
    await partition.advance(10 * 60_000);
    expect([client.pending, shown(), await served(partition)]).toEqual([[], "first!", "first!"]);
  });

  it.each(["atomic", "sequential"] as const)(
    "[CL-1] [TX-6] a batch (%s) of two texts that is withdrawn or rejected leaves nothing, and what is typed later is sent",
    async (mode) => {
      for (const ends of ["withdrawn", "rejected"] as const) {
        const partition = room();
        const permissions = ends === "rejected" ? ["read"] : undefined;
        const ada = new Typist(await partition.connect("ada"));
        const device = await partition.connect("bob", permissions && { permissions });
        const [one, two] = [new Typist(device), new Typist(device, { doc: "other" })];
        const { client } = device;
        client.pause();
        const edits = ["d", "other"].map((doc) => ({
          type: "edit",
          payload: editOf(doc, ChangeSet.of({ from: 0, insert: "!" }, 0)),
        }));
        const batch = client.submitBatch(mode, edits as never);
        one.type(1, "later");
        expect([one.shown, two.shown]).toEqual(["!later", "!"]);
        if (ends === "withdrawn") await client.withdraw(client.pending[0]!.key);
        client.resume();
        await partition.settle();
        expect((await batch).status).toBe(ends);
        ada.type(0, "ada ");
        two.type(0, "more");
        await partition.settle();
        const typed = ends === "withdrawn" ? ["later", "more"] : ["", ""];
        expect([client.pending, two.shown]).toEqual([[], typed[1]]);
        expect(new Set([one.shown, ada.shown, await served(partition)])).toEqual(new Set([`ada ${typed[0]}`]));
      }
    },
  );

  it("[CL-1] [CL-11] [TX-7] all have the same text in the end, whatever they type and however their networks fail", async () => {
    await fc.assert(fc.asyncProperty(typing, judgeTyping), { numRuns: 40 });
  }, 60_000);
});
