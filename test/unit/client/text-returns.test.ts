import { EditorState } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { textEdit } from "../../../src/models/text/shapes.ts";
import { collaboration } from "../../../src/text/codemirror.ts";
import type { TextSource } from "../../../src/text/index.ts";

const source: TextSource = { value: "", length: 0, submit: () => {}, subscribe: () => () => {} };

describe("carriage returns", () => {
  it("[MD-9] are no part of a text", () => {
    const of = (...lines: string[]) => textEdit.safeParse({ doc: "d", changes: [[0, ...lines]] }).success;
    expect([of("a", "b"), of("a\r", "b"), of("a\nb"), of("\r")]).toEqual([true, false, false, false]);
  });

  it("[MD-9] become line feeds in what is pasted into an editor", () => {
    const state = EditorState.create({ doc: "one", extensions: collaboration(source) });
    const { newDoc, newSelection } = state.update({ changes: { from: 3, insert: "\r\ntwo\rthree" } });
    expect(newDoc.toString()).toBe("one\ntwo\nthree");
    expect(newDoc.lines).toBe(3);
    expect(newSelection.main.head).toBe(newDoc.length);
  });
});
