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
    this.#value = this.#value.slice(0, at) + what + this.#value.slice(at);
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
