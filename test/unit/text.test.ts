import { ChangeSet, Text } from "@codemirror/state";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AnyModel, type Objection, State } from "../../src/model/index.ts";
import { changesOf, editOf, lengthIn, text, type TextEdit, textIn, type Texts } from "../../src/models/text/index.ts";
import { TestPartition } from "../support/partition.ts";

const { map, compose, invert } = text.events.edit.transform!;

function room() {
  const partition = new TestPartition({ model: text as AnyModel, name: "text:1" });
  const read = (doc = "d") => textIn((partition.state() as { texts: Texts }).texts, doc);
  return { partition, a: partition.client("a"), b: partition.client("b"), read };
}

const edit = (changes: TextEdit["changes"], doc = "d") => ({ doc, changes });

/** A change set of a text, as a user or a paste makes it. */
function changeOf(doc: string, picks: readonly { at: number; deleted: number; insert: string }[]): ChangeSet {
  const specs = picks.map(({ at, deleted, insert }) => {
    const from = Math.floor(at * doc.length);
    return { from, to: Math.min(from + deleted, doc.length), insert: Text.of(insert.split("\n")) };
  });
  // One after the other: each is of the text that those before it leave.
  let set = ChangeSet.empty(doc.length);
  for (const spec of specs) {
    const { newLength } = set;
    const from = Math.min(spec.from, newLength);
    set = set.compose(ChangeSet.of({ ...spec, from, to: Math.max(from, Math.min(spec.to, newLength)) }, newLength));
  }
  return set;
}

const picks = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    deleted: fc.nat(5),
    insert: fc.oneof(fc.constant(""), fc.string({ maxLength: 4 }), fc.constantFrom("\n", "a\nb", "é", "x")),
  }),
  { minLength: 1, maxLength: 4 },
);

const applied = (doc: string, { changes }: Pick<TextEdit, "changes">) =>
  changesOf({ changes })
    .apply(Text.of(doc.split("\n")))
    .toString();

describe("the model text", () => {
  it("[MD-9] [TX-7] merges what two clients have typed at one place, the smaller client id first", () => {
    const { a, b, read } = room();
    b.submit("b1", "edit", edit([[0, "world"]]), { expectedEventId: 0 });
    a.submit("a1", "edit", edit([[0, "hello "]]), { expectedEventId: 0 });
    expect(read()).toBe("hello world");
    a.submit("a2", "edit", edit([[6, "HELLO", ""], 5]), { expectedEventId: 2 });
    expect(b.submit("b2", "edit", edit([11, [0, "!"]]), { expectedEventId: 2 }).payload.event.payload).toEqual(
      edit([11, [0, "!"]]),
    );
    expect(read()).toBe("HELLO\nworld!");
  });

  it("[MD-9] has several documents, and maps no draft over the changes of another one", () => {
    const { a, b, read } = room();
    a.submit("a1", "edit", edit([[0, "one"]], "first"), { expectedEventId: 0 });
    b.submit("b1", "edit", edit([[0, "two"]], "second"), { expectedEventId: 0 });
    expect([read("first"), read("second"), read("third")]).toEqual(["one", "two", ""]);
  });

  it.each<[string, TextEdit["changes"], string, string]>([
    ["a change of a longer text", [9, [0, "x"]], "payload.changes", "WRONG_LENGTH"],
    ["a change of a shorter text", [1, [0, "x"]], "payload.changes", "WRONG_LENGTH"],
    ["an insertion into a surrogate pair", [2, [0, "x"], 2], "payload.changes", "SPLIT_CHARACTER"],
    ["a deletion of half a pair", [1, [1], 2], "payload.changes", "SPLIT_CHARACTER"],
    ["an empty change", [4, [0]], "payload.changes[1]", "SCHEMA_ERROR"],
    ["a line with a line feed", [4, [0, "x\ny"]], "payload.changes[1]", "SCHEMA_ERROR"],
    ["a negative number", [-4, [0, "x"]], "payload.changes[0]", "SCHEMA_ERROR"],
  ])("[MD-9] [ER-3] rejects %s at its field", (_, changes, field, code) => {
    const { a, read } = room();
    a.submit("a1", "edit", edit([[0, "a😀b"]]), { expectedEventId: 0 });
    const { payload } = a.submit("a2", "edit", edit(changes), { expectedEventId: 1 });
    expect(payload).toMatchObject({ code: "validation_failed", errors: [expect.objectContaining({ field, code })] });
    expect(read()).toBe("a😀b");
  });

  it("[MD-9] rejects what was not made on the text that it names, also if it would fit the present one", () => {
    const { a, b, read } = room();
    a.submit("a1", "edit", edit([[0, "abc"]]), { expectedEventId: 0 });
    const { payload } = b.submit("b1", "edit", edit([3, [0, "x"]]), { expectedEventId: 0 });
    expect(payload).toMatchObject({ layer: "rule", errors: [{ field: "payload.changes", code: "WRONG_LENGTH" }] });
    expect(read()).toBe("abc");
  });

  it("[MD-9] [BD-1] has at most 1 MiB of text in a document, and can always be made shorter", () => {
    const { partition, a } = room();
    const line = "x".repeat(60_000);
    let length = 0;
    for (let at = 0; length < 1_000_000; at++, length += line.length) {
      partition.now += 100_000;
      a.submit(`a${at}`, "edit", edit([...(length > 0 ? [length] : []), [0, line]]), { expectedEventId: at });
    }
    const last = { expectedEventId: length / line.length };
    partition.now += 100_000;
    const { payload } = a.submit("more", "edit", edit([length, [0, line]]), last);
    expect(payload).toMatchObject({ errors: [{ code: "TEXT_TOO_LONG" }] });
    expect(a.submit("less", "edit", edit([[length - 3, "y"], 3]), last).type).toBe("event_accepted");
  });

  it("[MD-14] has documents of any name but those that cannot be a key", () => {
    const { a, read } = room();
    expect(a.submit("a1", "edit", edit([[0, "x"]], "__proto__")).payload.errors[0].field).toBe("payload.doc");
    a.submit("a2", "edit", edit([[0, "x"]], "toString"), { expectedEventId: 0 });
    expect(read("toString")).toBe("x");
    // A plain state, as an application has it, has other properties than its texts.
    const { texts } = text.initialState();
    for (const name of ["toString", "__proto__", "constructor"]) {
      expect([textIn(texts, name), lengthIn(texts, name)]).toEqual(["", 0]);
    }
  });

  it("[CL-7] has the same state after a restart as before it, from its snapshot and from its log", () => {
    const { partition, a } = room();
    for (let at = 0; at < 60; at++) {
      partition.now += 10_000;
      a.submit(`a${at}`, "edit", edit([...(at > 0 ? [at * 700] : []), [0, "é".repeat(700)]]), { expectedEventId: at });
    }
    const before = partition.state();
    partition.runDue();
    partition.restart();
    expect(partition.state()).toEqual(before);
    expect(lengthIn((before as { texts: Texts }).texts, "d")).toBe(42_000);
  });
});

describe("the mapping of text", () => {
  it("[TX-7] [MD-9] leads to one text, whichever of two changes came first", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), picks, picks, fc.boolean(), (doc, ofA, ofB, first) => {
        const [a, b] = [editOf("d", changeOf(doc, ofA)), editOf("d", changeOf(doc, ofB))];
        const event = (payload: TextEdit) => ({ type: "edit", payload });
        const bLast = applied(applied(doc, a), map(b, event(a), !first) as TextEdit);
        const aLast = applied(applied(doc, b), map(a, event(b), first) as TextEdit);
        expect(bLast).toBe(aLast);
      }),
      { numRuns: 2_000 },
    );
  });

  it("[TX-7] [MD-9] leads to one text also for changes in more parts than they need, as no editor makes them", () => {
    const divided = ({ doc, changes }: TextEdit): TextEdit => ({
      doc,
      changes: changes.flatMap<TextEdit["changes"][number]>((one) => {
        if (typeof one === "number") return one > 1 ? [1, one - 1] : [one];
        const [deleted, ...lines] = one;
        const inserts =
          lines.join("\n") === ""
            ? []
            : [
                [0, "<"],
                [0, ...lines],
                [0, ">"],
              ];
        return [...(deleted > 1 ? [[1], [deleted - 1]] : deleted > 0 ? [[1]] : []), ...inserts] as TextEdit["changes"];
      }),
    });
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), picks, picks, fc.boolean(), (doc, ofA, ofB, first) => {
        const [a, b] = [ofA, ofB].map((of) => divided(editOf("d", changeOf(doc, of)))) as [TextEdit, TextEdit];
        const event = (payload: TextEdit) => ({ type: "edit", payload });
        const bLast = applied(applied(doc, a), map(b, event(a), !first) as TextEdit);
        expect(bLast).toBe(applied(applied(doc, b), map(a, event(b), first) as TextEdit));
        expect(applied(doc, compose(a, editOf("d", ChangeSet.empty(changesOf(a).newLength))))).toBe(applied(doc, a));
      }),
      { numRuns: 2_000 },
    );
  });

  it("[TX-7] composes two changes to one, and inverts it", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), picks, picks, (doc, ofA, ofB) => {
        const a = editOf("d", changeOf(doc, ofA));
        const after = applied(doc, a);
        const b = editOf("d", changeOf(after, ofB));
        const both = compose(a, b);
        expect(applied(doc, both)).toBe(applied(after, b));
        const state = new State({ texts: {} as Texts });
        const run = ({ reduce } = text.events.edit) =>
          state.change((root) =>
            reduce(root, { payload: edit(ChangeSet.of({ from: 0, insert: doc }, 0).toJSON()) } as never, state.context),
          );
        if (doc !== "") run();
        const back = state.read((root) => invert(root, both));
        expect(applied(applied(doc, both), back)).toBe(doc);
      }),
      { numRuns: 1_000 },
    );
  });

  it("[TX-7] [ER-9] does not map over changes of another text", () => {
    const [objection] = map(edit([[0, "x"]]), { type: "edit", payload: edit([3, [0, "y"]]) }, true) as Objection[];
    expect(objection).toMatchObject({ field: "payload.changes", code: "WRONG_LENGTH" });
  });
});
