import { describe, expect, it } from "vitest";
import { type TextEdit, text, textIn, type Texts } from "../../../src/models/text/index.ts";
import { testPartition } from "../../../src/testing/index.ts";
import { openText } from "../../../src/text/index.ts";
import { bindTextarea } from "../../../src/text/textarea.ts";

/** A field that keeps of its value what a browser keeps (HTML, "value sanitization algorithm" and "API value"). */
class Field extends EventTarget {
  ownerDocument = Object.assign(new EventTarget(), { activeElement: undefined });
  selectionStart = 0;
  selectionEnd = 0;
  selectionDirection = "none";
  scrollTop = 0;
  readonly #kept: (value: string) => string;
  #value = "";

  constructor(kept: (value: string) => string) {
    super();
    this.#kept = kept;
  }

  get value(): string {
    return this.#value;
  }

  set value(given: string) {
    this.#value = this.#kept(given);
  }

  setSelectionRange(start: number, end: number): void {
    this.selectionStart = start;
    this.selectionEnd = end;
  }

  type(at: number, what: string): void {
    this.replace(at, at, what);
  }

  replace(at: number, to: number, what: string): void {
    this.#value = this.#value.slice(0, at) + what + this.#value.slice(to);
    this.setSelectionRange(at + what.length, at + what.length);
    this.dispatchEvent(new Event("input"));
  }
}

const fields = {
  textarea: (value: string) => value.replaceAll(/\r\n?/g, "\n"),
  input: (value: string) => value.replaceAll(/[\r\n]/g, ""),
};

describe("a field", () => {
  it("[CL-13] leaves no rejection unhandled where its client is closed", async () => {
    const source = {
      value: "",
      length: 0,
      submit: () => Promise.reject(new Error("closed")),
      subscribe: () => () => {},
    };
    const field = new Field(fields.textarea);
    bindTextarea(field as never, source);
    // An unhandled rejection fails the run.
    field.type(0, "a");
    await new Promise((resolve) => setTimeout(resolve));
    expect(field.value).toBe("a");
  });

  it.each(["one document", "a document each"])(
    "[CL-1] [MD-9] follows another field of the same text in the same client (%s), and its cursor stays where it is",
    async (kind) => {
      const partition = testPartition(text, { name: "text-1", seed: 1 });
      const { client } = await partition.connect("ann");
      await partition.settle();
      const first = openText(client, { doc: "d" });
      const second = kind === "one document" ? first : openText(client, { doc: "d" });
      const [left, right] = [new Field(fields.textarea), new Field(fields.textarea)];
      bindTextarea(left as never, first);
      bindTextarea(right as never, second);
      left.type(0, "begin end");
      expect(right.value).toBe("begin end");
      right.setSelectionRange(6, 6);
      left.type(9, "!");
      left.type(0, "> ");
      right.type(8, "of the ");
      left.type(2, "the ");
      expect([left.value, right.value, first.value]).toEqual(Array(3).fill("> the begin of the end!"));
      expect([left.selectionStart, right.selectionStart]).toEqual([6, "> the begin of the ".length]);
      // An undo is of the document, and moves the cursor of nobody else.
      second.undo();
      expect([left.value, right.value]).toEqual([first.value, first.value]);
      await partition.settle();
      expect(textIn((await partition.state()).texts, "d")).toBe(first.value);
    },
  );

  it("[CL-1] [MD-9] is not written while a word is composed in it; then it has the word and what others have typed", async () => {
    const partition = testPartition(text, { name: "text-1", seed: 1 });
    const [ann, bob] = [await partition.connect("ann"), await partition.connect("bob")];
    const field = new Field(fields.textarea);
    const document = openText(bob.client, { doc: "d" });
    bindTextarea(field as never, document);
    const edit = async (changes: TextEdit["changes"]) => {
      void ann.client.submit("edit", { doc: "d", changes });
      await partition.settle();
    };
    await edit([[0, "begin end"]]);
    field.dispatchEvent(new Event("compositionstart"));
    field.type(6, "n");
    await edit([[5, "Start"], 4]);
    field.type(7, "i");
    expect([field.value, document.value]).toEqual(["begin niend", "Start end"]);
    await edit([9, [0, "!"]]);
    expect(field.value).toBe("begin niend");
    // The input method replaces what was typed by what it means.
    field.replace(6, 8, "\u4f60 ");
    field.dispatchEvent(new Event("compositionend"));
    await partition.settle();
    const whole = "Start \u4f60 end!";
    expect([field.value, document.value, textIn((await partition.state()).texts, "d")]).toEqual(Array(3).fill(whole));
    expect(field.selectionStart).toBe("Start \u4f60 ".length);
  });

  it("[MD-9] [CL-1] that cannot show the lines of a text loses nothing that is typed", async () => {
    for (const [kind, kept] of Object.entries(fields)) {
      const partition = testPartition(text, { name: "text-1", seed: 1 });
      const [ann, bob] = [await partition.connect("ann"), await partition.connect("bob")];
      const field = new Field(kept);
      bindTextarea(field as never, openText(bob.client, { doc: "d" }));
      const edit = async (changes: TextEdit["changes"]) => {
        void ann.client.submit("edit", { doc: "d", changes });
        await partition.settle();
      };
      await edit([[0, "first", "second", "third"]]);
      const end = field.value.length;
      field.type(end, "!");
      field.type(end - "third".length, "?");
      await partition.settle();
      // After both lines that an `input` does not have.
      await edit([20, [0, " more"]]);
      field.type(0, "0");
      await partition.settle();
      const expected = "0first\nsecond\n?third! more";
      expect([kind, textIn(((await partition.state()) as { texts: Texts }).texts, "d")]).toEqual([kind, expected]);
      expect(field.value).toBe(kept(expected));
    }
  });
});
