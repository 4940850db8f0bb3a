import * as fc from "fast-check";
import { textIn } from "../../src/models/text/index.ts";
import { NaiveText } from "./naive-follower.ts";
import { room } from "./merging-room.ts";
import { Typist } from "./typist.ts";

const who = fc.nat(4);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("type" as const),
      who,
      at: fc.nat(20),
      deleted: fc.nat(4),
      insert: fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom("😀", "e\u0301", "\n", "", "")),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("cut" as const, "deaf" as const, "restore" as const, "undo" as const, "redo" as const),
      who,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("atomic" as const, "sequential" as const),
      who,
      at: fc.nat(20),
      insert: fc.constantFrom("B", "😀"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("settle" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("turn" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
);

/** What people do in one text, and what happens to their networks and to the server. */
export const typing = fc.record({
  people: fc.integer({ min: 2, max: 5 }),
  steps: fc.array(step, { maxLength: 40 }),
});

/** The text of the server. */
export async function textOf(partition: ReturnType<typeof room>): Promise<string> {
  return textIn((await partition.state()).texts, "d");
}

/**
 * Lets people type as `typing` says. Throws if an editor does not show what its client has at any time, or a client another
 * text than a naive reference, which maps its drafts over each event that comes; or if the texts of all are not the same in
 * the end, or a draft was rejected.
 */
export async function judgeTyping({
  people,
  steps,
}: typeof typing extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  const partition = room();
  const all: Typist[] = [];
  // Ties go by client ids, and not by the order of arrival.
  for (const name of ["c", "a", "e", "b", "d"].slice(0, people)) all.push(new Typist(await partition.connect(name)));
  const log = new NaiveText();
  for (const one of all) one.follow(log);
  for (const one of steps) {
    const typist = "who" in one ? all[one.who % people]! : undefined;
    if (one.kind === "type") typist!.type(one.at, one.insert, one.deleted);
    else if (one.kind === "atomic" || one.kind === "sequential") typist!.batch(one.kind, one.at, one.insert);
    else if (one.kind === "cut") typist!.device.cut();
    else if (one.kind === "deaf") typist!.device.loseAnswers();
    else if (one.kind === "restore") typist!.device.restore();
    else if (one.kind === "undo") typist!.change(() => typist!.document.undo());
    else if (one.kind === "redo") typist!.change(() => typist!.document.redo());
    else if (one.kind === "crash") partition.restart();
    else if (one.kind === "turn") await new Promise((resolve) => setImmediate(resolve));
    else await partition.settle();
    for (const other of all) other.check();
  }
  for (const { device } of all) device.restore();
  await partition.settle();
  const expected = await textOf(partition);
  if (log.end !== expected)
    throw new Error(`the log makes ${JSON.stringify(log.end)}, and the server has ${JSON.stringify(expected)}`);
  for (const other of all) {
    const { client, name } = other.device;
    other.check();
    if (other.shown !== expected)
      throw new Error(`${name} has ${JSON.stringify(other.shown)}, the server ${JSON.stringify(expected)}`);
    if (client.pending.length + client.rejected.length + client.parked.length > 0)
      throw new Error(`${name} has drafts left`);
  }
}
